"""The comparison: checks what it is given, measures every network, makes the report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
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
from deelish.errors import DataError
from deelish.formats import save_record
from deelish.images.lists import check_apart, check_labels, read_samples
from deelish.network.model import Model
from deelish.network.predictor import Predictor

Source = str | Path


@dataclass(frozen=True)
class Lists:
    """The images of a comparison: the arguments of `Compare` by these names."""

    test: Source
    train: Source | None = None
    root: Source | None = None
    batch_size: int = 32
    crop: float | None = None


def compare(
    teacher: Predictor,
    students: Sequence[Predictor],
    lists: Lists,
    *,
    fits: str | None = None,
    save: Source | None = None,
) -> Comparison:
    """Measure a teacher and its students; `Compare` says what the arguments are."""
    device = None if fits is None else device_of(fits)
    page = None if save is None else checked_page(save)
    _check(students, lists.batch_size)
    networks, names = [teacher, *students], students[0].labels or teacher.labels
    orders = _orders(networks)
    _report_new(networks)
    items = read_samples(lists.test, lists.root, names)
    check_labels(items, students[0].classes, students[0].name)
    preprocessings = [each.preprocessing for each in networks]
    crop = checked_crop(lists.crop)
    images = ImageList(items, students[0].engine, preprocessings, crop, lists.batch_size)
    training = _training(lists, images, names)
    made = _comparison(images, _entrants(networks, orders, training), names, device)
    if page is not None:
        say(f"written: {made.save(page)}")
    return made


def _check(students: Sequence[Predictor], batch_size: int) -> None:
    if not students:
        raise DataError("Compare: there is no student; give one, or several in a list")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise DataError(f"Compare(batch_size={batch_size!r}): give a whole number above 0")


def _orders(networks: Sequence[Predictor]) -> list[Order]:
    """Where the first student's classes are among those of each network."""
    student = networks[1]
    found = [order_of(each, student) for each in networks]
    for _, line in found:
        if line is not None:
            say(line)
    return [order for order, _ in found]


def _report_new(networks: Sequence[Predictor]) -> None:
    for each in networks:
        if each.new_layers:
            new = ", ".join(sorted(each.new_layers)[:3])
            say(
                f"{each.name}: {new} has its initial weights, so that its numbers mean nothing yet;"
                " load it or train it"
            )


def _training(lists: Lists, images: ImageList, names: list[str] | None) -> ImageList | None:
    """The training images that int8 is calibrated on."""
    if lists.train is None:
        return None
    items = read_samples(lists.train, lists.root, names)
    check_apart(items, images.items)
    return images.of(items).some(int8.IMAGES)


def _entrants(
    networks: Sequence[Predictor], orders: Sequence[Order], training: ImageList | None
) -> list[Entrant]:
    """The teacher, then each student as it is and in int8."""
    teacher, *students = networks
    found = [as_float("teacher", teacher, _file(teacher), orders[0])]
    # All of them: the quantisation of each student reads them again.
    batches = None if training is None else [batch for batch, _ in training]
    for number, (student, order) in enumerate(zip(students, orders[1:], strict=True), 1):
        key = "student" if len(students) == 1 else f"student {number}"
        found.append(as_float(key, student, _file(student), order))
        found.append(as_int8(f"{key} int8", student, batches, order))
    return found


def _file(network: Predictor) -> int | None:
    """Bytes of the network's .safetensors, written to a folder that goes again."""
    if not isinstance(network, Model):
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
