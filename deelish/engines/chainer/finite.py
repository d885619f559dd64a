"""Which arrays of a chain hold NaN or infinity, and copies of its persistent values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from deelish.engines.base import LayerArray, Part, is_mask
from deelish.engines.chainer.adopted import AdoptedChain
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.module import PlanChain
from deelish.engines.chainer.recording import is_array
from deelish.engines.trainable import own_arrays

chainer = import_chainer()


def all_finite(arrays: Iterable[Any]) -> bool:
    """Whether no array holds NaN or infinity; those of whole numbers hold none."""
    numbers = [array for array in map(_array, arrays) if array.dtype.kind == "f"]
    # A sum that is finite has finite parts alone. One that is not may have overflowed.
    if math.isfinite(float(sum(array.sum() for array in numbers))):
        return True
    xp = chainer.backend.get_array_module(*numbers)
    return all(bool(xp.isfinite(array).all()) for array in numbers)


def layer_arrays(module: PlanChain | AdoptedChain, part: Part) -> Iterator[LayerArray]:
    """The weights of a chain, persistent arrays but masks among them, or gradients it has."""
    for layer, name, value in _named(module):
        learnt = isinstance(value, chainer.Variable)
        array = _array(value) if part == "weight" else value.grad if learnt else None
        if is_array(array):
            yield LayerArray(layer, name, array)


def _named(module: PlanChain | AdoptedChain) -> Iterator[tuple[str, str, Any]]:
    if isinstance(module, PlanChain):
        for layer, name in own_arrays(module.plan):
            yield layer, name, getattr(module.weights_of(layer), name)
        return
    for path, link in module.module.namedlinks():
        for name in sorted(link._params | link._persistent):
            value = getattr(link, name)
            if name in link._params or not (is_array(value) and is_mask(value)):
                yield path.strip("/").replace("/", "."), name, value


def _array(value: Any) -> Any:
    return value.array if isinstance(value, chainer.Variable) else value


def copied_buffers(chain: Any) -> list[Any]:
    """Copies of the persistent values, such as running means."""
    values = [getattr(link, name) for link, name in _persistent(chain)]
    return [value.copy() if is_array(value) else value for value in values]


def restore_buffers(chain: Any, copies: Sequence[Any]) -> None:
    """Give a chain the persistent values that were copied."""
    for (link, name), value in zip(_persistent(chain), copies, strict=True):
        if is_array(value):
            getattr(link, name)[...] = value
        else:
            setattr(link, name, value)


def _persistent(chain: Any) -> list[tuple[Any, str]]:
    return [(link, name) for link in chain.links() for name in sorted(link._persistent)]
