"""The average of the arrays of two chains of one structure, in place."""

from __future__ import annotations

from typing import Any

from deelish.engines.base import is_mask
from deelish.engines.chainer.recording import is_array


def ema_update(chain: Any, other: Any, decay: float, *, buffers: bool) -> None:
    """chain = decay * chain + (1 - decay) * other in all parameters.

    Persistent values are copied; with `buffers` those of fractions are averaged too.
    """
    for mine, its in zip(chain.params(), other.params(), strict=True):
        _average(mine.array, its.array, decay)
    for own, others in zip(chain.links(), other.links(), strict=True):
        for name in others._persistent:
            value = getattr(others, name)
            if is_array(value):
                averaged = buffers and value.dtype.kind == "f" and not is_mask(value)
                _average(getattr(own, name), value, decay if averaged else 0.0)
            else:
                setattr(own, name, value)


def _average(mine: Any, its: Any, decay: float) -> None:
    # Numbers that are equal stay so to the bit, as those of a frozen layer must.
    if decay > 0.5:
        mine += (1 - decay) * (its - mine)
    elif decay:
        mine[...] = its - decay * (its - mine)
    else:
        mine[...] = its
