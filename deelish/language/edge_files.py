"""Files of a network for other runtimes: what may be asked for, and how each is made."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deelish.engines.int8 import CHANNEL, WEIGHTS
from deelish.errors import DataError, FileError
from deelish.formats.agreement import Run
from deelish.formats.edge.checking import RunningFile, check_file
from deelish.formats.edge.converters import CONVERTERS
from deelish.formats.edge.source import PRECISIONS, EdgeOptions
from deelish.formats.edge.writing import Check, write_edge
from deelish.formats.onnx.half import halved
from deelish.language.exporting import (
    calibration_samples,
    check_word,
    int8_model,
    some_images,
)
from deelish.network.edge import edge_source
from deelish.network.learner import Learner
from deelish.storage.atomic import check_target, write_file

ONNX = ".onnx"


@dataclass(frozen=True)
class FileChoices:
    """What `export` takes, under its names."""

    int8: bool | str | Path = False
    precision: str = "float32"
    weights: str = CHANNEL

    def check(self, who: str, path: Path) -> None:
        """Refuse what no file can be.

        Raises:
            FileError: an unknown file extension.
            DataError: an unknown word, or two that exclude each other.
        """
        if path.suffix.lower() not in (ONNX, *CONVERTERS):
            raise FileError(
                f"{path}: export() writes {', '.join((ONNX, *CONVERTERS))}; for other extensions"
                " there is save()"
            )
        check_word(f"{who}.export()", "precision", self.precision, PRECISIONS)
        check_word(f"{who}.export()", "weights", self.weights, WEIGHTS)
        if self.int8 is not False and self.precision != "float32":
            raise DataError(
                f"{who}.export(int8=..., precision={self.precision!r}): int8 is a precision of its"
                " own; leave one of the two out"
            )
        if self.int8 is False and self.weights != CHANNEL:
            raise DataError(
                f"{who}.export(weights={self.weights!r}): is of int8; give int8= too, or leave it"
                " out"
            )


def export_file(
    learner: Learner, path: Path, choices: FileChoices, check: Check | None = None
) -> None:
    """Write the file of a network in this process; see `export`.

    Args:
        learner: the network or student.
        path: the file.
        choices: how it is written.
        check: looks at the running file before it is written.
    """
    choices.check(learner.name, path)
    extension = path.suffix.lower()
    if extension != ONNX:
        CONVERTERS[extension].check(path, int8=choices.int8 is not False)
        # Before calibration images are read.
        check_target(path)
        write_edge(path, edge_source(learner), _options(learner, choices), check)
    elif choices.int8 is not False:
        content = int8_model(learner, choices.int8, "export(int8=...)", choices.weights)
        _write_onnx(path, content, check)
    elif choices.precision != "float32":
        _write_halved(learner, path, check)
    elif check is not None:
        with tempfile.TemporaryDirectory(prefix="deelish-") as folder:
            made = Path(folder, path.name)
            learner.write(made, finite=True)
            _write_onnx(path, made.read_bytes(), check)
    else:
        learner.write(path, finite=True)


def _options(learner: Learner, choices: FileChoices) -> EdgeOptions:
    if choices.int8 is False:
        return EdgeOptions(choices.precision)
    samples = calibration_samples(f"{learner.name}.export(int8=...)", choices.int8)
    rule = learner.preprocessing
    batches = some_images(learner, samples, None)
    images = np.concatenate([rule.apply(batch.pixels(rule)) for batch in batches])
    return EdgeOptions(images=images, weights=choices.weights)


def _write_halved(learner: Learner, path: Path, check: Check | None) -> None:
    source = edge_source(learner)
    content = halved(path, source.onnx(), source.notes)

    def agrees(run: Run) -> None:
        check_file(run, path, source, EdgeOptions("float16"), "float16")
        if check is not None:
            check(run)

    _write_onnx(path, content, agrees)


def _write_onnx(path: Path, content: bytes, check: Check | None) -> None:
    """Write an .onnx after a look at it in onnxruntime."""
    check_target(path)
    if check is not None:
        with tempfile.TemporaryDirectory(prefix="deelish-") as folder:
            made = Path(folder, "model.onnx")
            made.write_bytes(content)
            running = RunningFile(made, path)
            try:
                check(running.run)
            finally:
                running.close()
    write_file(path, content)
