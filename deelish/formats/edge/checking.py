"""A written file, run in its real runtime before it takes its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.engines.own_process.process import OwnProcess
from deelish.engines.runtimes.table import runtime_of
from deelish.errors import FileError
from deelish.formats.agreement import Run, disagreement, squares
from deelish.formats.edge.source import EdgeOptions, EdgeSource

# Images of large squares that a file of floats is compared on.
COUNT = 3
# The most images that its int8 is compared on.
MOST = 32


class RunningFile:
    """A file in its runtime, in a process of its own: float32 (n, ...) to logits (n, classes).

    Args:
        path: the file, with those that belong to it beside it.
        shown: what errors call it.

    Raises:
        FileError: the runtime cannot run it.
    """

    def __init__(self, path: Path, shown: Path) -> None:
        runtime = runtime_of(path)
        if runtime is None:
            raise FileError(f"{shown}: no runtime reads {path.suffix}")

        def refused(reason: str, ended: bool) -> FileError:
            return FileError(f"{shown}: is not written, since {reason}; export .onnx")

        self._process = OwnProcess(runtime.title, runtime.program, refused)
        self._process.load_model(path=str(path), threads=1)

    def run(self, values: np.ndarray) -> np.ndarray:
        """The logits of any number of images, (n, ...)."""
        return self._process.run_batch(np.ascontiguousarray(values, np.float32), len(values))

    def close(self) -> None:
        """End the process."""
        self._process.close()


def check_file(
    run: Run, path: Path, source: EdgeSource, options: EdgeOptions, rounding: str
) -> None:
    """Compare a file with its network.

    In floats their logits are equal up to rounding. Int8 loses something, and how much only a
    measurement says: here a file is refused whose logits are further from the network's than
    zeros are.

    Args:
        run: runs the file.
        path: what errors call it.
        source: the network.
        options: how the file was written.
        rounding: what its floats lose, see `deelish.formats.agreement`.

    Raises:
        FileError: they differ.
    """
    images = options.images
    rule = source.preprocessing
    values = rule.apply(squares(COUNT, rule.size)) if images is None else images[:MOST]
    ours = source.run(values)
    if not np.isfinite(ours).all():
        raise FileError(f"{path}: {source.name} gives logits that are not finite; train it again")
    theirs = run(values)
    if images is None:
        wrong = disagreement(ours, theirs, source.run, values, rounding)
    else:
        wrong = _far(ours, theirs)
    if wrong is not None:
        raise FileError(f"{path}: is not written, since it {wrong}; export .onnx")


def _far(ours: np.ndarray, theirs: np.ndarray) -> str | None:
    lost = float(np.linalg.norm(theirs.ravel() - ours.ravel()) / np.linalg.norm(ours))
    if lost < 1:
        return None
    return f"gives logits in int8 that are {lost:.1f} times as far off as zeros would be"
