"""The current engine, with its device, seed and precision: what a network is made and run in.

This is the one thing that is ambient below the language, as PyTorch's default device is.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np

from deelish.common.processes import launch
from deelish.engines.base import Engine
from deelish.engines.opening import check_engine, open_engine
from deelish.engines.precision import check_precision
from deelish.errors import EngineError

ENGINE_VARIABLE = "DEELISH_ENGINE"
PRECISION_VARIABLE = "DEELISH_PRECISION"


class Context:
    """One engine on one device, and the seed that all draws follow from.

    The newest context is the current one, until a `with` block ends. `Deel` documents the
    arguments.

    Raises:
        EngineError: no such engine, no such GPU, a precision that the engine does not have, or
            another engine than torch under torchrun.
    """

    def __init__(
        self,
        gpu: int = -1,
        engine: str | None = None,
        seed: int = 0,
        precision: str | None = None,
        compile: bool = False,
    ) -> None:
        engine = os.environ.get(ENGINE_VARIABLE, "torch") if engine is None else engine
        self.gpu, self.engine_name, self.seed = _checked(gpu, engine, seed)
        asked = os.environ.get(PRECISION_VARIABLE, "auto") if precision is None else precision
        check_precision(asked)
        self.precision = asked
        self._compile = compile
        # The tensor that the language's verbs act on; nothing below the language reads it.
        self.current: Any = None
        self._engine: Engine | None = None
        self._models: list[weakref.ref[object]] = []
        if self.gpu >= 0:
            # A missing GPU is reported where it was asked for, not at the first network.
            _ = self.engine
        # What this one replaces, which comes back where it is opened by `with`. It is held until
        # something is made here: a cell of a notebook that is run again must not hold all before.
        self._replaced = _stack[-1] if _stack else None
        self._before = None if self._replaced is None else weakref.ref(self._replaced)
        _stack[-1:] = [self]

    @property
    def engine(self) -> Engine:
        """The engine; its framework is imported when it is first needed."""
        if self._engine is None:
            self._engine = open_engine(self.engine_name, self.gpu, self.precision)
            if self._compile:
                self._engine.compile_teachers()
        return self._engine

    def __enter__(self) -> Self:
        before = None if self._before is None else self._before()
        if _stack[-1] is self and before is not None:
            # ``with Deel() as deel``: the session that making it replaced comes back afterwards.
            _stack[-1:] = [before, self]
        else:
            _stack.append(self)
        self._release()
        self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _stack.pop()

    def __repr__(self) -> str:
        return f"Deel(gpu={self.gpu}, engine={self.engine_name!r}, seed={self.seed})"

    def _release(self) -> None:
        """Hold the context no longer that making this one replaced."""
        self._replaced = None

    def add(self, model: object) -> int:
        """Register a model that is made in this context; returns how many came before it."""
        self._models.append(weakref.ref(model))
        return len(self._models) - 1

    def index_of(self, model: object) -> int | None:
        """How many models were made here before it; None for one that was not made here."""
        for index, ref in enumerate(self._models):
            if ref() is model:
                return index
        return None

    def model_at(self, index: int) -> object:
        """The model whose `index_of` this is; None where it is gone, or there is none."""
        return self._models[index]() if index < len(self._models) else None

    @property
    def made(self) -> int:
        """How many models were made here."""
        return len(self._models)

    @property
    def models(self) -> list[object]:
        """What was made here and still exists, in the order of making."""
        return [model for ref in self._models if (model := ref()) is not None]

    def seed_for(self, *index: int) -> int:
        """A 63-bit seed that depends on the context's seed and on this index alone."""
        state = np.random.SeedSequence([self.seed, *index]).generate_state(1, np.uint64)
        return int(state[0] >> np.uint64(1))


# The open contexts, the current one last. One made outside `with` replaces the one before it.
_stack: list[Context] = []
# What makes a context where a script has made none; the language makes a session of its own.
_default: list[Callable[[], Context]] = [Context]


def current_context() -> Context:
    """The newest context, or a new one on the CPU where a script has made none."""
    context = _stack[-1] if _stack else _default[0]()
    context._release()
    return context


def set_default_context(make: Callable[[], Context]) -> None:
    """Have `current_context` call `make` where there is no context yet."""
    _default[0] = make


def _checked(gpu: int, engine: str, seed: int) -> tuple[int, str, int]:
    check_engine(engine)
    for name, value in (("gpu", gpu), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise EngineError(f"Deel({name}={value!r}): give a whole number, for example 0")
    here = launch()
    if here.world_size > 1 and engine != "torch":
        raise EngineError(
            f"Deel(engine={engine!r}): torchrun started {here.world_size} processes, but this one"
            " trains in one; take Deel(engine='torch'), or start the script with python"
        )
    if here.world_size > 1 and gpu >= 0:
        gpu = here.local_rank
    if seed < 0:
        raise EngineError(f"Deel(seed={seed}): give a whole number from 0 up")
    return gpu, engine, seed
