"""Training in one and in two processes: deelish under torchrun, beside a loop written by hand.

    python benchmarks/scale.py [--rounds 5] [--batches 20] [--batch 64] [--link MBIT]
        [--precisions NAME ...] [--json]

The student is NIN for CIFAR-10, 0.97 million parameters, which learns by "kd" from cached logits of
PNG images of 32 pixels. By hand it is the same network in plain PyTorch with
DistributedDataParallel, channels last, on tensors in memory (benchmarks/scale_sides/by_hand.py).
Every process has one thread. The sides take turns, round by round; a run is an epoch that warms up
and one that counts. Images a second are medians over the rounds, a ratio is the median of the
ratios within a round. "efficiency" is the speed of two processes over twice that of one. "apart"
are two trainings of one process each, at once, that share nothing but the machine: what its
processors, caches and memory leave to two. Bytes are those that the machine received during an
update, by the counters of its interfaces.

bfloat16 is left out where the processor does not multiply in it, unless --precisions names it. With
--link each process has a network namespace of its own, and the cable between them carries so
many Mbit/s. That needs root on Linux.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image
from scale_sides import nodes
from speed.options import at_least

from deelish.engines.precision import processor_has_bfloat16

SIDES = {"deelish": "ours.py", "by hand": "by_hand.py"}
FOLDER = Path(__file__).parent / "scale_sides"
PORTS = iter(range(29700, 30700))
# In place of a number of processes: two that share nothing.
APART = "apart"
PRECISIONS = ("float32", "bfloat16")


def write_images(folder, count):
    """A list of images of noise."""
    rng, lines = np.random.default_rng(0), []
    for number in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png {number % 10}\n")
    (folder / "train.txt").write_text("".join(lines))
    return folder / "train.txt"


def started(words, rank, size, port, linked, folder):
    """A process of a side."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DEELISH_CACHE": str(folder / "cache")}
    if size > 1:
        address = nodes.ADDRESSES[0] if linked else "127.0.0.1"
        launch = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": address, "MASTER_PORT": port}
        # Each node has one process.
        local = {"LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
        if linked:
            local = {"LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
            environment |= nodes.variables(rank)
        environment |= {name: str(value) for name, value in {**launch, **local}.items()}
    command = nodes.command(rank, words) if linked and size > 1 else words
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def measured(side, size, path, options, precision):
    """What a run of a side in so many processes prints."""
    words = [sys.executable, FOLDER / SIDES[side], path, str(options.batch), precision]
    port, linked = next(PORTS), bool(options.link)
    running = [started(words, rank, size, port, linked, path.parent) for rank in range(size)]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"{side}: a process of {size} failed")
    return json.loads(outputs[0].splitlines()[-1])


def apart(side, path, options, precision):
    """Images a second of two trainings of a side at once, in one process each."""
    words = [sys.executable, FOLDER / SIDES[side], path, str(options.batch), precision]
    running = [started(words, 0, 1, None, False, path.parent) for _ in range(2)]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"{side}: one of two processes failed")
    return {"speed": sum(json.loads(each.splitlines()[-1])["speed"] for each in outputs)}


def rounds_of(path, options, precision):
    """By side and number of processes, what each round measured."""
    runs = [(side, size) for size in (1, 2, APART) for side in SIDES]
    found = {run: [] for run in runs}
    for _ in range(options.rounds):
        for side, size in runs:
            given = (path, options, precision)
            made = apart(side, *given) if size == APART else measured(side, size, *given)
            found[side, size].append(made)
    return found


def summary(found):
    """Medians and ratios."""
    speeds = {run: [each["speed"] for each in made] for run, made in found.items()}
    made = {}
    for side in SIDES:
        one, two, free = (speeds[side, size] for size in (1, 2, APART))
        made[side] = {
            "one": statistics.median(one),
            "two": statistics.median(two),
            "apart": statistics.median(free),
            "efficiency": statistics.median(b / (2 * a) for a, b in zip(one, two, strict=True)),
            "of_apart": statistics.median(b / a for a, b in zip(free, two, strict=True)),
            "bytes": statistics.median(each["bytes"] for each in found[side, 2]),
        }
    made["ratios"] = {
        size: statistics.median(
            a / b for a, b in zip(speeds["deelish", n], speeds["by hand", n], strict=True)
        )
        for n, size in ((1, "one"), (2, "two"))
    }
    return made


def show(precision, made):
    """Print a table."""
    heads = ("efficiency", "apart", "of apart", "MB")
    print(f"\n{precision:<14}{'one':>8}{'two':>8}" + "".join(f"{head:>12}" for head in heads))
    for side in SIDES:
        row = made[side]
        print(
            f"{side:<14}{row['one']:>8.1f}{row['two']:>8.1f}{row['efficiency']:>12.3f}"
            f"{row['apart']:>12.1f}{row['of_apart']:>12.3f}{row['bytes'] / 1e6:>12.2f}"
        )
    ratios = made["ratios"]
    print(f"deelish / by hand {ratios['one']:.3f} in one process, {ratios['two']:.3f} in two")


def main():
    count = at_least(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=count, default=5)
    parser.add_argument("--batches", type=count, default=20, help="in an epoch")
    parser.add_argument("--batch", type=count, default=64, help="images of all processes")
    parser.add_argument("--link", type=count, metavar="MBIT", help="between two namespaces")
    # Elsewhere bfloat16 is computed in many steps, and nobody trains in it.
    fast = PRECISIONS if processor_has_bfloat16() else PRECISIONS[:1]
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=fast)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        if options.link:
            stack.enter_context(nodes.two_nodes(options.link))
        path = write_images(Path(name), options.batches * options.batch)
        for precision in options.precisions:
            results[precision] = summary(rounds_of(path, options, precision))
            show(precision, results[precision])
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
