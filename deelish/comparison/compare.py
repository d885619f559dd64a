"""The comparison: checks its arguments, measures every network, makes the report."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deelish.common.checks import is_count
from deelish.common.printing import say
from deelish.comparison import int8
from deelish.comparison.arrays import NO_QUALITY, check_shapes, measure_arrays
from deelish.comparison.confusion import confusion_rows
from deelish.comparison.devices import Device, device_of
from deelish.comparison.images import ImageList, checked_crop
from deelish.comparison.matching import order_of
from deelish.comparison.measure import measure
from deelish.comparison.notes import notes_of
from deelish.comparison.result import Comparison, checked_page
from deelish.comparison.rows import (
    Names,
    class_rows,
    different_rows,
    most_different,
    quality_of,
    row_of,
    speeds_of,
)
from deelish.comparison.sequences import AnyList, sequences_of
from deelish.comparison.variants import INT8, ClassOrder, Variant, float_variant, student_variants
from deelish.errors import DataError, TrainingError
from deelish.images.apart import check_apart
from deelish.images.class_folders import NamedClasses, numbered_folders
from deelish.images.lists import check_labels, read_samples
from deelish.images.sample import Sample
from deelish.images.samples import Samples
from deelish.network.learner import Learner
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
    """Measure a teacher and its students; `Compare` documents the arguments."""
    device = None if fits is None else device_of(fits)
    page = None if save is None else checked_page(save)
    _check(teacher, students, lists.batch_size)
    networks, names = [teacher, *students], students[0].labels or teacher.labels
    has_classes = all(each.has_classes for each in networks)
    if not has_classes:
        check_shapes(networks)
    orders = _orders(networks) if has_classes else [None] * len(networks)
    _report_new(networks)
    if any(each.sequences is not None for each in networks):
        found = sequences_of(lists.test, networks, students[0].engine, lists.batch_size)
        made = _comparison(found, _variants(networks, orders, None), names, device)
    else:
        made = _of_images(networks, orders, lists, names, device)
    if page is not None:
        say(f"written: {made.save(page)}")
    return made


def _of_images(
    networks: Sequence[Predictor],
    orders: Sequence[ClassOrder],
    lists: Lists,
    names: Names,
    device: Device | None,
) -> Comparison:
    """The comparison of networks that see images."""
    teacher, *students = networks
    has_classes = all(each.has_classes for each in networks)
    known = _named(teacher, students[0])
    items = read_samples(lists.test, lists.root, known, "Compare: test")
    if has_classes:
        _check_labels(lists.test, items, students[0], known)
    preprocessings = [each.preprocessing for each in networks]
    crop = checked_crop(lists.crop)
    images = ImageList(items, students[0].engine, preprocessings, crop, lists.batch_size)
    variants = _variants(networks, orders, _training(lists, items, images, known))
    if has_classes:
        return _comparison(images, variants, names, device)
    return _array_comparison(images, variants, networks, device)


def _check(teacher: Predictor, students: Sequence[Predictor], batch_size: int) -> None:
    for name, each in (("teacher", teacher), *(("student", student) for student in students)):
        if not isinstance(each, Predictor):
            raise TrainingError(
                f"Compare({name}={type(each).__name__}): gives no logits that deelish knows; give a"
                f" network, or Teacher(model) for another library's model"
            )
    if not students:
        raise DataError("Compare: there is no student; give one, or several in a list")
    if not is_count(batch_size):
        raise DataError(f"Compare(batch_size={batch_size!r}): give a whole number above 0")


def _orders(networks: Sequence[Predictor]) -> list[ClassOrder]:
    """The index of each class of the first student among the classes of each network."""
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


def _named(teacher: Predictor, student: Predictor) -> list[NamedClasses]:
    """The names that number class folders: the student's, else the teacher's."""
    return [NamedClasses(each.name, each.labels) for each in (student, teacher) if each.labels][:1]


def _check_labels(
    source: Source, items: Sequence[Sample], student: Predictor, known: Sequence[NamedClasses]
) -> None:
    """Refuse images without labels, and labels that the student has not.

    Raises:
        DataError: there are such.
    """
    if items[0].label is None:
        raise DataError(
            f"Compare: the images of {source} have no labels, and accuracy needs them; give images"
            " with labels as test="
        )
    check_labels(items, student.classes, student.name)
    _report_numbers(source, student, known)


def _report_numbers(source: Source, student: Predictor, known: Sequence[NamedClasses]) -> None:
    """Print what a student without names is measured by, where the alphabet is another order."""
    folders = numbered_folders(source, known)
    if not student.labels and [*folders.numbers.values()] != [*range(len(folders.numbers))]:
        say(
            f"{student.name}: has no names, so that its classes are taken to be those of"
            f" {known[0].owner} by number: {folders.listed}"
        )


def _training(
    lists: Lists, test: Samples, images: ImageList, known: Sequence[NamedClasses]
) -> ImageList | None:
    """The training images that int8 is calibrated on."""
    if lists.train is None:
        return None
    items = read_samples(lists.train, lists.root, known, "Compare: train")
    check_apart(items, test)
    return images.of(items).some(int8.IMAGES)


def _variants(
    networks: Sequence[Predictor], orders: Sequence[ClassOrder], training: ImageList | None
) -> list[Variant]:
    """The teacher, then each student as it is and in int8."""
    teacher, *students = networks
    found = [float_variant("teacher", teacher, _file(teacher), orders[0])]
    # A list, not an iterator: each student's quantisation reads them again.
    batches = None if training is None else list(training)
    for number, (student, order) in enumerate(zip(students, orders[1:], strict=True), 1):
        key = "student" if len(students) == 1 else f"student {number}"
        found += student_variants(key, student, _file(student), batches, order)
    return found


def _file(network: Predictor) -> int | None:
    """Bytes of the files that it is, else of its .safetensors, written to a temporary folder."""
    if network.files:
        return sum(path.stat().st_size for path in network.files)
    if not isinstance(network, Learner):
        return None
    with tempfile.TemporaryDirectory(prefix="deelish-") as folder:
        path = Path(folder, "network.safetensors")
        network.write(path)
        return path.stat().st_size


def _array_comparison(
    images: ImageList,
    variants: Sequence[Variant],
    networks: Sequence[Predictor],
    device: Device | None,
) -> Comparison:
    """The numbers of networks whose outputs are images or other arrays."""
    found, speeds = measure_arrays(images, variants), speeds_of(variants, images)
    rows = {
        each.key: row_of(each, found.get(each.key, NO_QUALITY), speeds[each.key], device)
        for each in variants
    }
    return Comparison(rows, {}, {}, device, notes_of(images, networks, device))


def _comparison(
    images: AnyList,
    variants: Sequence[Variant],
    names: Names,
    device: Device | None,
) -> Comparison:
    predictions = measure(images, variants)
    speeds = speeds_of(variants, images)
    rows = {
        each.key: row_of(
            each, quality_of(each, predictions.get(each.key)), speeds[each.key], device
        )
        for each in variants
    }
    floats = [each for each in variants if each.kind != INT8]
    students = [each.key for each in floats[1:]]
    labels = images.labels
    different = {
        key: different_rows(predictions["teacher"], predictions[key], images, names)
        for key in students
    }
    shown = [images.items[index] for key in students for index in most_different(predictions[key])]
    return Comparison(
        rows,
        {key: class_rows(predictions[key], labels, names) for key in students},
        different,
        device,
        notes_of(images, [each.network for each in floats], device),
        {str(item.path): item.location for item in shown},
        {key: confusion_rows(made.predicted, labels, names) for key, made in predictions.items()},
    )
