"""Prepares an experiment: looks at photographs and models, chooses, writes lists and script."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deelish.cli.experiment import models
from deelish.cli.experiment.photographs import Photographs, photographs_in
from deelish.cli.experiment.script import NAME, Facts, script_text
from deelish.cli.experiment.settings import settings
from deelish.cli.experiment.spelling import path_from
from deelish.cli.experiment.splitting import list_text, split
from deelish.common.checks import is_count
from deelish.common.printing import say
from deelish.comparison.devices import device_of
from deelish.errors import DataError, FileError, MissingPackageError
from deelish.language.session import Deel
from deelish.storage.atomic import write_files

# With so few photographs a line says what to expect of a student that is trained from scratch: from
# 78 a MobileNet learnt nothing that held beyond them.
FEW = 1000
# What the script needs beyond deelish and the library of its models.
PACKAGES = ("onnx", "onnxruntime", "onnxscript", "huggingface_hub")


@dataclass(frozen=True)
class Experiment:
    """The folder of an experiment, the texts of its files, and the path of its .onnx."""

    folder: Path
    files: dict[str, str]
    target: Path


def prepared(options: argparse.Namespace) -> Experiment:
    """Look at the photographs and the models, and choose.

    Raises:
        DataError, FileError, PlanError, TrainingError: what cannot be used, with its cure.
        MissingPackageError: a package that the script needs.
    """
    folder = options.out or Path(f"{options.photographs.resolve().name}-student")
    target = options.to or folder / "student.onnx"
    _check(options, folder)
    found = photographs_in(options.photographs)
    found.report()
    parts = split(found)
    say(
        f"split: {len(parts.train):,} to learn from, {len(parts.val):,} to watch,"
        f" {len(parts.test):,} to test"
    )
    script = _script(options, found, len(parts.train), folder, target)
    lists = {"train.txt": parts.train, "val.txt": parts.val, "test.txt": parts.test}
    files = {name: list_text(images, found.labels, folder) for name, images in lists.items()}
    labels = "".join(f"{label}\n" for label in found.labels)
    return Experiment(folder, {"labels.txt": labels, **files, NAME: script}, target)


def _script(
    options: argparse.Namespace, found: Photographs, images: int, folder: Path, target: Path
) -> str:
    """The script for so many training images; lines say what was chosen."""
    with Deel(gpu=options.gpu, seed=options.seed):
        teacher = models.teacher(options.teacher, found.labels, folder)
        student = models.student(
            options.student, found.labels, options.size, scratch=options.from_scratch
        )
    numbers = settings(
        images, pretrained=student.pretrained, gpu=options.gpu >= 0, epochs=options.epochs
    )
    say(f"teacher: {teacher.about}")
    say(f"student: {student.about}")
    say(numbers.report())
    if not student.pretrained and images < FEW:
        say(
            f"{images:,} images are few for a student from scratch, which may do no better than the"
            " most frequent class; take one with published weights, or add photographs"
        )
    about = f"{found.folder.resolve().name}: {options.teacher} teaches {options.student}."
    text = about.replace("\\", "/").replace('"', "'")
    facts = Facts(text, path_from(folder, target), options.fits, options.gpu, options.seed)
    return script_text(facts, teacher, student, numbers)


def _check(options: argparse.Namespace, folder: Path) -> None:
    """Refuse before minutes have passed what would fail after them."""
    for name in ("size", "epochs"):
        value = getattr(options, name)
        if value is not None and not is_count(value):
            raise DataError(f"--{name} {value}: give a whole number above 0")
    if options.to is not None and options.to.suffix.lower() != ".onnx":
        raise FileError(f"--to {options.to}: the student is written as .onnx; give such a name")
    if options.to is not None and not options.to.parent.is_dir():
        raise FileError(f"--to {options.to}: there is no folder {options.to.parent}; make it first")
    if options.photographs.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise FileError(f"--out {folder}: is within the photographs; give another folder")
    if options.fits is not None:
        device_of(options.fits)
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"the script needs {', '.join(missing)}, for the .onnx and the model card; run `pip"
            ' install "deelish[onnx,hub]"`'
        )


def write(made: Experiment) -> None:
    """Write the files, unless they are there as they would be written.

    Raises:
        FileError: another file is there, which would be lost.
    """
    contents = {made.folder / name: text.encode() for name, text in made.files.items()}
    there = {path: path.read_bytes() for path in contents if path.is_file()}
    for path, content in there.items():
        if content != contents[path]:
            raise FileError(
                f"{path}: differs from what would be written, since it was edited, or images or"
                f" options have changed; run `python {NAME}` in {made.folder}, or give another"
                " folder with --out"
            )
    if len(there) == len(contents):
        say(f"{made.folder}: is there already, and goes on")
        return
    try:
        made.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{made.folder}: the folder cannot be made ({error.strerror}); give another with --out"
        ) from error
    write_files(contents)
    say(f"written to {made.folder}: {', '.join(made.files)}")
