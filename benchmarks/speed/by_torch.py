"""PyTorch's sides: the loops that a user writes, in float32 with PyTorch's own settings."""

import torch
import torch.nn.functional as F

from speed.plain import load
from speed.work import MOMENTUM, RATE, TEMPERATURE, Work, labels_of, pixels_of, planes


def distance(scores, target):
    """The KL divergence from the teacher's softened answer, given as logarithms."""
    answer = F.log_softmax(scores / TEMPERATURE, 1)
    return TEMPERATURE**2 * F.kl_div(answer, target, reduction="batchmean", log_target=True)


def softened(scores):
    """The logarithms of a teacher's softened answer."""
    return F.log_softmax(scores / TEMPERATURE, 1)


class Torch(Work):
    """A network, and the batch that it sees."""

    def __init__(self, setting, network):
        super().__init__(setting)
        self.pixels = pixels_of(setting, network)
        self.network = self.load(network).eval()

    def load(self, name):
        """A network by its name."""
        return load(name, self.setting.sizes[name], self.setting.file(name, ".safetensors"))


class Forward(Torch):
    """An answer, in NumPy."""

    def step(self):
        with torch.no_grad():
            return len(self.network(torch.from_numpy(planes(self.pixels))).numpy())


class Learn(Torch):
    """A training step; the network learns from labels, or from a teacher.

    kept: the teacher's answers are at hand.
    """

    def __init__(self, setting, network, teacher=None, kept=False):
        super().__init__(setting, network)
        self.network.train()
        self.labels = torch.from_numpy(labels_of(setting))
        self.optimizer = torch.optim.SGD(self.network.parameters(), RATE, MOMENTUM)
        self.teacher = self.answers = None
        if teacher:
            self.teacher, self.seen = self.load(teacher).eval(), pixels_of(setting, teacher)
        if kept:
            self.answers, self.teacher = self.taught(), None

    def taught(self):
        """The teacher's softened answer."""
        with torch.no_grad():
            return softened(self.teacher(torch.from_numpy(planes(self.seen))))

    def step(self):
        target = self.answers if self.teacher is None else self.taught()
        self.learn(torch.from_numpy(planes(self.pixels)), self.labels, target)
        return len(self.labels)

    def learn(self, x, labels, target=None):
        """One update from a batch's labels, or from a softened answer."""
        scores = self.network(x)
        loss = F.cross_entropy(scores, labels) if target is None else distance(scores, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()
