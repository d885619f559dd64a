"""The speed of students: models of timm taught by EfficientNet-Lite0, beside two rivals.

    python benchmarks/students.py PHOTOGRAPHS [--timm CHECKOUT] [--rounds 3] [--batches 5]
        [--batch 32] [--threads N] [--workers 2] [--students NAME ...] [--precisions NAME ...]
        [--json]

PHOTOGRAPHS is a tar archive of JPEG files and of train.txt, with a path and a label of ImageNet a
line. MobileNetV4-small and ResNet-18 learn from the teacher's logits and the labels, at 224 pixels,
with AdamW, from random resized crops that may be mirrored. All networks are timm's, with initial
weights, which are as fast as trained ones. A side has a process of its own, as many threads as the
others, and a first round that warms it up. The sides take turns, round by round. A round is an
epoch: decoding, the teacher, the update, and the wait for the first batch. Images a second are
medians over the rounds, and a ratio is the median of the ratios within a round.

"deelish" is a script with `Student` and `Teacher`; "cached logits" is the same with views=1, where
the round that warms up fills the teacher cache, and "labels alone" has the same views and no
teacher. "timm's train.py" is that of a git checkout of pytorch-image-models, with the timm that is
installed: --kd-model-name efficientnet_lite0, channels last, fused AdamW, no colour jitter, and
--amp --amp-dtype bfloat16 in the second table. "Hand-written" is benchmarks/student_sides/
hand_written.py: channels last, autocast, the teacher in inference mode, libjpeg-turbo in the
processes of a DataLoader. Both rivals load images with --workers processes. Nothing is compiled:
torch.compile takes a minute or more for a network and precision.

Two quiet cores need about ten minutes. With --json the last line is an object: the ratios by
precision and student, where null was not measured. It runs on Linux, and needs 12 GB of memory.
"""

import argparse
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from speed.options import at_least
from speed.setting import Setting
from speed.sides import Side, measure, notes_of
from student_sides import table
from student_sides.recipe import PRECISIONS, SIZE, STUDENTS


def options_of_the_user():
    count = at_least(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", metavar="PHOTOGRAPHS", type=Path)
    parser.add_argument("--timm", metavar="CHECKOUT", type=Path, help="holds train.py")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--batches", type=count, default=5, help="in a round")
    parser.add_argument("--batch", type=count, default=32)
    parser.add_argument("--threads", type=count, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--workers", type=count, default=2, help="processes of the rivals' loaders")
    parser.add_argument("--students", nargs="+", choices=STUDENTS, default=list(STUDENTS))
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    return parser.parse_args()


def version_of(checkout):
    """The version that a checkout of timm says it has."""
    scope = {}
    exec((checkout / "timm" / "version.py").read_text(), scope)
    return scope["__version__"]


def head(options, setting):
    """Write the photographs; print what the sides run on."""
    arguments = {"archive": str(options.photographs.resolve()), "batches": options.batches}
    side = Side("photographs", "photographs:Photographs", arguments, "student_sides")
    files = notes_of(side, setting)
    packages = (f"{name} {version(name)}" for name in ("torch", "torchvision", "timm"))
    print(", ".join(packages))
    if options.timm:
        print(f"train.py of pytorch-image-models {version_of(options.timm)}")
    print(f"{files['files']} photographs of {files['kb']:.0f} kB, batches of {options.batch}")
    print(f"{options.threads} threads, medians of {options.rounds} rounds", flush=True)


def run(options, folder):
    """Measure and print; returns the ratios by precision and student."""
    sizes = dict.fromkeys(options.students, SIZE)
    setting = Setting(options.batch, options.threads, 0, folder, sizes)
    head(options, setting)
    checkout = options.timm and str(options.timm.resolve())
    ratios = {}
    for precision in options.precisions:
        found = {
            student: measure(
                table.sides_of(student, precision, options.workers, checkout),
                setting,
                options.rounds,
            )
            for student in options.students
        }
        print("\n".join(table.lines(precision, found)), flush=True)
        ratios[precision] = {student: table.ratios(sides) for student, sides in found.items()}
    return ratios


def main():
    options = options_of_the_user()
    with tempfile.TemporaryDirectory() as name:
        ratios = run(options, Path(name))
    if options.json:
        print(json.dumps(ratios))


if __name__ == "__main__":
    main()
