"""The verb Compare: checks what it is given, measures every network, makes the report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deelish.common.printing import say
from deelish.comparison import int8
from deelish.comparison.devices import Device, device_of
from deelish.comparison.entrants import Entrant, Order, as_float, as_int8
from deelish.comparison.matching import order_of
from deelish.comparison.measure import measure
from deelish.comparison.notes import notes_of
from deelish.comparison.pictures import ImageList, checked_crop
from deelish.comparison.result import Comparison, checked_page
from deelish.comparison.rows import Names, class_rows, different_rows, row_of, speeds_of
from deelish.distillation.contract import CanTeach
from deelish.errors import DataError
from deelish.formats import save_record
from deelish.images.lists import check_apart, check_labels, read_items
from deelish.network.network import Network

Source = str | Path


def Compare(  # noqa: PLR0913
    teacher: CanTeach,
    student: CanTeach | Sequence[CanTeach],
    test: Source = "data/test.txt",
    *,
    train: Source | None = None,
    fits: str | None = None,
    save: Source | None = None,
    batch_size: int = 32,
    root: Source | None = None,
    crop: float | None = None,
) -> Comparison:
    """Measure a teacher and its students on images that none of them learnt from.

    ``Compare(teacher, student, "data/test.txt", train="data/train.txt", fits="raspberry-pi-3")``

    All see the same images in one pass, in centre views of their own size. "Among the teacher's
    five" is the share of images whose student's first class is one of the teacher's five highest.
    Where names of classes differ, those of the first student count, found by name in the others;
    the labels of the lists are its own.

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
        crop: share of an image's side that a view shows; left out, that of `InputBatch`, or each
            network's own.

    Raises:
        DataError: a list that is not there or has other labels, an unknown device, numbers of
            classes that differ where there are no names.
        FileError: a page that cannot be written.
        TrainingError: a class of the student is not among the teacher's, or a network answers NaN.
    """
    device = None if fits is None else device_of(fits)
    page = None if save is None else checked_page(save)
    students = list(student) if isinstance(student, Sequence) else [student]
    _check(students, batch_size)
    networks, names = [teacher, *students], students[0].labels or teacher.labels
    orders = _orders(networks)
    _tell_of_new(networks)
    items = read_items(test, root, names)
    check_labels(items, students[0].classes, students[0].name)
    preprocessings = [each.preprocessing for each in networks]
    images = ImageList(items, preprocessings, checked_crop(crop), batch_size)
    training = _training(train, root, images, names)
    made = _comparison(images, _entrants(networks, orders, training), names, device)
    if page is not None:
        say(f"written: {made.save(page)}")
    return made


def _check(students: Sequence[CanTeach], batch_size: int) -> None:
    if not students:
        raise DataError("Compare: there is no student; give one, or several in a list")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"Compare(batch_size={batch_size!r}): give a whole number above 0")


def _orders(networks: Sequence[CanTeach]) -> list[Order]:
    """Where the first student's classes are among those of each network."""
    student = networks[1]
    found = [order_of(each, student) for each in networks]
    for _, line in found:
        if line is not None:
            say(line)
    return [order for order, _ in found]


def _tell_of_new(networks: Sequence[CanTeach]) -> None:
    for each in networks:
        if each.new_layers:
            new = ", ".join(sorted(each.new_layers)[:3])
            say(
                f"{each.name}: {new} hold first values, so that its numbers mean nothing yet; load"
                " it or train it"
            )


def _training(
    train: Source | None, root: Source | None, images: ImageList, names: list[str] | None
) -> ImageList | None:
    """The training images that int8 is calibrated on."""
    if train is None:
        return None
    items = read_items(train, root, names)
    check_apart(items, images.items)
    return ImageList(items, images.preprocessings, images.crop, images.batch_size).some(int8.IMAGES)


def _entrants(
    networks: Sequence[CanTeach], orders: Sequence[Order], training: ImageList | None
) -> list[Entrant]:
    """The teacher, then each student as it is and in int8."""
    teacher, *students = networks
    found = [as_float("teacher", teacher, _file(teacher), orders[0])]
    # All of them: the quantisation of each student reads them anew.
    batches = None if training is None else [batch for batch, _ in training]
    for number, (student, order) in enumerate(zip(students, orders[1:], strict=True), 1):
        key = "student" if len(students) == 1 else f"student {number}"
        found.append(as_float(key, student, _file(student), order))
        found.append(as_int8(f"{key} int8", student, batches, order))
    return found


def _file(network: CanTeach) -> int | None:
    """Bytes of the network's .safetensors, written to a folder that goes again."""
    if not isinstance(network, Network):
        return None
    with tempfile.TemporaryDirectory(prefix="deelish-") as folder:
        path = save_record(Path(folder, "network.safetensors"), network.record())
        return path.stat().st_size


def _comparison(
    images: ImageList, entrants: Sequence[Entrant], names: Names, device: Device | None
) -> Comparison:
    made = measure(images, entrants)
    speeds = speeds_of(entrants, images)
    rows = {
        each.key: row_of(each, made.get(each.key), speeds[each.key], device) for each in entrants
    }
    floats = [each for each in entrants if each.kind == "float32"]
    students = [each.key for each in floats[1:]]
    labels = np.array([item.label for item in images.items])
    return Comparison(
        rows,
        {key: class_rows(made[key], labels, names) for key in students},
        {key: different_rows(made["teacher"], made[key], images.items, names) for key in students},
        device,
        notes_of(images, [each.network for each in floats], device),
    )
