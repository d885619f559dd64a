"""Teachers compiled by PyTorch, each for the shapes of its batches.

Students are not: on two cores a compiled NIN took 1.4 times as long to train as NIN as it is.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deelish.common.printing import say
from deelish.engines.torch.module import PlanModule
from deelish.errors import first_line

Shapes = dict[str, tuple[int, ...]]
Run = Callable[[Mapping[str, Tensor], Iterable[str]], dict[str, Tensor]]


@dataclass
class _Compiled:
    """The shapes of a module's last inputs; once it is compiled, those it is compiled for."""

    shapes: Shapes
    run: Run | None = None


class Compiler:
    """Compiles a network at the second batch of a shape, for that shape and no other.

    The first one runs as it is: it may be the only one, and its errors are the network's own. An
    epoch's last and smaller batch is not worth a compilation.
    """

    def __init__(self) -> None:
        self._works = True

    def run(
        self, module: PlanModule, inputs: Mapping[str, Tensor], wanted: Iterable[str]
    ) -> dict[str, Tensor]:
        """What `module(inputs, wanted)` gives, within rounding."""
        names = tuple(wanted)
        shapes = {name: tuple(tensor.shape) for name, tensor in inputs.items()}
        made: _Compiled = module.compiled.setdefault(names, _Compiled({}))
        if made.shapes == shapes and self._works:
            return made.run(inputs, names) if made.run else self._compile(module, inputs, names)
        if made.run is None:
            made.shapes = shapes
        outputs: dict[str, Tensor] = module(inputs, names)
        return outputs

    def _compile(
        self, module: PlanModule, inputs: Mapping[str, Tensor], names: tuple[str, ...]
    ) -> dict[str, Tensor]:
        """The first outputs of the compiled network; where that fails, of the network as it is."""
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                # It warns of what it cannot compile, and leaves that as it is.
                warnings.simplefilter("ignore")
                run: Run = torch.compile(module.forward, dynamic=False)
                outputs = run(inputs, names)
        except Exception as error:
            self._works = False
            say(f"compile=True: teachers run as they are ({_cause(error)})")
            again: dict[str, Tensor] = module(inputs, names)
            return again
        module.compiled[names].run = run
        say(f"compile=True: a teacher compiled in {time.perf_counter() - start:.0f} s")
        return outputs


def _cause(error: Any) -> str:
    """The first line of the innermost error: a compiler's message has hundreds of lines."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
