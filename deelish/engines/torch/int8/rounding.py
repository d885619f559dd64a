"""Rounds to 8 bits and back, as int8 files do, by PyTorch's operators, which pass gradients on.

Weights are symmetric, -127 to 127; activations are affine, 0 to 255, and their range holds 0: the
schemes of onnxruntime's static quantisation and of LiteRT. The gradient is 1 where a number is
within its range and 0 beyond (the straight-through estimator, Bengio et al. 2013).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WEIGHT_LEVELS, LEVELS = 127, 255
# A layer of zeros has no range.
LEAST = 1e-12


def rounded_by_channel(weight: Tensor) -> Tensor:
    """Weights (outputs, ...) with a scale for each output."""
    largest = weight.detach().flatten(1).abs().amax(1).clamp_min(LEAST)
    zeros = torch.zeros_like(largest, dtype=torch.int32)
    made: Tensor = torch.fake_quantize_per_channel_affine(
        weight, largest / WEIGHT_LEVELS, zeros, 0, -WEIGHT_LEVELS, WEIGHT_LEVELS
    )
    return made


def rounded_by_tensor(weight: Tensor) -> Tensor:
    """Weights with one scale for all, as many microcontrollers need them."""
    scale = weight.detach().abs().amax().clamp_min(LEAST) / WEIGHT_LEVELS
    zero = torch.zeros((), dtype=torch.int32, device=weight.device)
    made: Tensor = torch.fake_quantize_per_tensor_affine(
        weight, scale, zero, -WEIGHT_LEVELS, WEIGHT_LEVELS
    )
    return made


ROUNDED = {"channel": rounded_by_channel, "tensor": rounded_by_tensor}


class Activation(nn.Module):
    """Activations in 8 bits, in the range that was measured.

    Attributes:
        measuring: whether a forward pass widens the range, and rounds nothing.
        least, most: the range.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        """Forget the range, and measure it."""
        self.measuring = True
        self.set(0.0, 0.0)

    def set(self, least: float, most: float) -> None:
        """Round within this range, which is widened to hold 0."""
        self.least, self.most = min(least, 0.0), max(most, 0.0)
        self._scale = max((self.most - self.least) / LEVELS, LEAST)
        self._zero = round(-self.least / self._scale)

    def forward(self, x: Tensor) -> Tensor:
        """x, rounded; while it measures, x itself."""
        if self.measuring:
            least, most = torch.aminmax(x.detach())
            self.set(min(self.least, float(least)), max(self.most, float(most)))
            return x
        made: Tensor = torch.fake_quantize_per_tensor_affine(x, self._scale, self._zero, 0, LEVELS)
        return made
