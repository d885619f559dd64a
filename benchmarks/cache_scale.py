"""A teacher cache of 100 million records: its size, how it opens, how keys are found.

    python benchmarks/cache_scale.py [--records 100000000] [--parts 10] [--processes 4]
        [--keys 1000000] [--work FOLDER] [--json]

Each record has ten logits of 1,024 classes and the mass of the rest; keys and numbers are random.
The parts are written as `deelish teach --part` writes them and become one file as `deelish cache
merge` makes it, which takes 9 GB of disk for a moment. Then processes open it at once. Each says
how long that took, how much memory of its own it has more, and how long it looks for keys, all at
once and in batches of 64, the second time, when the file is in the system's cache. The memory of a
process is that which it shares with no other (RssAnon of Linux, where this runs).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from speed.options import at_least

from deelish.distillation.teacher_cache import merging, segments
from deelish.distillation.teacher_cache.forms import Form
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.segments import Part, SegmentHeader
from deelish.distillation.teacher_cache.store import open_store
from deelish.storage.segment import in_order

IDENTITY = {"teacher": "Teacher", "fingerprint": "0" * 64}
CLASSES, TOP = 1024, 10
HEADER = CacheHeader.of(IDENTITY, Form.of(CLASSES, TOP))
BATCH = 64


def keys_of(number, count):
    """The keys of a part."""
    return np.frombuffer(np.random.default_rng(number).bytes(count * 16), np.uint8).reshape(-1, 16)


def write_part(folder, number, parts, count):
    """A part with random logits; its path."""
    keys = keys_of(number, count)
    payloads = bytearray(np.random.default_rng((number, 1)).bytes(count * HEADER.payload_bytes))
    rows = np.frombuffer(payloads, np.uint8).reshape(count, -1)
    # Half precision below 2: numbers of classes come first, and each number's upper byte last.
    rows[:, -1 : -2 * (TOP + 1) : -2] &= 0xBF
    header = SegmentHeader(HEADER, part=Part(number, parts, "0" * 64, ""))
    return segments.write(header, folder, [in_order(keys, rows)])


def memory():
    """Bytes of this process alone."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("RssAnon:")[2].split()[0]) * 1024


def look(folder, parts, count, keys):
    """What one process finds: seconds to open, memory, seconds to find keys."""
    # A quarter of the keys are in no record.
    chosen = np.random.default_rng(7).permutation(count)[: keys * 3 // 4 // parts]
    there = np.concatenate([keys_of(n, count)[chosen] for n in range(1, parts + 1)])
    sought = np.concatenate([there, keys_of(0, keys - len(there))])
    sought = np.random.default_rng(8).permutation(sought)
    before, start = memory(), time.perf_counter()
    store = open_store(IDENTITY, CLASSES, TOP, folder)
    found = {"open_s": time.perf_counter() - start, "records": len(store)}
    found["memory_mb"] = (memory() - before) / 1e6
    for _ in range(2):
        # Opened again, so that its checksums are checked again; then in the system's cache.
        segment = segments.opened(folder / SegmentHeader(HEADER).file)
        start = time.perf_counter()
        positions, _ = segment.find(sought)
        found["find_s"] = time.perf_counter() - start
    if len(positions) != len(there):
        sys.exit(f"{len(positions):,} keys are found of {len(there):,} that are there")
    batches = np.array_split(sought[: 1000 * BATCH], len(sought[: 1000 * BATCH]) // BATCH)
    start = time.perf_counter()
    for batch in batches:
        store.get(batch)
    found["ms_a_batch"] = (time.perf_counter() - start) / len(batches) * 1000
    return found


def measure(options, folder):
    count = options.records // options.parts
    start = time.perf_counter()
    paths = [write_part(folder, n, options.parts, count) for n in range(1, options.parts + 1)]
    found = {"write_s": time.perf_counter() - start}
    start = time.perf_counter()
    merged = merging.merge(paths)
    found["merge_s"] = time.perf_counter() - start
    found["bytes_a_record"] = merged.path.stat().st_size / merged.count
    command = [sys.executable, __file__, "--look", folder, "--records", str(options.records)]
    command += ["--parts", str(options.parts), "--keys", str(options.keys)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(options.processes)
    ]
    found["processes"] = [json.loads(process.communicate()[0]) for process in running]
    return found


def report(found):
    """Print the table."""
    print(f"written in {found['write_s']:.0f} s, merged in {found['merge_s']:.0f} s")
    print(f"{found['bytes_a_record']:.2f} bytes a record")
    titles = {
        "records": ("records", "{:>12,}"),
        "open_s": ("open, s", "{:>12.4f}"),
        "memory_mb": ("memory, MB", "{:>12.1f}"),
        "find_s": ("find, s", "{:>12.2f}"),
        "ms_a_batch": (f"{BATCH} keys, ms", "{:>12.2f}"),
    }
    print("".join(f"{title:>13}" for title, _ in titles.values()))
    for each in found["processes"]:
        print("".join(f" {form.format(each[name])}" for name, (_, form) in titles.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=at_least(1), default=100_000_000)
    parser.add_argument("--parts", type=at_least(1), default=10)
    parser.add_argument("--processes", type=at_least(1), default=4, help="that open it at once")
    parser.add_argument("--keys", type=at_least(BATCH), default=1_000_000, help="to look for")
    parser.add_argument("--work", metavar="FOLDER", type=Path, help="where the disk has room")
    parser.add_argument("--look", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    options = parser.parse_args()
    if options.look:
        count = options.records // options.parts
        print(json.dumps(look(options.look, options.parts, count, options.keys)))
        return
    with tempfile.TemporaryDirectory(prefix="cache_scale", dir=options.work) as folder:
        found = measure(options, Path(folder))
    report(found)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
