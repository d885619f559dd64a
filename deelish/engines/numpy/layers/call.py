"""What a layer's function in NumPy is, and the precision that it counts in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deelish.engines.call import Args as Args
from deelish.engines.call import Call as Call

# numpy.ndarray, of which arithmetic makes a number where it has no axis.
Array = Any
# (bottoms, the layer's weights, its arguments, how it is run) -> its top, or as many as it has
Op = Callable[[Sequence[Array], Any, Args, Call], Array | Sequence[Array]]


def in_doubles(op: Op) -> Op:
    """The op on bottoms in float64; its tops in float32, or in float64 where a bottom is.

    A layer without bottoms leaves the type of its tops as it is.
    What has no finite result (1 / 0, 0 / 0, the exponential of 1000) is infinite or NaN.
    """

    def run(x: Sequence[Array], p: Any, a: Args, c: Call) -> Array | list[Array]:
        with np.errstate(all="ignore"):
            made = op([np.asarray(each, np.float64) for each in x], p, a, c)
            types = [np.float64 if each.dtype == np.float64 else np.float32 for each in x]
            kind = np.result_type(*types) if types else None
            if isinstance(made, list | tuple):
                return [np.asarray(top, kind, order="C") for top in made]
            return np.asarray(made, kind, order="C")

    return run
