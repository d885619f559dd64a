"""What the numbers of a training depend on: what makes it another one, and what only rounds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from deelish.errors import FileError
from deelish.images.dataset import Dataset
from deelish.images.loader import Loader
from deelish.images.sample import Sample
from deelish.images.samples import bounds, labels_of, path_texts
from deelish.sequences.dataset import AnyDataset, SequenceDataset
from deelish.sequences.loader import SequenceLoader
from deelish.training.checkpoints.workout_facts import (
    DIGEST,
    digest,
    digest_of,
    networks_of,
    workout_facts,
)
from deelish.training.optimization import Optimization
from deelish.training.run import Run
from deelish.version import __version__

# How many differences a message names.
SHOWN = 3
# Choices of InputBatch that change no number.
WITHOUT_EFFECT = ("augment", "keep", "check")
# At so many places of a training two schedules are compared.
PLACES = 101

Facts = dict[str, Any]


def run_facts(run: Run) -> Facts:
    """What makes a training another one where it differs; plain values."""
    trainer, dataset = run.trainer, run.dataset
    how = trainer.optimization
    choices = {k: v for k, v in asdict(dataset.choices).items() if k not in WITHOUT_EFFECT}
    augmentation = None if isinstance(dataset, SequenceDataset) else dataset.augmentation
    facts = {
        "engine": trainer.context.engine_name,
        "seed": trainer.context.seed,
        "epochs": trainer.extent.epochs,
        "the number of epochs before it": run.epochs_before,
        "optimizer": how.optimizer,
        "lr": how.lr,
        "the options of the optimizer": json.dumps(dict(how.options), default=repr),
        "the schedule": _course(how.schedule),
        "augment": None if augmentation is None else digest(augmentation.to_bytes().hex()),
        "the training images": _images(dataset.train),
        "the validation images": None if dataset.val is None else _images(dataset.val),
        **_given(how),
        **choices,
        **_form(dataset),
        **workout_facts(run.workout),
    }
    facts["networks"] = {
        name: [network.name, trainer.context.index_of(network), network.fingerprint()]
        for name, network in networks_of(run.workout).items()
    }
    return facts


def _course(function: Callable[[float], float]) -> str:
    """A digest of what a function gives over a training."""
    return digest(" ".join(f"{function(i / (PLACES - 1)):.9g}" for i in range(PLACES)))


def _given(how: Optimization) -> Facts:
    """What trainings of before lack, and those of today where a script says nothing of it."""
    facts: Facts = {}
    if how.lr_mult:
        # Of the patterns that match a layer the last one counts.
        facts["lr_mult"] = json.dumps(list(how.lr_mult.items()))
    if how.lookahead is not None:
        decay = how.lookahead.decay
        facts["lookahead"] = how.lookahead.every
        facts["lookahead_decay"] = _course(decay) if callable(decay) else decay
    if how.sync_batch_norm:
        facts["sync_batch_norm"] = True
    if how.int8 is not None:
        facts["int8"] = how.int8.weights
    return facts


def _form(dataset: AnyDataset) -> Facts:
    """The format of sequences, with their vocabulary."""
    if isinstance(dataset, Dataset):
        return {}
    return {"the vocabulary": digest(json.dumps(dataset.sequences.to_dict()))}


def rounding_facts(run: Run) -> Facts:
    """What only the rounding depends on; plain values."""
    engine = run.trainer.context.engine
    return {"deelish": __version__, **engine.rounding(), "processes": engine.group.world_size}


def check_same_run(saved: Mapping[str, Any], now: Facts, students: set[int], where: str) -> None:
    """Refuse to go on with another training.

    Args:
        saved, now: facts of both.
        students: the index of each network that the saved training had changed.
        where: the folder, for the message.

    Raises:
        FileError: a fact differs; the first are named.
    """
    found = [_difference(k, saved, now) for k in {**saved, **now} if k != "networks"]
    found += _other_networks(saved["networks"], now["networks"], students)
    named = [difference for difference in found if difference]
    if named:
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        raise FileError(
            f"{where}: belongs to another training, since {', '.join(named[:SHOWN])}{more}; run"
            " what was run before, or give another folder"
        )


def rounding_differences(saved: Mapping[str, Any], now: Facts) -> list[str]:
    """What rounds otherwise than before, in words."""
    return [
        f"{key} {now.get(key)} in place of {saved.get(key)}"
        for key in {**saved, **now}
        if saved.get(key) != now.get(key)
    ]


def _difference(key: str, saved: Mapping[str, Any], now: Facts) -> str | None:
    # Through JSON a tuple comes back as a list.
    before, after = saved.get(key), json.loads(json.dumps(now.get(key)))
    if before == after:
        return None
    if key not in saved or key not in now:
        return f"{key} is {'missing' if key in saved else 'new'}"
    if any(str(value).startswith(DIGEST) for value in (before, after)):
        return f"{key} changed"
    return f"{key} was {before} and is {after}"


def _other_networks(
    saved: Mapping[str, Any], now: Mapping[str, Any], students: set[int]
) -> list[str]:
    found = []
    for name in saved.keys() & now.keys():
        (before, index, digest), (after, _, digest_now) = saved[name], now[name]
        if before != after:
            found.append(f"{name} was {before} and is {after}")
        elif index not in students and digest != digest_now:
            found.append(f"the weights or the preprocessing of {name} changed")
    return found


def _images(loader: Loader | SequenceLoader) -> str:
    """A digest of the list: paths below what all have in common, and labels; or of sequences."""
    if isinstance(loader, SequenceLoader):
        return digest(loader.digest)
    first, last = bounds(loader.samples)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    start = sum(1 for _ in same)
    return digest_of(_lines(loader.samples, start))


def _lines(samples: Sequence[Sample], start: int) -> Iterator[str]:
    """The text that is digested: a line for each image, some at a time."""
    labels, row, before = labels_of(samples), 0, ""
    for paths in path_texts(samples):
        known = [None] * len(paths) if labels is None else labels[row : row + len(paths)].tolist()
        lines = (f"{path[start:]}\0{label}" for path, label in zip(paths, known, strict=True))
        yield before + "\n".join(lines)
        before, row = "\n", row + len(paths)
