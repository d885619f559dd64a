"""A module of the user's as the torch engine trains it: named blobs, seeded dropout, one output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from deelish.engines.inference import Part, logits_of
from deelish.engines.learning import LOGITS
from deelish.engines.torch.batch_statistics import images_of_all
from deelish.engines.torch.drawing import drawing_from
from deelish.engines.torch.recording import recorded, recording
from deelish.engines.trainable import Trainable
from deelish.errors import TrainingError

_NORMS = (nn.modules.batchnorm._BatchNorm,)


class AdoptedModule(nn.Module):
    """Runs a module of the user's as a network of rows is run.

    Args:
        name: what errors call it.
        module: the user's own; it is trained itself, and no copy of it.
        generator: the engine's, from which the seed of dropout is drawn.
        output: which part of its output the logits are, where it makes several.

    Attributes:
        is_mobile: whether a processor trains it faster in float32 than in bfloat16.
    """

    def __init__(
        self, name: str, module: nn.Module, generator: torch.Generator, output: Part = None
    ) -> None:
        super().__init__()
        self.name = name
        self.module = module
        self.generator = generator
        self.output = output
        self.is_mobile = _is_mobile(module)
        # The engine switches modes by this module's own flag, which must be that of all parts.
        self.eval()

    def forward(
        self, inputs: Tensor | Mapping[str, Tensor], names: Iterable[str] = (LOGITS,)
    ) -> Any:
        """Logits (n, classes) of one tensor, or {name: tensor} for inputs and layers by name."""
        alone = isinstance(inputs, Tensor)
        (values,) = (inputs,) if isinstance(inputs, Tensor) else inputs.values()
        layers = [name for name in names if name != LOGITS]
        with recording(self.module, layers) as outputs, self._drawing(values), self._norms(values):
            made = self.module(values)
        logits = logits_of(self.name, made, torch.is_tensor, self.output)
        found = {name: recorded(self.name, name, outputs) for name in layers}
        return logits if alone else {**found, LOGITS: logits}

    @contextmanager
    def _drawing(self, values: Tensor) -> Iterator[None]:
        """In training, draw from a seed of the engine's; the global generators stay as they are."""
        if not self.training:
            yield
            return
        seed = torch.randint(2**62, (), generator=self.generator, device=self.generator.device)
        with drawing_from(int(seed), values.device):
            yield

    @contextmanager
    def _norms(self, values: Tensor) -> Iterator[None]:
        """BatchNorm of one image alone has no statistics: it takes its running ones."""
        if not (self.training and images_of_all(len(values)) == 1):
            yield
            return
        norms = [part for part in self.module.modules() if isinstance(part, _NORMS)]
        trained = [part for part in norms if part.training]
        for part in trained:
            part.eval()
        try:
            yield
        finally:
            for part in trained:
                part.train()

    def trainable(self) -> list[Trainable]:
        """Its trainable parameters, each with 1 and what its weight decay is multiplied by.

        As in timm, biases and the scales of normalisation, which have one axis, have no weight
        decay, nor has what the module's own `no_weight_decay()` names. The layer of a parameter is
        the part that holds it; one of the module itself has its own name for it.

        Raises:
            TrainingError: there is none.
        """
        exempt = getattr(self.module, "no_weight_decay", None)
        names = set(exempt()) if callable(exempt) else set()
        found = [
            Trainable(
                name.rpartition(".")[0] or name,
                value,
                1.0,
                float(value.dim() > 1 and name not in names),
            )
            for name, value in self.module.named_parameters()
            if value.requires_grad
        ]
        if not found:
            raise TrainingError(
                f"{self.name}: has no weight with requires_grad, so that nothing would be trained;"
                " set it for those that should learn"
            )
        return found


def _is_mobile(module: nn.Module) -> bool:
    """Whether it is built of depthwise convolutions with BatchNorm, as MobileNets are.

    On a processor with AVX-512's bfloat16 one core trains MobileNetV3-small at 64 pixels at 760
    images a second in float32 and 280 in bfloat16, MobileNetV4-small at 224 pixels at 48 and 44.
    """
    parts = list(module.modules())
    depthwise = any(isinstance(p, nn.Conv2d) and p.groups == p.in_channels > 1 for p in parts)
    return depthwise and any(isinstance(part, nn.BatchNorm2d) for part in parts)
