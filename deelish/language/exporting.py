"""A student in int8 for other programs: the images that it is calibrated on, and its .onnx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deelish.comparison.images import ImageList
from deelish.comparison.int8 import IMAGES, Int8
from deelish.errors import DataError
from deelish.images.dataset import Dataset
from deelish.images.lists import read_samples
from deelish.images.sample import Sample
from deelish.language.session import current_session
from deelish.network.learner import Learner

BATCH_SIZE = 32


def int8_model(student: Learner, images: bool | str | Path) -> bytes:
    """The .onnx of a student in int8.

    Args:
        student: a network or a student that sees images.
        images: where those to calibrate on are; True for the training images of InputBatch.

    Raises:
        DataError: there are none, or the student reads sequences.
        FileError: onnx or onnxruntime is missing, or cannot quantise the student.
        PlanError: a layer has no counterpart in ONNX, or the batch size is fixed.
    """
    if student.sequences is not None:
        raise DataError(
            f"{student.name}.export: int8= is of networks that see images; leave it out"
        )
    samples = _samples(student, images)
    found = ImageList(samples, student.engine, [student.preprocessing], None, BATCH_SIZE)
    return Int8(student, list(found.some(IMAGES))).model


def _samples(student: Learner, images: bool | str | Path) -> Sequence[Sample]:
    if not isinstance(images, bool):
        return read_samples(images, name=f"{student.name}.export: int8")
    dataset = current_session().dataset
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"{student.name}.export(int8=True): there are no training images to calibrate on; call"
            " InputBatch first, or give a list, int8='data/train.txt'"
        )
    return dataset.train.samples
