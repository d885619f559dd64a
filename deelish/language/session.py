"""The session: one engine on one device, one seed, and what a command without an argument means."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from deelish.common.printing import say
from deelish.common.processes import launch
from deelish.engines import Engine, check_engine, check_precision, open_engine
from deelish.errors import DataError, EngineError, TrainingError

if TYPE_CHECKING:
    from deelish.images.dataset import ImageSets
    from deelish.network.network import Network
    from deelish.network.tensors import Tensor
    from deelish.training.run import Run


ENGINE_VARIABLE = "DEELISH_ENGINE"
PRECISION_VARIABLE = "DEELISH_PRECISION"


class Deel:
    """A session. The newest one is the current one, until a `with` block ends.

    ``deel = Deel(gpu=-1)`` opens a session for a script; ``with Deel(seed=1) as deel:`` opens one
    for a block and gives the name back to the session before.

    Args:
        gpu: -1 for the CPU, 0 for the first GPU; under torchrun, for each process its own.
        engine: the framework that computes, "torch" or "chainer", or "numpy", which only answers;
            left out, the one that the environment variable DEELISH_ENGINE names, else torch.
        seed: first weights, order of images, views and dropout all follow from it.
        precision: what layers compute in. "auto" takes bfloat16 for training and for teachers
            where the device has it, and float32 for all other answers; "float32", "bfloat16" and
            "float16" hold for all. Weights and losses are float32 always. Left out, what the
            environment variable DEELISH_PRECISION names, else "auto".
        compile: have PyTorch compile the teachers, which takes a minute for each and changes their
            answers by rounding; students train as they are, which is faster.

    Raises:
        EngineError: no such engine, no such GPU, a precision that the engine has not, or another
            engine than torch under torchrun.
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
        if not isinstance(compile, bool):
            raise EngineError(f"Deel(compile={compile!r}): give True or False")
        self._compile = compile
        self._engine: Engine | None = None
        self.current: Tensor | None = None
        self.sets: ImageSets | None = None
        self.run: Run | None = None
        self.epochs = 0
        self._told = False
        self.updates = 0
        self._networks: list[weakref.ref[Network]] = []
        self._last_used: Network | None = None
        self._last_trained: Network | None = None
        if self.gpu >= 0:
            # A GPU that is not there is said where it was asked for, not at the first network.
            _ = self.engine
        self._before = _stack[-1] if _stack else None
        _stack[-1:] = [self]

    @property
    def engine(self) -> Engine:
        """The engine; its framework is imported when it is first needed."""
        if self._engine is None:
            self._engine = open_engine(self.engine_name, self.gpu, self.precision)
            if self._compile:
                self._engine.compile_teachers()
        return self._engine

    def __enter__(self) -> Deel:
        if _stack[-1] is self and self._before is not None:
            # ``with Deel() as deel``: the session that making it replaced comes back afterwards.
            _stack[-1:] = [self._before, self]
            self._before = None
        else:
            _stack.append(self)
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

    def add(self, network: Network) -> int:
        """Take a network in; returns how many came before it."""
        self._networks.append(weakref.ref(network))
        self._last_used = network
        return len(self._networks) - 1

    def tell_precision(self) -> None:
        """Say once what training and teachers are computed in, where that is not float32."""
        if self.engine.half is not None and not self._told:
            self._told = True
            say(
                f"training and teachers compute in {self.engine.half}; in float32, and"
                " slower, with Deel(precision='float32')"
            )

    @property
    def may_round(self) -> bool:
        """Whether answers may be computed in the half type: in a training, not at the prompt."""
        return self.run is not None

    @property
    def networks(self) -> list[Network]:
        """The networks of this session that still exist, in the order they were made."""
        return [network for ref in self._networks if (network := ref()) is not None]

    def used(self, network: Network, *, trained: bool = False) -> None:
        """Remember which network answered last, and which learnt last."""
        self._last_used = network
        if trained:
            self._last_trained = network

    @property
    def network(self) -> Network:
        """The network last trained; before any training, the one last used."""
        network = self._last_trained or self._last_used
        if network is None:
            raise TrainingError(
                "there is no network yet for CNN to name; make one first, for example"
                " student = NetworkInNetwork(labels=10)"
            )
        return network

    def tensor(self, given: Tensor | None = None) -> Tensor:
        """The tensor that a command acts on: the one given, or the current one."""
        tensor = self.current if given is None else given
        if tensor is None:
            raise DataError("there is no current tensor; give one, or call Input('cat.jpg') first")
        return tensor

    def seed_for(self, *place: int) -> int:
        """A 63-bit seed that depends on the session's seed and on this place alone."""
        state = np.random.SeedSequence([self.seed, *place]).generate_state(1, np.uint64)
        return int(state[0] >> np.uint64(1))


# The open sessions, the current one last. One made outside `with` takes its predecessor's place.
_stack: list[Deel] = []


def current_session() -> Deel:
    """The newest session, or a new one on the CPU where a script has made none."""
    return _stack[-1] if _stack else Deel()


def _checked(gpu: int, engine: str, seed: int) -> tuple[int, str, int]:
    check_engine(engine)
    for name, value in (("gpu", gpu), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise EngineError(f"Deel({name}={value!r}): give a whole number, for example 0")
    here = launch()
    if here.size > 1 and engine != "torch":
        raise EngineError(
            f"Deel(engine={engine!r}): torchrun started {here.size} processes, and this engine"
            " trains in one; take Deel(engine='torch'), or start the script with python"
        )
    if here.size > 1 and gpu >= 0:
        gpu = here.local_rank
    if seed < 0:
        raise EngineError(f"Deel(seed={seed}): give a whole number from 0 up")
    return gpu, engine, seed
