"""PyTorch's sides: the loops that a user writes, in float32 with PyTorch's own settings."""

from contextlib import nullcontext

import torch
import torch.nn.functional as F

from speed.plain import load
from speed.work import LR, MOMENTUM, TEMPERATURE, Work, labels_of, pixels_of, planes


def distance(scores, target):
    """The KL divergence from the teacher's softened predictions, given as logarithms."""
    logs = F.log_softmax(scores / TEMPERATURE, 1)
    return TEMPERATURE**2 * F.kl_div(logs, target, reduction="batchmean", log_target=True)


def autocast(type):
    """Computing in a reduced type, where it is one."""
    return nullcontext() if type == "float32" else torch.autocast("cpu", getattr(torch, type))


def softened(scores):
    """The logarithms of a teacher's softened predictions."""
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
    """Logits, in NumPy."""

    def step(self):
        with torch.no_grad():
            return len(self.network(torch.from_numpy(planes(self.pixels))).numpy())


class Train(Torch):
    """A training step on labels, or with a teacher.

    cached: the teacher's predictions are in memory.
    """

    def __init__(self, setting, network, teacher=None, cached=False):
        super().__init__(setting, network)
        self.network.train()
        self.labels = torch.from_numpy(labels_of(setting))
        self.optimizer = torch.optim.SGD(self.network.parameters(), LR, MOMENTUM)
        self.teacher = self.target = None
        if teacher:
            self.teacher, self.seen = self.load(teacher).eval(), pixels_of(setting, teacher)
        if cached:
            self.target, self.teacher = self.predicted(), None

    def predicted(self):
        """The teacher's softened predictions."""
        with torch.no_grad():
            return softened(self.teacher(torch.from_numpy(planes(self.seen))))

    def step(self):
        target = self.target if self.teacher is None else self.predicted()
        self.train(torch.from_numpy(planes(self.pixels)), self.labels, target)
        return len(self.labels)

    def train(self, x, labels, target=None):
        """One update from a batch's labels, or from softened predictions."""
        scores = self.scores(x)
        loss = F.cross_entropy(scores, labels) if target is None else distance(scores, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def scores(self, x):
        """The logits of a batch, with gradients."""
        return self.network(x)
