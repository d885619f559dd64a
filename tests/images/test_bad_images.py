"""Bad images: left out, replaced, counted; damaged ones reported once, and used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from images.damaged_files import decoded_by_pillow, sound
from PIL import Image
from processes import environment

from deelish.common.processes import Group
from deelish.errors import DataError
from deelish.images.bad_images import replacements
from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views.view import View
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

RENDERING = Rendering(24, 32)


def loader_of(source, on_bad_image="replace", **options):
    samples = read_samples(source)
    facts = {"batch_size": 4, "seed": 5, "on_bad_image": on_bad_image}
    loader = Loader(samples, **facts | options)
    loader.renderings.add(RENDERING)
    return loader


def spoil(*numbers):
    for number in numbers:
        Path(f"{number}.png").write_bytes(b"<html>")


def shown(loader, epoch=1, training=True):
    """The labels, views and pixels of an epoch, batch by batch."""
    return [
        ([sample.label for sample in batch.samples], batch.views, batch.pixels(RENDERING).tobytes())
        for batch in loader.batches(epoch, training)
    ]


def many(folder, count, bad):
    """A list of so many tiny images, the first ones bad."""
    lines = []
    for number in range(count):
        name = f"{number}.ppm"
        (folder / name).write_bytes(b"P6 2 2 255 " + bytes([number % 256]) * 12)
        lines.append(f"{name} {number}\n")
    for number in range(bad):
        (folder / f"{number}.ppm").write_bytes(b"<html>")
    (folder / "many.txt").write_text("".join(lines))
    return folder / "many.txt"


@pytest.mark.parametrize("options", [{}, {"views": 2}, {"mix": "mixup"}], ids=str)
def test_replaced_images_keep_every_batch_and_epoch_as_long_as_it_was(source, options):
    read = {"read_options": ReadOptions(**options)}
    whole = [len(labels) for labels, _, _ in shown(loader_of(source, **read))]
    spoil(1, 4, 9)
    loader = loader_of(source, **read)
    for epoch in (1, 2):
        epochs = shown(loader, epoch)
        assert [len(labels) for labels, _, _ in epochs] == whole == [4, 4, 3]
        labels = {label for batch in epochs for label in batch[0]}
        assert labels == set(range(11)) - {1, 4, 9}
    assert {sample.line for sample, _ in loader.skipped} == {2, 5, 10}
    assert all(reason.startswith("train.txt line ") for _, reason in loader.skipped)


def test_the_replacement_has_its_own_label_and_pixels_and_the_others_are_as_they_were(source):
    before = [list(zip(*batch[:2], strict=True)) for batch in shown(loader_of(source))]
    spoil(1, 4)
    batches = list(loader_of(source).batches(1, True))
    for old, batch in zip(before, batches, strict=True):
        for (label, view), sample, now in zip(old, batch.samples, batch.views, strict=True):
            if label not in (1, 4):
                assert (label, view) == (sample.label, now)
        expected = [
            render(np.asarray(Image.open(sample.path)), view, RENDERING)
            for sample, view in zip(batch.samples, batch.views, strict=True)
        ]
        np.testing.assert_array_equal(batch.pixels(RENDERING), expected)


def test_the_replacement_depends_on_seed_epoch_and_index_alone(source):
    spoil(1, 4, 9, 10)
    first = loader_of(source)
    epochs = [shown(first, epoch) for epoch in (1, 2, 3)]
    for options in ({}, {"workers": 7}, {"workers": 1}):
        again = loader_of(source, **options)
        # The third alone, without the ones before.
        assert [shown(again, epoch) for epoch in (3, 1, 2)] == [epochs[2], *epochs[:2]]
    assert shown(loader_of(source, seed=6), 1) != epochs[0]

    def stand_ins(epoch):
        counts = np.bincount(np.concatenate([labels for labels, _, _ in epoch]), minlength=11)
        return tuple(counts)

    assert len({stand_ins(shown(first, epoch)) for epoch in range(1, 9)}) > 1


def test_a_replacement_that_is_bad_itself_is_replaced(source):
    spoil(*range(10))
    loader = loader_of(source)
    assert [labels for labels, _, _ in shown(loader)] == [[10] * 4, [10] * 4, [10] * 3]
    assert len(loader.skipped) == 10


def test_validation_leaves_a_bad_image_out(source):
    spoil(2)
    epoch = shown(loader_of(source), training=False)
    assert [labels for labels, _, _ in epoch] == [[0, 1, 3], [4, 5, 6, 7], [8, 9, 10]]


@pytest.mark.parametrize("on_bad_image", ["skip", "replace"])
def test_a_list_of_bad_images_alone_is_refused(source, on_bad_image):
    spoil(*range(11))
    with pytest.raises(DataError, match=r"train.txt: none of its 11 images can be used \(the firs"):
        shown(loader_of(source, on_bad_image))


@pytest.mark.parametrize(
    ("count", "most", "on_bad_image"),
    [
        (60, 20, "skip"),
        (60, 20, "replace"),
        (2100, 21, "skip"),
        pytest.param(2100, 21, "replace", marks=pytest.mark.long),
    ],
)
def test_more_bad_images_than_one_in_a_hundred_and_twenty_stop(tmp_path, on_bad_image, count, most):
    options = {"batch_size": 100, "workers": 1}
    loader = loader_of(many(tmp_path, count, most), on_bad_image, **options)
    loader.renderings.clear()
    batches = list(loader.batches(1, True))
    assert sum(map(len, batches)) == count - (most if on_bad_image == "skip" else 0)
    assert len(loader.skipped) == most
    loader = loader_of(many(tmp_path, count, most + 1), on_bad_image, **options)
    loader.renderings.clear()
    message = rf"many.txt: \d+ of its {count} images cannot be used, where {most} may be bad \(the"
    with pytest.raises(
        DataError, match=message + r" first: .*many.txt line \d+: .*\); correct the"
    ):
        list(loader.batches(1, True))


@pytest.fixture
def hit(source):
    """The list of PNG files, whose fourth is a JPEG file with zeros in its data."""
    data = sound((80, 60))
    data = data[: len(data) // 2] + bytes(99) + data[len(data) // 2 + 99 :]
    assert decoded_by_pillow(data) is not None
    Path("3.png").write_bytes(data)
    return source


@pytest.mark.parametrize("on_bad_image", ["raise", "skip", "replace"])
@pytest.mark.parametrize(
    "options", [{}, {"views": 2}, {"mix": "cutmix"}, {"cache": MemoryCache}, {"cache": DiskCache}]
)
def test_a_damaged_image_is_reported_once_and_used(hit, on_bad_image, options, tmp_path, capsys):
    if "cache" in options:
        make = options["cache"]
        options = {"cache": make() if make is MemoryCache else make(tmp_path / "cache")}
    loader = loader_of(hit, on_bad_image, read_options=ReadOptions(**options))
    for epoch in (1, 2, 3):
        labels = [label for batch in shown(loader, epoch) for label in batch[0]]
        assert sorted(labels) == list(range(11))
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"train.txt line 4: 3.png: the JPEG data is damaged \(Corrupt JPEG data: [^()]*\);"
        r" its pixels are used as they were decoded",
        line,
    )
    assert loader.skipped == []


def test_its_pixels_are_pillows(hit):
    image = decoded_by_pillow(Path("3.png").read_bytes())
    batch = next(loader_of(hit).batches(0, False))
    expected = render(image, View.centre(), RENDERING)
    np.testing.assert_array_equal(batch.pixels(RENDERING)[3], expected)


def test_a_later_run_with_a_disk_cache_reports_it_too(hit, tmp_path, capsys):
    for _ in range(2):
        cache = DiskCache(tmp_path / "cache")
        shown(loader_of(hit, read_options=ReadOptions(cache=cache)))
        assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_damaged_image_of_a_folder_is_named_once(hit, tmp_path, capsys):
    Path("set/cat").mkdir(parents=True)
    Path("3.png").rename("set/cat/3.png")
    loader = loader_of("set", "raise")
    for _ in range(2):
        list(loader.batches(0, False))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("set/cat/3.png: the JPEG data is damaged (")


class Pair(Group):
    """One of two threads that exchange numbers and lines as the processes of a group do."""

    world_size = 2

    def __init__(self, rank, barrier, shared):
        self.rank, self._barrier, self._shared = rank, barrier, shared

    def _all(self, mine):
        self._shared[self.rank] = mine
        self._barrier.wait(20)
        both = [self._shared[0], self._shared[1]]
        self._barrier.wait(20)
        return both

    def all_sum(self, numbers):
        return [sum(pair) for pair in zip(*self._all(list(numbers)), strict=True)]

    def all_gather(self, lines):
        return [line for part in self._all(list(lines)) for line in part]


def in_a_pair(make, what):
    """What each of two loaders makes of `what(loader, group)`."""
    barrier, shared = threading.Barrier(2), {}
    groups = [Pair(rank, barrier, shared) for rank in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda group: what(make(), group), groups))


def test_processes_that_share_batches_show_and_report_what_one_does(hit, capsys):
    spoil(1, 9)

    def labels(loader, group=None):
        options = () if group is None else (group,)
        batches = [list(loader.batches(epoch, True, *options)) for epoch in (1, 2)]
        return [batch.labels.tolist() for epoch in batches for batch in epoch], loader.skipped

    whole, skipped = labels(loader_of(hit))
    capsys.readouterr()
    (first, found), (second, also_found) = in_a_pair(lambda: loader_of(hit), labels)
    for one, a, b in zip(whole, first, second, strict=True):
        assert (one[::2], one[1::2]) == (a, b)
    assert found == also_found
    assert sorted(sample.line for sample, _ in found) == [2, 10]
    assert {sample.line for sample, _ in skipped} == {2, 10}
    # Both print here, as both are of rank 0 to themselves.
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert len(set(lines)) == 1


def test_too_many_bad_images_of_all_processes_stop_all(tmp_path):
    source = many(tmp_path, 60, 21)

    def error(loader, group):
        loader.renderings.clear()
        with pytest.raises(DataError, match=r"2[12] of its 60 images cannot be used") as caught:
            list(loader.batches(1, True, group))
        return str(caught.value)

    first, second = in_a_pair(lambda: loader_of(source, batch_size=10), error)
    assert first == second


def test_the_replacement_is_the_same_in_another_process():
    code = "from deelish.images.bad_images import replacements as r; print(list(r(1, 2, 3, 50)))"
    command = [sys.executable, "-c", code]
    made = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert json.loads(made.stdout) == list(replacements(1, 2, 3, 50))
