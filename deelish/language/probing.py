"""The verb Probe: a student that learnt without labels gets classes from a few of them."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.errors import DataError, TrainingError
from deelish.images.class_folders import NamedClasses
from deelish.images.dataset import Dataset
from deelish.images.lists import check_labels, read_samples
from deelish.images.samples import Samples
from deelish.language.learning import Learning
from deelish.language.session import current_session
from deelish.network.labels import LabelNames, Labels
from deelish.training.probe import embeddings, fit_probe

S = TypeVar("S", bound=Learning)


@checked_call()
def Probe(
    student: S,
    *,
    labels: Labels | None = None,
    train: str | Path | None = None,
    root: str | Path | None = None,
) -> S:
    """Give a student classes by a linear probe, which becomes its last layer.

    ``Probe(student, labels="data/labels.txt", train="data/labelled.txt")``

    Multinomial logistic regression with L2 on what goes into the last layer, in evaluation mode, of
    the centre views. A tenth of the images is held out while the strength of L2 is chosen; then all
    are fitted, and a line says how well that tenth was predicted. No other weight changes. After
    it, `BatchTrain` may fine-tune the student.

    Args:
        student: a `Network` whose last layer is an InnerProduct, or a `Student` whose last layer is
            linear.
        labels: a file, a list of names, or a count.
        train: labelled images: a list, a folder of class folders, or tar shards; left out, the
            training images of InputBatch.
        root: the folder of the images of a list, as in InputBatch.

    Returns:
        The student.

    Raises:
        DataError: no labels or no images, labels outside of the classes, a class without images.
        TrainingError: the student is being trained, or its last layer is not linear.

    >>> probed = Probe(net, labels="data/labels.txt")
    Net: a linear probe of 8 images gives it 2 classes; ...% right of 1 held out, at strength ...
    """
    if not isinstance(student, Learning):
        raise TrainingError(
            f"Probe({type(student).__name__}): gives classes to a Network or a Student; a teacher"
            " never changes"
        )
    if labels is None:
        raise DataError(
            f"Probe({student.name}): labels= is missing; give a file of names, a list of names, or"
            " how many classes there are"
        )
    names, session = LabelNames.of(labels), current_session()
    if student.learning:
        raise TrainingError(f"Probe({student.name}): is being trained; call it after BatchTrain")
    student.check_linear_last()
    samples = _samples(student, names, train, root)
    found, truth = embeddings(student, samples, 32)
    probe = fit_probe(found, truth, names.count, session.seed_for(3))
    student.set_last(probe.weight, probe.bias, names.names)
    session.used(student)
    say(
        f"{student.name}: a linear probe of {len(truth):,} images gives it {names.count} classes;"
        f" {probe.accuracy:.1%} right of {probe.held_out:,} held out, at strength"
        f" {probe.strength:g}"
    )
    return student


def _renumbered(dataset: Dataset, named: NamedClasses) -> Samples:
    """The training images of InputBatch, those of class folders with their labels by name."""
    samples = dataset.train_samples
    order = None if dataset.folders is None else dataset.folders.order_for(named)
    if order is None or samples.labels is None:
        return samples
    return samples.relabelled(order[samples.labels])


def _samples(
    student: Learning, names: LabelNames, train: str | Path | None, root: str | Path | None
) -> Samples:
    """The labelled images.

    Raises:
        DataError: there are none, or their labels are not those of `names`.
    """
    dataset = current_session().dataset
    named = NamedClasses("labels=", names.names or ())
    if train is not None:
        samples = read_samples(train, root, [named] if named.names else (), "Probe: train")
    elif isinstance(dataset, Dataset):
        samples = _renumbered(dataset, named)
    else:
        raise DataError(
            f"Probe({student.name}): there are no images; give train=, or call InputBatch first"
        )
    if samples.labels is None:
        raise DataError(
            f"{samples.source}: its images have no labels, which Probe({student.name}) learns"
            " from; give train= a list with labels"
        )
    check_labels(samples, names.count, f"Probe({student.name})")
    seen = np.bincount(samples.labels, minlength=names.count)
    if len(samples) < 2 or not seen.all():
        empty = int(seen.argmin())
        name = names.names[empty] if names.names else str(empty)
        raise DataError(
            f"{samples.source}: no image is of class {name!r}, and labels= has {names.count}"
            " classes; give an image of each"
        )
    return samples
