"""How a comparison was measured: the notes below its table."""

from __future__ import annotations

from collections.abc import Sequence

from deelish.common.printing import amount
from deelish.comparison import arrays, devices, int8, sequences, timing
from deelish.comparison.calibration import BINS
from deelish.comparison.devices import Device
from deelish.comparison.sequences import AnyList, SequenceList
from deelish.engines import Engine
from deelish.network.predictor import Predictor

NUMBERS = (
    "agreement: the same predicted class; among the teacher's five: the predicted class is one of"
    " the teacher's five highest; KL in nats at temperature 1, mean over the images; calibration"
    f" error: the expected one (ECE) over {BINS} equal bins"
)
SIZES = (
    "parameters and multiply-adds: of the network in inference; file: as save() writes it as"
    " .safetensors (to a temporary folder), int8 as .onnx, a file of a runtime as it is; peak"
    " memory: the weights and the largest sum of blobs alive at once, of one image in float32"
    " (int8: one byte a number),"
    " without the memory of the framework itself; of a module, what its operators make and keep"
)

BY_ONNX = (
    "int8 by onnxruntime with as many threads, whose time is to be compared with that of the same"
    " network in float32 by onnxruntime, the line below"
)


def notes_of(images: AnyList, networks: Sequence[Predictor], device: Device | None) -> list[str]:
    """The notes of one comparison: of the teacher, then the students."""
    has_classes = all(each.has_classes for each in networks)
    classes, numbers = (_classes(networks), NUMBERS) if has_classes else ([], arrays.ABOUT)
    notes = [_images(images), *classes, _types(networks), numbers, SIZES]
    notes += [_speed(networks), int8.ABOUT]
    if device is not None:
        sizes = f"{amount(device.memory)} of memory, {amount(device.storage)} of storage"
        notes.append(f"fits {device.name} ({device.about}; {sizes}): {devices.RULE}")
    return notes


def _classes(networks: Sequence[Predictor]) -> list[str]:
    student = networks[1]
    return [
        f"of the {each.classes:,} classes of {each.name} only the {student.classes:,} of"
        f" {student.name} count, in its numbers too"
        for each in networks
        if each.classes != student.classes
    ]


def _types(networks: Sequence[Predictor]) -> str:
    """What each network was measured in; the teacher cache and a training may round more."""
    types = dict.fromkeys(each.exact_dtype for each in networks)
    if len(types) == 1:
        return f"logits and times: of all networks in {next(iter(types))}, but for int8"
    each = ", ".join(f"{network.name} in {network.exact_dtype}" for network in networks)
    return f"logits and times: {each}, so that part of each difference is rounding"


def _images(images: AnyList) -> str:
    if isinstance(images, SequenceList):
        return (
            f"{len(images.items):,} targets in the sequences of {images.items[0].source}, which"
            f" were only measured: nothing was chosen on them here; {sequences.ABOUT}"
        )
    crop = "each network's own" if images.crop is None else f"{images.crop:g}"
    return (
        f"{len(images.items):,} images of {images.items[0].source}, in centre views, crop"
        f" fraction: {crop}; they were only measured: nothing was chosen on them here"
    )


def _speed(networks: Sequence[Predictor]) -> str:
    found: dict[str, None] = {}
    for network in networks:
        found[network.computed_by or _by_engine(network.engine)] = None
    return f"ms: {timing.RULE}; {'; '.join(found)}; {BY_ONNX}; {timing.machine()}"


def _by_engine(engine: Engine) -> str:
    threads = timing.threads_of(engine)
    many = "threads as it chooses" if threads is None else f"threads: {threads}"
    return f"{engine.name} on {engine.device}, {many}"
