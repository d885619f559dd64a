"""PyTorch's sides as an expert writes them: every setting of PyTorch that makes a CPU faster."""

import torch

from speed import by_torch
from speed.by_torch import autocast, softened
from speed.plain import load
from speed.work import LR, MOMENTUM, pixels_of, planes, type_of


class _Expert:
    """Channels last, and bfloat16 by autocast where the processor multiplies in it.

    Args:
        precision: "auto", or "float32" for no autocast.
        compiled: whether networks that only predict go through torch.compile.
    """

    def __init__(self, setting, network, *, precision="auto", compiled=False, **options):
        self.type, self.compiled = type_of(precision), compiled
        super().__init__(setting, network, **options)

    def load(self, name):
        path = self.setting.file(name, ".safetensors")
        network = load(name, self.setting.sizes[name], path)
        return network.to(memory_format=torch.channels_last)

    def predictor(self, network):
        """A network in evaluation mode, from pixels to float32 logits."""
        network = torch.compile(network.eval()) if self.compiled else network.eval()

        def logits(pixels):
            with torch.inference_mode(), autocast(self.type):
                return network(channels_last(pixels)).float()

        return logits


class Forward(_Expert, by_torch.Forward):
    """Logits, in NumPy."""

    def __init__(self, setting, network, **options):
        super().__init__(setting, network, **options)
        self.logits = self.predictor(self.network)

    def step(self):
        return len(self.logits(self.pixels).numpy())


class Train(_Expert, by_torch.Train):
    """A training step on labels, or with a teacher; the optimiser updates all weights at once."""

    def __init__(self, setting, network, teacher=None, **options):
        super().__init__(setting, network, **options)
        self.optimizer = torch.optim.SGD(self.network.parameters(), LR, MOMENTUM, fused=True)
        if teacher:
            self.teacher, self.seen = (
                self.predictor(self.load(teacher)),
                pixels_of(setting, teacher),
            )

    def predicted(self):
        # A tensor born in inference mode cannot enter a loss; its copy can.
        return softened(self.teacher(self.seen)).clone()

    def step(self):
        target = None if self.teacher is None else self.predicted()
        self.train(channels_last(self.pixels), self.labels, target)
        return len(self.labels)

    def scores(self, x):
        with autocast(self.type):
            return self.network(x).float()


def channels_last(pixels):
    """The pixels as a tensor in the layout of the fast convolutions."""
    return torch.from_numpy(planes(pixels)).to(memory_format=torch.channels_last)
