"""What the ways of rivals.py are given: lists of images, and the weights of both networks."""

from collections import Counter

from PIL import Image

from deelish import *
from deelish.errors import DeelishError
from deelish.networks import NetworkInNetworkCIFAR10

CLASSES, SIDE, TEACHER_SIDE = 10, 32, 96
# Lines of each list of CIFAR-10.
LISTS = {"train.txt": 50_000, "test.txt": 10_000}


def check_data(data):
    """Refuse a folder that is not CIFAR-10: its lists, their classes, and every image."""
    for name, count in LISTS.items():
        path = data / name
        if not path.is_file():
            raise SystemExit(
                f"{path} is missing: CIFAR10 is a folder with train.txt, test.txt and their images"
            )
        # Of a file that is no text, a line is shown below.
        lines = path.read_text(errors="replace").splitlines()
        if len(lines) != count:
            raise SystemExit(
                f"{path} has {len(lines):,} lines, and that of CIFAR-10 has {count:,}: name the"
                " folder of the whole data set; --images and --test-images take a part of it"
            )
        check_lines(path, lines)


def check_lines(path, lines):
    """Refuse lines without a label, classes of another size, and images that are not there."""
    seen = Counter()
    for number, line in enumerate(lines, 1):
        name, _, label = line.rpartition(" ")
        if not name or label not in map(str, range(CLASSES)):
            raise SystemExit(f"{path}, line {number}: {line!r} is not a path and a label of 0 to 9")
        if not (path.parent / name).is_file():
            raise SystemExit(f"{path}, line {number}: {path.parent / name} is missing")
        seen[label] += 1
    for label, count in seen.items():
        if count != len(lines) // CLASSES:
            raise SystemExit(
                f"{path} has {count:,} images of class {label}, and each class of CIFAR-10 has"
                f" {len(lines) // CLASSES:,} there"
            )
    first = path.parent / lines[0].rpartition(" ")[0]
    with Image.open(first) as image:
        if image.size != (SIDE, SIDE):
            raise SystemExit(f"{first} has {image.size} pixels, and CIFAR-10 has 32 x 32")


def write_networks(teacher, seed, folder):
    """The files of the teacher and of the student's initial weights."""
    # The numpy engine keeps this process small: on Linux a child's peak starts from its parent's.
    with Deel(seed=seed, engine="numpy"):
        student = NetworkInNetworkCIFAR10().save(folder / f"student_{seed}.safetensors")
        return [loaded(teacher).save(folder / "teacher.safetensors"), student]


def loaded(path):
    """The teacher; refused where it is no GoogLeNet for ten classes at 96 pixels."""
    try:
        teacher = Network.load(path)
    except DeelishError as error:
        raise SystemExit(str(error)) from None
    shape = (1, 3, TEACHER_SIDE, TEACHER_SIDE)
    fits = teacher.classes == CLASSES and teacher.plan.inputs.get("data") == shape
    if not fits or "inception_5b/1x1" not in {layer.name for layer in teacher.plan.layers}:
        raise SystemExit(
            f"{path} is {teacher.name} for {teacher.classes} classes, and a GoogLeNet for {CLASSES}"
            f" at {TEACHER_SIDE} pixels is needed: benchmarks/cifar10_5000.py --size"
            f" {TEACHER_SIDE} --keep FOLDER leaves one"
        )
    return teacher
