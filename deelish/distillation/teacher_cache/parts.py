"""A part of a teacher's pass over a list: which batches it has, and their logits in a segment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.common.printing import say
from deelish.distillation.teacher_cache import segments
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.distillation.teacher_cache.fill import check_trained, images_of, store_of
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.segments import Part, SegmentHeader, task_of
from deelish.errors import DataError
from deelish.images.batch import ImageBatch
from deelish.images.dataset import Dataset
from deelish.images.samples import Samples, bounds, path_texts
from deelish.network.inputs import ImageTensor
from deelish.network.predictor import Predictor
from deelish.storage.records import Bytes
from deelish.storage.segment import in_order


@dataclass(frozen=True)
class BatchRange:
    """The batches of a view that belong to a part: those from `first` on, up to `end`.

    view: its number, from 1.  first, end: counted from 0.
    """

    view: int
    first: int
    end: int


def parsed(text: str) -> tuple[int, int]:
    """The numbers of `3/1000`.

    Raises:
        DataError: it names no part.
    """
    numbers = text.split("/")
    if len(numbers) == 2 and all(n.isascii() and n.isdigit() for n in numbers):
        number, count = map(int, numbers)
        if 1 <= number <= count:
            return number, count
    raise DataError(f"--part {text}: give which part of how many it is, from 1/1000 to 1000/1000")


def ranges(batches: int, views: int, number: int, count: int) -> list[BatchRange]:
    """The batches of a part: those that one pass over all views has in its `number`th `count`th.

    Raises:
        DataError: there are more parts than batches.
    """
    total = batches * views
    if count > total:
        raise DataError(
            f"--part {number}/{count}: there are {total} batches, so at most as many parts"
        )
    start, end = total * (number - 1) // count, total * number // count
    found = []
    for view in range(start // batches, -(-end // batches)):
        before = view * batches
        first, last = max(start - before, 0), min(end - before, batches)
        found.append(BatchRange(view + 1, first, last))
    return found


def teach_part(network: Predictor, dataset: Dataset, text: str, command: str) -> Path:
    """Compute the logits of a part and write them as a segment; the file that has them.

    Nothing is computed where the segment is there. Each batch is that of a pass that one process
    makes, so that its logits are the same to the bit.

    Args:
        network: the teacher.
        dataset: the images.
        text: which part, such as `3/1000`.
        command: the command without the part, for whoever misses another one; "" of a script.

    Raises:
        DataError: it is no part, or an image cannot be read.
        FileError: the segment cannot be written.
        TrainingError: the logits of this network cannot be cached.
    """
    check_trained(network)
    number, count = parsed(text)
    views = dataset.choices.views if isinstance(dataset.choices.views, int) else 1
    batches = _batches(dataset, ranges(len(dataset.train), views, number, count))
    dataset.prepare([network.preprocessing])
    cache = TeacherCache(dataset.choices.top)
    with closing(batches):
        first = next(batches, None)
        if first is None:
            raise DataError(f"part {text}: none of its images can be used; look at the lines above")
        store, _ = store_of(network, images_of(network, dataset, first, cache), cache)
        task = task_of(_facts(dataset, count))
        part = Part(number, count, task, command[: segments.MOST_COMMAND])
        header, folder = SegmentHeader(store.header, part=part), store.path.parent
        path = folder / header.file
        there = path if path.exists() else store.holding(part)
        if there is not None:
            say(f"part {text}: is there already; {there}")
            return there
        keys, payloads = [], []
        for batch in chain([first], batches):
            images = images_of(network, dataset, batch, cache)
            packed, finite = _packed(network, images, store.header)
            keys.append(store_of(network, images, cache)[1][finite])
            payloads.append(packed[finite])
    folder.mkdir(parents=True, exist_ok=True)
    segments.write(header, folder, [in_order(np.concatenate(keys), np.concatenate(payloads))])
    say(f"part {text}: logits of {sum(map(len, keys))} images computed; {path}")
    return path


def _batches(dataset: Dataset, found: list[BatchRange]) -> Generator[ImageBatch, None, None]:
    """The batches of ranges, one after the other."""
    for each in found:
        # Epoch e of a training shows view e: these are the views that its teacher will see.
        batches = dataset.train.batches(each.view, training=True, done=each.first)
        with closing(batches):
            for batch in batches:
                # One without any good image does not come.
                if batch.number > each.end:
                    break
                yield batch


def _packed(
    network: Predictor, images: ImageTensor, header: CacheHeader
) -> tuple[Bytes, NDArray[np.bool_]]:
    """The logits of a batch as the cache holds them, and which rows it holds."""
    logits = network.engine.numpy(network.logits(images))
    return header.form.pack(logits.reshape(len(logits), -1))


def _facts(dataset: Dataset, count: int) -> dict[str, Any]:
    """All that decides which logits a part has, beside the teacher; plain values."""
    choices, augmentation = dataset.choices, dataset.augmentation
    return {
        "images": _digest(dataset.train_samples),
        "augmentation": None if augmentation is None else augmentation.digest.hex(),
        "parts": count,
        "seed": dataset.seed,
        **{
            name: getattr(choices, name)
            for name in ("batch_size", "crop", "mirror", "padding", "views", "mix")
        },
    }


@lru_cache(maxsize=1)
def _digest(samples: Samples) -> str:
    """Of the names of images below their folder, which each machine has elsewhere."""
    try:
        start = len(os.path.commonpath(bounds(samples)))
    except ValueError:  # some paths are absolute and others not
        start = 0
    names = hashlib.sha256()
    for paths in path_texts(samples):
        names.update(os.fsencode("".join(f"{path[start:]}\0" for path in paths)))
    return names.hexdigest()
