"""What reading images takes: the index of a shard, large JPEGs, and the decoded-image cache.

    python benchmarks/reading_images.py [--rounds 5] [--members 20000] [--side 4000]
        [--images 1000] [--json]

Times are those of the processor, on one thread; medians over the rounds. The shard has small images
and a label of each; opening it reads headers and labels alone. The large JPEGs are three images of
--side x three quarters of it, of quality 90, with detail of every size. A network that sees 224 of
256 pixels gets a view of each, from the image at a reduced scale and from the whole one; the
difference is that of the two views, of 255. An epoch of training views of PNG files of 32 x 32
pixels decodes them, or takes them from the cache in memory or on disk.
"""

import argparse
import io
import json
import os
import platform
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from speed.options import at_least

from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.decoding.decode import decode_for
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.shards.saved_index import indices, remove_indices
from deelish.images.views.view import View
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

LARGE, SMALL = Rendering(224, 256), Rendering(28, 32)
JPEGS = 3
# Of an octave of noise. A JPEG then has 0.36 bytes a pixel, and those of ImageNet have 0.32.
STRENGTH = 0.14


def photograph(width, height, seed):
    """An image with detail of every size, as photographs have: octaves of noise, equally strong."""
    rng, pixels = np.random.default_rng(seed), np.full((height, width, 3), 128, np.float32)
    cell = max(width, height)
    while cell >= 1:
        shape = (-(-height // cell) + 1, -(-width // cell) + 1, 3)
        noise = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        octave = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), np.float32)
        pixels += (octave - 128) * STRENGTH
        cell //= 2
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def seconds(action):
    """The processor's time of a call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def write_shard(folder, members):
    """A tar of one small image many times over, each with a label; returns its path."""
    data = io.BytesIO()
    photograph(32, 32, 0).save(data, "PNG")
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for number in range(members):
            for ending, content in (("png", data.getvalue()), ("cls", b"7")):
                member = tarfile.TarInfo(f"{number:06d}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder / "shard.tar"


def write_large(folder, side):
    """Paths of large JPEGs."""
    paths = [folder / f"{seed}.jpg" for seed in range(JPEGS)]
    for seed, path in enumerate(paths):
        photograph(side, side * 3 // 4, seed).save(path, quality=90)
    return paths


def write_small(folder, images):
    """A list of small PNG files."""
    for number in range(images):
        photograph(32, 32, number).save(folder / f"{number}.png")
    (folder / "train.txt").write_text("".join(f"{n}.png {n % 10}\n" for n in range(images)))
    return folder / "train.txt"


def view(path, resize_size):
    """The middle of an image that is decoded for a resize; whole for None. uint8 (224, 224, 3)."""
    return render(decode_for(path, resize_size)[0], View.centre(), LARGE)


def difference(path):
    """The mean and the largest difference of an image's two views, of 255."""
    reduced, whole = (view(path, size).astype(int) for size in (LARGE.resize_size, None))
    apart = abs(reduced - whole)
    return float(apart.mean()), int(apart.max())


def epochs_of(path, cache):
    """A function that reads the next epoch of a list, after one that fills the cache."""
    loader = Loader(
        read_samples(path), batch_size=32, seed=0, read_options=ReadOptions(cache=cache), workers=1
    )
    loader.renderings = {SMALL}
    numbers = iter(range(1, 2**31))

    def epoch():
        for batch in loader.batches(next(numbers), training=True):
            batch.pixels(SMALL)

    epoch()
    return epoch


def read_headers(shard):
    """Index a shard whose index is not saved."""
    remove_indices(indices())
    read_samples(shard)


def measure(folder, options):
    """Each figure by its name."""
    shard, large = write_shard(folder, options.members), write_large(folder, options.side)
    small = write_small(folder, options.images)
    caches = {"uncached": None, "memory": MemoryCache(), "disk": DiskCache(folder / "cache")}
    work = {"shard_s": lambda: read_headers(shard)}
    for name, size in (("reduced_ms", LARGE.resize_size), ("whole_ms", None)):
        work[name] = lambda size=size: [view(path, size) for path in large]
    work |= {f"{name}_us": epochs_of(small, cache) for name, cache in caches.items()}
    times = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, action in work.items():
            times[name].append(seconds(action))
    units = {"s": 1, "ms": 1e3 / JPEGS, "us": 1e6 / options.images}
    found = {n: statistics.median(t) * units[n.split("_")[1]] for n, t in times.items()}
    means, largest = zip(*map(difference, large), strict=True)
    found["large_mb"] = statistics.mean(path.stat().st_size for path in large) / 1e6
    return found | {"mean_difference": statistics.mean(means), "largest_difference": max(largest)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--members", type=at_least(1), default=20_000, help="images of the shard")
    parser.add_argument("--side", type=at_least(64), default=4000, help="width of large JPEGs")
    parser.add_argument(
        "--images", type=at_least(1), default=1000, help="in an epoch of small ones"
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["DEELISH_CACHE"] = str(Path(name) / "caches")
        found = measure(Path(name), options)
    print(f"{platform.machine()}, {os.cpu_count()} cores, medians of {options.rounds}, one thread")
    print(f"index of {options.members:,} images in a shard   {found['shard_s']:6.2f} s")
    print(
        f"view of a JPEG of {options.side} x {options.side * 3 // 4}, {found['large_mb']:.1f} MB:"
        f" {found['reduced_ms']:.1f} ms reduced, {found['whole_ms']:.1f} ms whole;"
        f"\n  they differ by {found['mean_difference']:.2f} of 255, at most"
        f" {found['largest_difference']}"
    )
    print(
        f"view of a PNG of 32 x 32: {found['uncached_us']:.0f} us decoded,"
        f" {found['memory_us']:.0f} from memory, {found['disk_us']:.0f} from disk"
    )
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in found.items()}))


if __name__ == "__main__":
    main()
