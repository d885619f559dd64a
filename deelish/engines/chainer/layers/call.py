"""What a layer's function in Chainer is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deelish.engines.call import Args as Args
from deelish.engines.call import Call as Call

# Chainer has no types: this is chainer.Variable, of float32.
Variable = Any

# (bottoms, the layer's weights, its arguments, how it is run) -> its top, or as many as it has
Op = Callable[[Sequence[Variable], Any, Args, Call], Variable | Sequence[Variable]]
