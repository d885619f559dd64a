"""A file of a runtime of small devices as a teacher: .tflite, .pte, .xml or .param."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.printing import say
from deelish.common.processes import available_cores
from deelish.distillation.sources.stated import stated_in, sum_of
from deelish.engines.digests import Digest
from deelish.engines.inference import InferenceModel
from deelish.engines.own_process.process import OwnProcess
from deelish.engines.runtimes.table import Runtime
from deelish.errors import (
    FileError,
    MissingPackageError,
    TrainingError,
)
from deelish.formats.edge.notes import notes_in
from deelish.network.pretrained import find_model

# How many images go through the memory of both processes at once.
BATCH = 32


class RuntimeFile(InferenceModel):
    """A file with one input, of images, computed on the CPU in a process of its own.

    A damaged file may end that process, but not the one that trains.

    Args:
        path: the file.
        runtime: what reads it.
        gpu: where the session computes: a line says that this file does not.

    Raises:
        MissingPackageError: the runtime is not installed.
        FileError: a file is missing or damaged, or has another input.
    """

    # No runtime says which; most of int8 take and give floats.
    own_dtype = "the types of its file"

    def __init__(self, path: Path, runtime: Runtime, gpu: int) -> None:
        path = find_model(path)
        if not runtime.is_installed:
            raise MissingPackageError(
                f"{path}: running {runtime.extension} needs the package {runtime.package};"
                f" {runtime.install}"
            )
        self.name, self.kind = path.stem, f"model of {runtime.title}"
        self._path, self._runtime = path, runtime
        self.files = runtime.files_of(path)
        self.computed_by = f"{runtime.title} on cpu, threads: {available_cores()}"
        runtime.check_files(path)
        stated = stated_in(path, notes_in(path))
        self.labels, self._digest = stated.labels, self._sums()
        self._process, shape = self._started()
        self._check_shape(shape)
        self.fixed = {} if shape is None else {"channels": shape[0], "size": shape[1]}
        order = "L" if self.fixed.get("channels") == 1 else "RGB"
        size = {name: side for name, side in self.fixed.items() if name == "size"}
        self.pixels = {"order": order, **size, **stated.pixels}
        if gpu >= 0:
            say(f"{path.name}: {runtime.title} runs on the CPU")

    def _check_shape(self, shape: Any) -> None:
        if shape is not None and (shape[0] not in (1, 3) or shape[1] != shape[2]):
            raise FileError(
                f"{self._path}: takes {' x '.join(map(str, shape))}, where images of 1 or 3"
                " channels, as high as wide, are needed; export the model so"
            )

    def _started(self) -> tuple[OwnProcess, tuple[int, ...] | None]:
        """A process with the model, and the shape of its input."""
        path, runtime = self._path, self._runtime
        process = OwnProcess(
            runtime.title,
            runtime.program,
            # No method: the model would end with its process only when cycles are looked for.
            lambda reason, ended: FileError(f"{path}: {reason}; export it again"),
        )
        shape = process.load_model(path=str(path.resolve()), threads=available_cores())
        process.refused = lambda reason, ended: TrainingError(
            f"{path}: {reason}; {'start the script again' if ended else 'look at its size='}"
        )
        return process, shape

    def run(self, values: np.ndarray) -> np.ndarray:
        if not self._process.close.alive:
            self._process, _ = self._started()
        starts = range(0, len(values), BATCH)
        parts = [values[i : i + BATCH] for i in starts]
        return np.concatenate([self._process.run_batch(part, len(part)) for part in parts])

    def digest(self) -> str:
        return self._digest

    def _sums(self) -> str:
        return Digest(self._runtime.name, *map(sum_of, self.files)).hex()
