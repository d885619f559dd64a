"""deelish's own modules in a loop written by hand: what the language adds is the rest."""

import torch

from deelish import *
from speed.by_torch import autocast, distance, softened
from speed.work import LR, MOMENTUM, Work, pixels_of, planes


class Train(Work):
    """A step of distillation in the session's own precision."""

    def __init__(self, setting, network, teacher):
        super().__init__(setting)
        self.session = Deel(engine="torch", precision="auto")
        self.type = self.session.engine.autocast_dtype or "float32"
        loaded = [Network.load(setting.file(name, ".safetensors")) for name in (network, teacher)]
        self.student, self.teacher = (one.module for one in loaded)
        self.pixels, self.seen = pixels_of(setting, network), pixels_of(setting, teacher)
        self.optimizer = torch.optim.SGD(self.student.parameters(), LR, MOMENTUM, fused=True)
        self.student.train()

    def step(self):
        with torch.inference_mode(), autocast(self.type):
            logits = self.teacher(torch.from_numpy(planes(self.seen)))
        # A tensor born in inference mode cannot enter a loss; its copy can.
        target = softened(logits.to(torch.float32, copy=True))
        with autocast(self.type):
            scores = self.student(torch.from_numpy(planes(self.pixels)))
        loss = distance(scores.float(), target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        loss.item()
        return len(scores)
