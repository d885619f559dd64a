"""Several processes at one disk cache, killed writers, and a cache that is cleared."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from images.loaded_batches import decoded, epochs, loader_of
from PIL import Image

from deelish.images.cache.disk import DiskCache
from deelish.images.cache.folder import cached_images, count_damaged, remove

SCRIPT = Path(__file__).parents[1] / "loaded_batches.py"


@pytest.fixture
def many(tmp_path, monkeypatch):
    """train.txt of 300 images, 14 MB of pixels."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for index in range(300):
        pixels = draw.integers(0, 256, (120, 130, 3), np.uint8)
        Image.fromarray(pixels).save(f"{index}.bmp")
    Path("train.txt").write_text("".join(f"{index}.bmp 0\n" for index in range(300)))
    return "train.txt"


def start(how, source, folder):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(SCRIPT), how, str(source), str(folder)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def check_right(source, folder):
    """What is shown is right; returns how many images had to be decoded."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        plain = epochs(loader_of(source))
        seen = decoded(patch)
        assert epochs(loader_of(source, DiskCache(folder))) == plain
    assert count_damaged(cached_images(folder)) == 0
    return len(seen)


def test_two_processes_share_a_cache(many, tmp_path):
    folder = tmp_path / "cache"
    for writer in [start("show", many, folder) for _ in range(2)]:
        output, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0, output
    assert check_right(many, folder) == 0
    # What both had decoded is there once.
    assert cached_images(folder).count == 300
    reader = start("show", many, folder)
    assert reader.communicate(timeout=120)[0] == "0\n"


def written(folder):
    """How many images the cache has; 0 where there is none yet."""
    cached = cached_images(folder)
    return 0 if cached is None else cached.count


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_writers_leave_a_cache_that_is_right(many, tmp_path):
    folder, chance, before = tmp_path / "cache", random.Random(1), 0
    for is_last in [False] * 5 + [True]:
        for path in tmp_path.glob("*.bmp"):
            path.touch()  # so that all are decoded and written again
        writer = start("begin", many, folder)
        assert writer.stdout.readline() == "begun\n"
        time.sleep(chance.uniform(0, 0.4))
        while is_last and not written(folder):
            assert writer.poll() is None
            time.sleep(0.05)
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=60)
        cached = cached_images(folder)
        if cached is not None:
            assert cached.fault == ""
            assert cached.count >= before
            before = cached.count
    assert before > 0
    check_right(many, folder)
    assert check_right(many, folder) == 0


def test_a_cache_that_is_cleared_meanwhile_is_rebuilt(noise, tmp_path):
    folder = tmp_path / "cache"
    plain = epochs(loader_of(noise))
    first, second = DiskCache(folder), DiskCache(folder)
    loader = loader_of(noise, first)
    assert epochs(loader) == plain
    remove(cached_images(folder))
    assert cached_images(folder) is None
    # On Windows files that are open cannot be removed; elsewhere they are read still.
    assert epochs(loader) == plain
    assert epochs(loader_of(noise, second)) == plain
    assert epochs(loader) == plain
    assert cached_images(folder).count == 9
