"""Draws from a seed: PyTorch's global generators have it for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Within the block PyTorch's global generators have a seed; after it they are as before.

    device: the GPU whose generator has it too.
    """
    with torch.random.fork_rng([device] if device is not None and device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
