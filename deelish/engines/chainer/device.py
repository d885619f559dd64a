"""The device of the Chainer engine: NumPy, or one GPU through CuPy.

CuPy copies what is sent to a GPU through pinned memory and does not wait for it, on the stream that
computes. CuPy 13 brings cuDNN, which Chainer uses where the library is there; CuPy 14 has none, and
Chainer's own kernels run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.errors import EngineError

chainer = import_chainer()


def choose_device(gpu: int) -> Any:
    """Chainer's device: the CPU for gpu=-1, else that GPU.

    Raises:
        EngineError: CuPy is not installed or cannot be used, or there is no such GPU.
    """
    if gpu < 0:
        return chainer.get_device("@numpy")
    where, count = f"Deel(gpu={gpu}, engine='chainer')", _gpus()
    if isinstance(count, str):
        raise EngineError(f"{where}: {count}, or use gpu=-1")
    if gpu >= count:
        raise EngineError(
            f"{where}: this machine shows CuPy {count} GPU{'s' * (count > 1)}; use a number below"
            f" {count}, or gpu=-1"
        )
    with warnings.catch_warnings():
        # Chainer advises to install cuDNN and CuPy again, which is no use with CuPy 14.
        warnings.simplefilter("ignore")
        return chainer.get_device(f"@cupy:{gpu}")


@contextmanager
def computing(device: Any, **settings: bool) -> Iterator[None]:
    """Compute on a device, with these settings of Chainer's."""
    with ExitStack() as stack:
        for name, value in settings.items():
            stack.enter_context(chainer.using_config(name, value))
        # NumPy warns of what other engines pass on in silence, such as the logarithm of 0.
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(chainer.using_device(device))
        yield


@contextmanager
def drawing_from(device: Any, seed: int) -> Iterator[None]:
    """Within the block NumPy's and CuPy's global generators, which Chainer draws from, have a seed.

    After it they are as they were before it.
    """
    before = np.random.get_state()
    np.random.seed(seed % 2**32)
    random = None if device.xp is np else device.xp.random
    on_gpu = None if random is None else random.get_random_state()
    if random is not None:
        random.set_random_state(random.RandomState(seed % 2**32))
    try:
        yield
    finally:
        np.random.set_state(before)
        if random is not None:
            random.set_random_state(on_gpu)


def to_numpy(value: Any) -> np.ndarray:
    """A variable's or an array's numbers, C-contiguous on the CPU."""
    array = value.array if isinstance(value, chainer.Variable) else value
    return np.asarray(chainer.get_device("@numpy").send(array), order="C")


def _gpus() -> int | str:
    """How many GPUs CuPy sees, or why it sees none, with the cure."""
    backend = chainer.backends.cuda
    cure = "install CUDA's driver and libraries"
    if not backend.available:
        reason = backend._resolution_error
        if isinstance(reason, ModuleNotFoundError) and reason.name == "cupy":
            return "CuPy is not installed; install cupy-cuda12x"
        return f"CuPy cannot be used ({_one_line(reason)}); {cure}"
    try:
        count = int(backend.cupy.cuda.runtime.getDeviceCount())
    except RuntimeError as error:
        return f"CuPy sees no GPU ({_one_line(error)}); {cure}"
    return count or f"CuPy sees no GPU; {cure}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
