"""onnxruntime's sessions, and the error where it is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deelish.common.extras import ONNX
from deelish.common.processes import available_cores
from deelish.errors import FileError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
# onnxruntime's option for where large weights are, which a model that it gets as bytes cannot say.
BESIDE = "session.model_external_initializers_file_folder_path"


def check_runtime(path: Path | None = None) -> Any:
    """The package onnxruntime.

    Raises:
        FileError: it is not there; the file that needs it is named where one is given.
    """
    try:
        import onnxruntime
    except ImportError:
        where = "" if path is None else f"{path}: "
        raise FileError(f"{where}running .onnx needs the package onnxruntime; {ONNX}") from None
    return onnxruntime


def open_session(
    model: str | bytes, *, threads: int | None = None, beside: Path | None = None, gpu: int = -1
) -> Any:
    """An InferenceSession; what onnxruntime raises is left to the caller.

    Args:
        model: the name of a file, or what it holds.
        threads: how many it computes with; left out, one for each core that this process may use.
        beside: the folder where a model given as bytes has its large weights.
        gpu: -1 for the CPU, else the number of a GPU; the CPU takes what the GPU cannot.
    """
    runtime = check_runtime()
    # It imports onnxruntime, which is there by now.
    from deelish.engines.runtimes.programs.of_onnxruntime import options_of

    # Without a number it binds a thread to every core, which containers forbid.
    options = options_of(threads or available_cores())
    if beside is not None:
        options.add_session_config_entry(BESIDE, str(beside))
    providers: list[Any] = [] if gpu < 0 else [(CUDA, {"device_id": gpu})]
    return runtime.InferenceSession(model, options, providers=[*providers, CPU])
