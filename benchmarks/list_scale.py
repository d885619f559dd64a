"""Ten million images as a list, as class folders and as shards: how they open, and what they take.

    python benchmarks/list_scale.py [--images 10000000] [--validation 50000] [--shards 0]
        [--processes 4] [--work FOLDER] [--json]

The files are 100 folders of 1,000 small ones. Class folders are links to these folders, so that
every image has a path of its own, which exists; the list names the same paths. Validation has
files of its own. A shard is a tar of 10,000 images; ten are written, and the others are links. The
second opening of shards reads the index that the first one saved.

Each row is a new process: seconds by the clock, seconds of the processor, and the most memory that
it had, with Python, NumPy and deelish (VmHWM of Linux, where this runs). The last row is of
processes forked from one that opened the list: each makes 10,000 samples, drawn at random, and
counts the memory that it shares with no other.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from speed.options import at_least

FOLDERS, FILES = 100, 1000
TARS, MEMBERS = 10, 10_000
DRAWN = 10_000


def image():
    """The bytes of a small JPEG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def write_files(folder, names, data):
    """Small files, of which each thousand are one by hard links: a disk has room for few inodes."""
    folder.mkdir()
    for number, name in enumerate(names):
        if number % FILES == 0:
            first = folder / name
            first.write_bytes(data)
        else:
            os.link(first, folder / name)


def write_images(folder, images, validation):
    """The files, the class folders, and both lists."""
    data, names = image(), [f"n{number:08}_{number:08}.JPEG" for number in range(FILES)]
    for number in range(FOLDERS):
        write_files(folder / f"real{number:02}", names, data)
    (folder / "images").mkdir()
    with (folder / "train.txt").open("w") as file:
        for label in range(-(-images // FILES)):
            link = folder / "images" / f"c{label:08}"
            link.symlink_to(folder / f"real{label % FOLDERS:02}")
            left = names[: images - label * FILES]
            file.write("".join(f"images/{link.name}/{name} {label}\n" for name in left))
    names = [f"{number}.JPEG" for number in range(validation)]
    write_files(folder / "val", names, data)
    (folder / "val.txt").write_text("".join(f"val/{name} 0\n" for name in names))


def write_shards(folder, count):
    """Tars of images and labels; the name that stands for all."""
    data = image()
    for number in range(count):
        path = folder / f"s-{number:06}.tar"
        if number >= TARS:
            path.symlink_to(folder / f"s-{number % TARS:06}.tar")
            continue
        with tarfile.open(path, "w") as tar:
            for member in range(MEMBERS):
                for name, content in ((f"{member:08}.jpg", data), (f"{member:08}.cls", b"7")):
                    header = tarfile.TarInfo(name)
                    header.size = len(content)
                    tar.addfile(header, io.BytesIO(content))
    return folder / f"s-{{000000..{count - 1:06}}}.tar"


def counted(field, file="status"):
    """Bytes that Linux counts for this process."""
    text = Path(f"/proc/self/{file}").read_text()
    return int(text.partition(f"{field}:")[2].split()[0]) * 1024


def opened(sources):
    """What a process finds that opens images for training, and to validate, as a script does."""
    from deelish.language.naming import InputBatch

    start, cpu = time.perf_counter(), time.process_time()
    dataset = InputBatch(*sources)
    found = {"s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
    found["peak_mb"] = counted("VmHWM") / 1e6
    start = time.perf_counter()
    next(dataset.train.batches(0, training=True))
    return found | {"batch_s": time.perf_counter() - start, "images": dataset.counts[0]}


def read(source):
    """The same, of the function that reads a list."""
    from deelish.images.lists import read_samples

    start, cpu = time.perf_counter(), time.process_time()
    samples = read_samples(source)
    found = {"s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
    return found | {"peak_mb": counted("VmHWM") / 1e6, "images": len(samples)}


def forked(source, processes):
    """The memory that each of some processes has of its own, after a look at samples."""
    from deelish.images.lists import read_samples

    samples, ends = read_samples(source), []
    for number in range(processes):
        end, other = os.pipe()
        if not os.fork():
            rows = np.random.default_rng(number).integers(0, len(samples), DRAWN)
            before = counted("Private_Dirty", "smaps_rollup")
            sum(samples[row].label for row in rows.tolist())
            after = counted("Private_Dirty", "smaps_rollup")
            os.write(other, json.dumps([before, after]).encode())
            os._exit(0)
        ends.append(end)
    return [json.loads(os.read(end, 1000)) for end in ends]


def child(*words):
    """What a new process finds."""
    command = [sys.executable, __file__, "--child", *map(str, words)]
    return json.loads(subprocess.check_output(command, text=True).splitlines()[-1])


def measure(options, folder):
    write_images(folder, options.images, options.validation)
    train, val = folder / "train.txt", folder / "val.txt"
    rows = {
        "list, by its function": ("read", train),
        "list": ("opened", train),
        "list, and one to validate": ("opened", train, val),
        "class folders": ("opened", folder / "images"),
    }
    if options.shards:
        # Not in the user's own.
        os.environ["DEELISH_CACHE"] = str(folder / "cache")
        name = write_shards(folder, options.shards)
        rows |= {"shards": ("opened", name), "shards, again": ("opened", name)}
    found = {title: child(*words) for title, words in rows.items()}
    return found | {"forked": child("forked", train, options.processes)}


def report(found):
    """Print the table."""
    print(f"{'':28}{'images':>11}{'s':>8}{'cpu s':>8}{'peak MB':>9}{'1st batch, s':>14}")
    for title, row in found.items():
        if title != "forked":
            batch = f"{row['batch_s']:14.2f}" if "batch_s" in row else ""
            print(
                f"{title:28}{row['images']:11,}{row['s']:8.2f}{row['cpu_s']:8.2f}"
                f"{row['peak_mb']:9.0f}{batch}"
            )
    own = [(after - before) / 1e6 for before, after in found["forked"]]
    print(
        f"{len(own)} forked processes: {', '.join(f'{each:.1f}' for each in own)} MB of their own"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=at_least(1), default=10_000_000)
    parser.add_argument("--validation", type=at_least(1), default=50_000)
    parser.add_argument(
        "--shards", type=at_least(0), default=0, help=f"tars of {MEMBERS:,} images (none)"
    )
    parser.add_argument("--processes", type=at_least(1), default=4, help="that are forked")
    parser.add_argument("--work", metavar="FOLDER", type=Path, help="where the disk has room")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    options = parser.parse_args()
    if options.child:
        what, *words = options.child
        acts = {"opened": lambda: opened(words), "read": lambda: read(*words)}
        acts["forked"] = lambda: forked(words[0], int(words[1]))
        print(json.dumps(acts[what]()))
        return
    with tempfile.TemporaryDirectory(prefix="list_scale", dir=options.work) as folder:
        found = measure(options, Path(folder))
    report(found)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
