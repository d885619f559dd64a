"""What a torch module says of its own input: sides and channels that it takes alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import nn


def fixed_input(module: nn.Module) -> dict[str, int]:
    """`size` and `channels`, as far as the module states them.

    The size is stated by the patch embedding of timm's transformers and by torchvision's ViT, the
    channels by the first convolution that timm's configuration names. timm's `fixed_input_size` is
    not asked: many models that have it run at other sizes.
    """
    found = {"size": _size(module), "channels": _channels(module)}
    return {name: value for name, value in found.items() if value is not None}


def _size(module: nn.Module) -> int | None:
    embedding = getattr(module, "patch_embed", None)
    if getattr(embedding, "strict_img_size", False):
        sides = getattr(embedding, "img_size", None)
        square = isinstance(sides, tuple) and len(set(sides)) == 1
        return int(sides[0]) if sides is not None and square else None
    side = getattr(module, "image_size", None)
    return side if isinstance(side, int) and hasattr(module, "conv_proj") else None


def _channels(module: nn.Module) -> int | None:
    config = getattr(module, "pretrained_cfg", None)
    name: Any = config.get("first_conv") if isinstance(config, Mapping) else None
    name = name[0] if isinstance(name, tuple | list) and name else name
    first = dict(module.named_modules()).get(name) if isinstance(name, str) else None
    if not isinstance(first, nn.Conv2d):
        return None
    # TResNet folds blocks of 4 x 4 pixels into 48 channels before it.
    folded = math.isqrt(first.in_channels // 3)
    return 3 if 3 * folded**2 == first.in_channels else first.in_channels
