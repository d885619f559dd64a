"""The benchmark of reading images: its views and epochs are what it says, and its units too."""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from images.loaded_batches import decoded
from PIL import Image

from deelish.images.cache.memory import MemoryCache
from deelish.images.lists import read_samples

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# Decoded at a half for a network that sees 224 of 256 pixels.
SIDE = 1400


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("reading_images")


def test_the_difference_is_that_of_pillows_views(benchmark, tmp_path):
    path, *others = benchmark.write_large(tmp_path, SIDE)
    assert len(others) == 2
    views = []
    for scale in (1, 2):
        with Image.open(path) as image:
            assert image.size == (SIDE, SIDE * 3 // 4)
            image.draft("RGB", (image.width // scale, image.height // scale))
            whole = image.resize((256, 256), Image.Resampling.BILINEAR)
        views.append(np.asarray(whole.crop((16, 16, 240, 240))).astype(int))
    apart = abs(views[0] - views[1])
    mean, largest = benchmark.difference(path)
    # torch and Pillow round otherwise.
    assert mean == pytest.approx(apart.mean(), abs=0.05)
    assert abs(largest - apart.max()) <= 1
    assert mean > 0.05


def test_images_have_detail_of_every_size(benchmark):
    fine = np.asarray(benchmark.photograph(256, 192, seed=0)).astype(float)
    deviations = []
    while min(fine.shape[:2]) >= 12:
        height, width = (side // 2 for side in fine.shape[:2])
        coarse = fine.reshape(height, 2, width, 2, 3).mean((1, 3))
        deviations.append((fine - coarse.repeat(2, 0).repeat(2, 1)).std())
        fine = coarse
    assert max(deviations) < 1.15 * min(deviations), deviations


def test_an_epoch_decodes_each_image_and_none_from_the_cache(benchmark, tmp_path, monkeypatch):
    path = benchmark.write_small(tmp_path, 5)
    plain, cached = (benchmark.epochs_of(path, cache) for cache in (None, MemoryCache()))
    seen = decoded(monkeypatch)
    cached()
    assert seen == []
    plain()
    assert sorted(seen) == [f"{number}.png" for number in range(5)]


def test_the_shard_has_so_many_labelled_images(benchmark, tmp_path):
    samples = read_samples(benchmark.write_shard(tmp_path, 3))
    assert [sample.label for sample in samples] == [7, 7, 7]


def test_times_are_of_one_image_in_their_units(benchmark, tmp_path, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(benchmark.time, "process_time", lambda: next(ticks))
    differences = iter([(0.2, 5), (0.3, 7), (0.4, 6)])
    monkeypatch.setattr(benchmark, "difference", lambda path: next(differences))
    options = argparse.Namespace(members=2, side=64, images=4, rounds=1)
    found = benchmark.measure(tmp_path, options)
    # Every call takes a second.
    assert found["shard_s"] == 1
    assert found["reduced_ms"] == found["whole_ms"] == pytest.approx(1000 / 3)
    assert found["uncached_us"] == found["memory_us"] == found["disk_us"] == 250_000
    assert found["mean_difference"] == pytest.approx(0.3)
    assert found["largest_difference"] == 7


@pytest.mark.long
def test_it_runs_and_ends_in_one_object():
    small = ["--rounds", "1", "--members", "3", "--side", str(SIDE), "--images", "5", "--json"]
    done = subprocess.run(
        [sys.executable, str(FOLDER / "reading_images.py"), *small], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    found = json.loads(last)
    assert len(found) == 9
    assert min(found.values()) > 0
    shown = (
        f"differ by {found['mean_difference']:.2f} of 255, at most {found['largest_difference']}"
    )
    assert any(shown in line for line in lines)
    shown = f"{found['reduced_ms']:.1f} ms reduced, {found['whole_ms']:.1f} ms whole"
    assert any(shown in line for line in lines)
