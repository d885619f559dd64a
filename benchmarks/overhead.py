"""What the language costs: a distillation by deelish from files, beside its steps written by hand.

    python benchmarks/overhead.py [--rounds 5] [--json]

GoogLeNet at 224 teaches NIN at 227 in batches of 32. The hand-written loop runs the same modules on
arrays that are in memory already, so the difference holds decoding, views, checks and reports. The
two run in turn; medians of images a second, and the ratio pair by pair.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from speed.options import at_least

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetwork

BATCH, IMAGES = 32, 128


def write_images(folder):
    """JPEG files of noise over a gradient, about the size of a photograph; returns their list."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, 375)[:, None, None] + np.zeros((375, 500, 3))
    lines = []
    for number in range(IMAGES):
        pixels = (ramp + rng.integers(0, 50, ramp.shape)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=92)
        lines.append(f"{number}.jpg {number}\n")
    (folder / "train.txt").write_text("".join(lines))
    return folder / "train.txt"


def by_deelish(student, teacher, path):
    """Images a second of one epoch of BatchTrain."""

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    InputBatch(path, batch_size=BATCH)
    with contextlib.redirect_stdout(None):
        return BatchTrain(workout, epochs=1)[0]["images_per_second"]


def by_hand(student, teacher, arrays):
    """Images a second of the same steps on the same modules."""
    student.module.train()
    optimizer = torch.optim.Adam(student.module.parameters(), lr=3e-4)
    start = time.perf_counter()
    for first, second in arrays:
        with torch.inference_mode():
            logits = teacher.module(torch.from_numpy(first))
        target = F.log_softmax(logits.clone(), 1)
        scores = F.log_softmax(student.module(torch.from_numpy(second)), 1)
        loss = F.kl_div(scores, target, reduction="batchmean", log_target=True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
    return IMAGES / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    sides = (224, 227)
    arrays = [
        [rng.normal(0, 70, (BATCH, 3, side, side)).astype(np.float32) for side in sides]
        for _ in range(IMAGES // BATCH)
    ]
    ours, hand = [], []
    with tempfile.TemporaryDirectory() as name, Deel(precision="float32"):
        path = write_images(Path(name))
        student, teacher = NetworkInNetwork(), GoogLeNet()
        teacher.untrained.clear()  # deelish is to take initial weights for trained
        for number in range(options.rounds + 1):
            pair = by_deelish(student, teacher, path), by_hand(student, teacher, arrays)
            if number:  # the first round warms up
                ours.append(pair[0])
                hand.append(pair[1])
    ratio = statistics.median(a / b for a, b in zip(ours, hand, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"deelish, from files      {statistics.median(ours):6.1f} images/s")
    print(f"by hand, from memory     {statistics.median(hand):6.1f} images/s")
    print(f"ratio                    {ratio:6.3f}")
    print(f"peak memory              {peak:6.0f} MB")
    if options.json:
        print(json.dumps({"deelish_vs_hand": round(ratio, 4), "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
