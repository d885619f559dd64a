"""Networks and students as what the files of small devices are made from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from deelish.engines.learning import ONNX_LOGITS
from deelish.errors import PlanError
from deelish.formats.edge.source import EdgeSource
from deelish.formats.onnx.model import model_of
from deelish.formats.onnx.notes import notes_of
from deelish.formats.onnx.proto import proto_of
from deelish.network.learner import Learner
from deelish.network.model import Model
from deelish.network.module_network import ModuleNetwork
from deelish.plan.folding import folded


def edge_source(learner: Learner) -> EdgeSource:
    """What is written of a network, as its weights are now.

    Raises:
        PlanError: it reads sequences, or another input than images.
        FileError: weights are NaN or infinite after a training.
    """
    if learner.sequences is not None:
        raise PlanError(
            f"{learner.name}: reads sequences, and files for small devices are of images; export"
            " .onnx"
        )
    if isinstance(learner, Model):
        return _of_rows(learner)
    if isinstance(learner, ModuleNetwork):
        return _of_module(learner)
    raise PlanError(f"{learner.name}: is no network and no student; export one of these")


def _of_rows(network: Model) -> EdgeSource:
    # A process that runs a file of another kind needs no PyTorch.
    from deelish.engines.torch.edge.program import logits_of_rows, program_of_rows

    network.check_takes_images()
    whole, values = network.plan, network.engine.state(network.module)
    plan, arrays = folded(whole, values)
    if list(plan.inputs) != [whole.data]:
        raise PlanError(
            f"{network.name}: its logits come from {', '.join(plan.inputs)}, and files for small"
            " devices have one input, of images; export .onnx"
        )
    pixels = network.preprocessing
    shape = (pixels.channels, pixels.size, pixels.size)

    def program(folder: Path) -> dict[str, str]:
        return program_of_rows(folder, plan, arrays, shape)

    def onnx() -> bytes:
        content: bytes = proto_of(plan.name, model_of(plan, arrays), {}).SerializeToString()
        return content

    notes = notes_of(pixels, network.labels, whole.logits)
    run = logits_of_rows(whole, values)
    return EdgeSource(network.name, pixels, notes, run, onnx, program)


def _of_module(student: ModuleNetwork) -> EdgeSource:
    model, pixels = student.learning_model, student.preprocessing
    notes = notes_of(pixels, student.labels, ONNX_LOGITS)
    program = partial(model.program, shape=(pixels.channels, pixels.size, pixels.size))
    return EdgeSource(student.name, pixels, notes, model.run, student.bare_onnx, program)
