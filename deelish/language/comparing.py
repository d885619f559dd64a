"""The verb Compare: one report on a teacher and its students."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deelish.common.arguments import checked_call
from deelish.comparison import Comparison, Lists, compare
from deelish.language.session import current_session
from deelish.network.predictor import Predictor
from deelish.storage.remote.address import addressed

Source = str | Path


@checked_call()
def Compare(
    teacher: Predictor,
    student: Predictor | Sequence[Predictor],
    test: Source = "data/test.txt",
    *,
    train: Source | None = None,
    fits: str | None = None,
    save: Source | None = None,
    batch_size: int = 32,
    root: Source | None = None,
    crop: float | None = None,
) -> Comparison:
    """Measure a teacher and its students on images that none of them was trained on.

    ``Compare(teacher, student, "data/test.txt", train="data/train.txt", fits="raspberry-pi-3")``

    All see the same images in one pass, in centre views of their own size. "Among the teacher's
    five" is the fraction of images for which the student's first class is one of the teacher's
    five highest. Where names of classes differ, those of the first student count, found by name in
    the others; the labels of the lists are its own, and so are the names of class folders. All are
    computed in float32, or in the precision that the session names; a note says which.

    Args:
        teacher, student: networks, or whatever else can teach; of students one or several.
        test: a list with ``path label`` a line, a folder of class folders, or tar shards as for
            `InputBatch`; only measured.
        train: training images, likewise, on which the students are calibrated for int8; at most
            128 of them are used.
        fits: a device by name, such as "raspberry-pi-3": whether each network fits it.
        save: where the report is written as a page, .html.
        batch_size: images a batch while accuracy and agreement are measured.
        root: where the lists' paths are looked for first.
        crop: the crop fraction, the part of an image's side that a view shows; left out, that of
            `InputBatch`, or each network's own.

    Raises:
        DataError: a list that is not there or has other labels, an unknown device, numbers of
            classes that differ where there are no names.
        FileError: a page that cannot be written.
        TrainingError: a class of the student is not among the teacher's, or a network gives NaN.

    >>> report = Compare(teacher, student, test="data/test.txt")
    >>> report["teacher"]["accuracy"]
    1.0
    """
    dataset = current_session().dataset
    if crop is None and dataset is not None:
        crop = dataset.choices.crop
    students = list(student) if isinstance(student, Sequence) else [student]
    lists = Lists(addressed(test), addressed(train), addressed(root), batch_size, crop)
    return compare(teacher, students, lists, fits=fits, save=save)
