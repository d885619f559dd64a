"""What a teacher costs, cached and not: its epochs beside one on labels alone.

    python benchmarks/teacher_cache.py [--images 256] [--views 2] [--rounds 5] [--json]

GoogLeNet at 224 teaches NIN at 227, batches of 32, on random JPEG files of 256 x 256 pixels. First
the teacher sees every view once, and each other side has an epoch that warms it up. Then epochs
from the cache, epochs on labels alone and epochs of a teacher that sees fresh views take turns,
with the same loader. Medians; the cached logits are compared with fresh ones.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from speed.options import at_least

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetwork


def write_images(folder, count):
    """A list of random images, blurred so that they are as large as photographs' files."""
    rng, lines = np.random.default_rng(0), []
    for number in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC).save(path, quality=92)
        lines.append(f"{path.name} {number % 10}\n")
    (folder / "train.txt").write_text("".join(lines))
    return folder / "train.txt"


class Side:
    """One student in a session of its own, with or without a teacher."""

    def __init__(self, train, views, distilled):
        with Deel() as self.session:
            self.student = NetworkInNetwork(labels=10)
            self.teacher = GoogLeNet(labels=10) if distilled else None
            if distilled:
                # Initial weights do here: deelish is to take them for trained.
                self.teacher.untrained.clear()
            InputBatch(train, views=views)

    def workout(self, x, t):
        """A training step on the labels, or on the teacher's logits."""
        target = self.teacher.batch_feature(x) if self.teacher else t
        self.student.classify(x)
        return self.student.backprop(target, distill=self.teacher is not None)

    def epoch(self):
        """Seconds of one epoch."""
        with self.session:
            return BatchTrain(self.workout, epochs=1)[0]["seconds"]

    def difference(self):
        """The largest difference of cached logits from fresh ones, over the largest logit."""
        seen = []

        def look(x, t):
            cached = self.teacher.batch_feature(x).value
            fresh = self.teacher.compute(x).output.value
            seen.append(abs(cached - fresh).max() / abs(fresh).max())
            self.student.classify(x)
            return self.student.backprop(t)

        with self.session:
            BatchTrain(look, epochs=1)
        return float(max(seen))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=at_least(1), default=256)
    parser.add_argument("--views", type=at_least(1), default=2)
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DEELISH_CACHE"] = str(folder / "cache")
        train = write_images(folder, options.images)
        sides = {
            "labels": Side(train, options.views, distilled=False),
            "cached": Side(train, options.views, distilled=True),
            "fresh": Side(train, None, distilled=True),
        }
        for name, side in sides.items():
            for _ in range(options.views if name == "cached" else 1):
                side.epoch()
        times = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, side in sides.items():
                times[name].append(side.epoch())
        difference = sides["cached"].difference()
        # Windows cannot remove a file that is open.
        del side, sides
    labels, cached, fresh = (statistics.median(taken) for taken in times.values())
    print(f"\nseconds of an epoch of {options.images} images, medians of {options.rounds}")
    print(f"labels alone           {labels:8.2f}")
    print(f"cached teacher         {cached:8.2f}   ratio {cached / labels:.3f}")
    print(f"fresh teacher          {fresh:8.2f}   ratio {fresh / labels:.3f}")
    print(f"cached logits differ from fresh ones by {difference:.1e} of the largest logit")
    if options.json:
        found = {"labels_s": labels, "stored_s": cached, "ratio": cached / labels}
        found |= {"fresh_s": fresh, "fresh_ratio": fresh / labels}
        print(json.dumps({name: round(value, 4) for name, value in found.items()}))


if __name__ == "__main__":
    sys.exit(main())
