"""What a layer's function in PyTorch is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from deelish.engines.call import Args as Args
from deelish.engines.call import Call as Call

# (bottoms, the layer's weights, its arguments, how it is run) -> its top, or as many as it has
Op = Callable[[Sequence[Tensor], Any, Args, Call], Tensor | Sequence[Tensor]]
