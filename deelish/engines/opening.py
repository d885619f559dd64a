"""Opens an engine by name; its framework is imported then, and not before."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from deelish.engines.base import Engine
from deelish.engines.precision import AUTO
from deelish.errors import EngineError, MissingPackageError

# By the name of the folder, the class in its module `engine`.
_CLASSES = {
    "torch": "TorchEngine",
    "chainer": "ChainerEngine",
    "numpy": "NumpyEngine",
}
ENGINES = tuple(_CLASSES)


def check_engine(name: str) -> None:
    """Refuse an engine that this version does not have, without importing any.

    Raises:
        EngineError: no such engine.
    """
    if name not in ENGINES:
        raise EngineError(
            f"engine {name!r} is not there; this version of deelish has {', '.join(ENGINES)}:"
            " Deel(engine='torch')"
        )


def open_engine(name: str, gpu: int, precision: str = AUTO) -> Engine:
    """The engine of this name on the CPU (gpu=-1) or a GPU; imports its framework.

    Raises:
        EngineError: no such engine, no such GPU, a framework that is not installed, or a
            precision that the engine does not have.
    """
    check_engine(name)
    try:
        engine: Callable[[int, str], Engine] = getattr(
            import_module(f"deelish.engines.{name}.engine"), _CLASSES[name]
        )
    except EngineError:  # an ImportError too, where a package is missing
        raise
    except ImportError as error:
        # PyTorch's: NumPy is always there, and chainer.importing has its own error.
        raise MissingPackageError(
            f"engine {name!r} cannot be imported ({error}); install it: pip install 'torch>=2.6'"
        ) from error
    return engine(gpu, precision)
