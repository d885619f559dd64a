"""The kinds of model that can teach: one file each. `source_of` chooses among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deelish.distillation.sources.function import FunctionModel
from deelish.distillation.sources.network import NetworkModel
from deelish.distillation.sources.runtime_file import RuntimeFile
from deelish.engines.frameworks import is_module
from deelish.engines.inference import InferenceModel, Part
from deelish.engines.runtimes.table import runtime_of
from deelish.errors import TrainingError
from deelish.formats.native import module_file
from deelish.network.learner import Learner
from deelish.network.model import Model
from deelish.network.module_network import ModuleNetwork
from deelish.network.module_opening import opened
from deelish.network.opening import open_parts
from deelish.network.pretrained import find_model


def source_of(source: Any, gpu: int, key: str | None, output: Part = None) -> InferenceModel:
    """The model behind a teacher.

    It imports no framework: an object of a framework exists only where that is imported already.

    Args:
        source: a torch.nn.Module, a chainer.Link, a Network, a path, or a function.
        gpu: where a file of a runtime runs: -1 for the CPU, else the number of the GPU.
        key: names the logits of a function in the teacher cache.
        output: which part of a module's output the logits are, where it makes several.

    Raises:
        TrainingError: it is none of these.
        FileError, CaffeError: the file is missing, damaged or of another format.
    """
    if isinstance(source, Learner):
        return NetworkModel(source)
    if is_module(source, "torch"):
        from deelish.engines.torch.inference import TorchModel

        return TorchModel(source, output)
    if is_module(source, "chainer"):
        from deelish.engines.chainer.inference import ChainerModel

        return ChainerModel(source, output)
    if isinstance(source, str | Path):
        return _opened(Path(source), gpu)
    if callable(source) and not isinstance(source, type):
        return FunctionModel(source, key)
    raise TrainingError(
        f"Teacher({type(source).__name__}): takes a torch.nn.Module, a chainer.Link, a network of"
        " deelish, a path (.onnx, .tflite, .pte, .xml, .param, .caffemodel, .hdf5, .safetensors),"
        " or a function from float32 (n, channels, size, size) to logits (n, classes)"
        + (f"; give an object, {source.__name__}(...)" if isinstance(source, type) else "")
    )


def _opened(path: Path, gpu: int) -> InferenceModel:
    if path.suffix.lower() == ".onnx":
        from deelish.distillation.sources.onnx import OnnxModel

        return OnnxModel(path, gpu)
    runtime = runtime_of(path)
    if runtime is not None:
        return RuntimeFile(path, runtime, gpu)
    path = find_model(path)
    if module_file.holds_module(path):
        return NetworkModel(ModuleNetwork.of(opened(path)))
    return NetworkModel(Model.of(open_parts(path)))
