"""A student in int8: the images that it is calibrated on, and its .onnx."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from deelish.comparison.images import ImageList
from deelish.comparison.int8 import CALIBRATIONS, IMAGES, Int8
from deelish.engines.int8 import CHANNEL, WEIGHTS
from deelish.errors import DataError
from deelish.images.dataset import Dataset
from deelish.images.lists import read_samples
from deelish.images.sample import Sample
from deelish.language.session import current_session
from deelish.network.inputs import ImageTensor
from deelish.network.learner import Learner

BATCH_SIZE = 32


def int8_model(
    student: Learner,
    images: bool | str | Path,
    verb: str,
    weights: str = CHANNEL,
    calibration: str = "minmax",
) -> bytes:
    """The .onnx of a student in int8.

    Args:
        student: a network or a student that sees images.
        images: where those to calibrate on are; True for the training images of InputBatch.
        verb: what errors name: "export(int8=...)".
        weights: of `WEIGHTS`.
        calibration: of `CALIBRATIONS`.

    Raises:
        DataError: there are none, or the student reads sequences.
        FileError: onnx or onnxruntime is missing, or cannot quantise the student.
        PlanError: a layer has no counterpart in ONNX, or the batch size is fixed.
    """
    what = f"{student.name}.{verb}"
    if student.sequences is not None:
        raise DataError(f"{what}: int8 is of networks that see images; leave it out")
    check_word(what, "weights", weights, WEIGHTS)
    check_word(what, "calibration", calibration, CALIBRATIONS)
    batches = some_images(student, calibration_samples(what, images), None)
    return Int8(student, batches, weights, calibration).model


def check_word(what: str, name: str, value: object, known: Collection[str]) -> None:
    """Refuse a value of an argument that is none of the words it takes.

    Raises:
        DataError: it is another; the words are given.
    """
    if value not in known:
        words = " or ".join(map(repr, known))
        raise DataError(f"{what}: {name}={value!r} is not known; give {words}")


def calibration_images(student: Learner) -> Sequence[ImageTensor]:
    """The training images on which ranges of activations are measured, in batches."""
    dataset = current_session().dataset
    crop = dataset.choices.crop if isinstance(dataset, Dataset) else None
    return some_images(student, calibration_samples(f"{student.name}: int8", True), crop)


def some_images(
    student: Learner, samples: Sequence[Sample], crop: float | None
) -> Sequence[ImageTensor]:
    """At most `IMAGES` of them, spread over the list, in batches of centre views."""
    found = ImageList(samples, student.engine, [student.preprocessing], crop, BATCH_SIZE)
    return list(found.some(IMAGES))


def calibration_samples(what: str, images: bool | str | Path) -> Sequence[Sample]:
    """The images of a list, or for True the training images of InputBatch.

    Raises:
        DataError: there are none.
    """
    if not isinstance(images, bool):
        return read_samples(images, name=what)
    dataset = current_session().dataset
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"{what}: there are no training images to calibrate on; call InputBatch first, or give"
            " a list, such as 'data/train.txt'"
        )
    return dataset.train.samples
