"""Makes CIFAR-10 as PNG files with lists, from the published archive of binary files.

    python data/cifar10.py FOLDER                                downloads 170 MB
    python data/cifar10.py FOLDER --archive cifar-10-binary.tar.gz

Writes train/*.png and test/*.png (32 x 32, RGB), train.txt (50,000 lines `path label`), test.txt
(10,000) and labels.txt. Krizhevsky 2009, "Learning multiple layers of features from tiny images".
"""

from __future__ import annotations

import argparse
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CHECKSUM = "md5:c32a1d4ab5d03f1284b67883e8d87530"
INSIDE = "cifar-10-batches-bin"
FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
# Images in a file; a label and the red, green and blue pixels of each.
COUNT, SIDE = 10_000, 32
BYTES = 1 + 3 * SIDE * SIDE


class WrongArchive(Exception):
    """An archive that is not CIFAR-10: which, and what is wrong with it."""


def make_cifar10(folder: Path, archive: Path) -> None:
    """Write the images and their lists into `folder`.

    Raises WrongArchive, OSError when `folder` cannot be written.
    """
    with _opened(archive) as tar:
        lists = {part: [_read(tar, archive, name) for name in FILES[part]] for part in FILES}
    _write_lines(folder / "labels.txt", NAMES)
    # The training list is written last: without it the folder counts as unfinished.
    for part, batches in reversed(lists.items()):
        (folder / part).mkdir(parents=True, exist_ok=True)
        _write_lines(folder / f"{part}.txt", list(_written(folder, part, np.concatenate(batches))))


def is_complete(folder: Path) -> bool:
    """Whether `folder` has every image and every line of the lists."""
    return all(
        sum(1 for _ in folder.glob(f"{part}/*.png")) == COUNT * len(files)
        and _count_lines(folder / f"{part}.txt") == COUNT * len(files)
        for part, files in FILES.items()
    )


def _opened(archive: Path) -> tarfile.TarFile:
    import pooch

    if not archive.is_file():
        raise WrongArchive(f"{archive}: no such file; leave --archive out to download it")
    algorithm, _, right = CHECKSUM.partition(":")
    found = pooch.file_hash(str(archive), alg=algorithm)
    if found != right:
        raise WrongArchive(
            f"{archive}: its {algorithm} checksum is {found}, and that of CIFAR-10's binary archive"
            f" {right}; give the file that {ADDRESS} holds"
        )
    return tarfile.open(archive)


def _read(tar: tarfile.TarFile, archive: Path, name: str) -> NDArray[np.uint8]:
    """One file of the archive: (10000, 3073), a label and the planes of each image."""
    try:
        member = tar.extractfile(f"{INSIDE}/{name}")
        data = b"" if member is None else member.read()
    except KeyError:
        data = b""
    if len(data) != COUNT * BYTES:
        raise WrongArchive(
            f"{archive}: {name} has {len(data):,} bytes, and CIFAR-10's {COUNT * BYTES:,}; give the"
            f" file that {ADDRESS} holds"
        )
    return np.frombuffer(data, np.uint8).reshape(COUNT, BYTES)


def _written(folder: Path, part: str, rows: NDArray[np.uint8]) -> Iterator[str]:
    """Write the images of a list, and give its lines."""
    for number, label in enumerate(rows[:, 0].tolist()):
        planes = rows[number, 1:].reshape(3, SIDE, SIDE)
        name = f"{part}/{number:05}.png"
        Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0))).save(folder / name)
        yield f"{name} {label}"


def _count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    unfinished.replace(path)


def _fetched() -> Path:
    """The archive from its publisher, checked; a later call finds it in the user's cache."""
    import pooch

    name = ADDRESS.rpartition("/")[2]
    try:
        return Path(pooch.retrieve(ADDRESS, CHECKSUM, name, pooch.os_cache("deelish")))
    except OSError as error:
        raise WrongArchive(
            f"{ADDRESS} cannot be downloaded ({type(error).__name__}); download it elsewhere, and"
            " give its path: --archive cifar-10-binary.tar.gz"
        ) from error
    except ValueError as error:
        raise WrongArchive(f"{ADDRESS} sent another file, whose checksum is not {CHECKSUM}") from (
            error
        )


def main() -> int:
    """Make the folder that the command line names, and print one line."""
    parser = argparse.ArgumentParser(description="Make CIFAR-10 as PNG files with lists.")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--archive", metavar="FILE", type=Path, help="the archive, if it is there")
    options = parser.parse_args()
    folder = options.folder
    if is_complete(folder):
        print(f"{folder}: all 60,000 images are there")
        return 0
    try:
        make_cifar10(folder, options.archive or _fetched())
    except (WrongArchive, tarfile.TarError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{folder}: {error.strerror or error}; name another folder", file=sys.stderr)
        return 1
    print(f"{folder}: 50,000 images in train.txt, 10,000 in test.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
