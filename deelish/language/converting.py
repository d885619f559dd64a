"""`deelish convert` for other runtimes: the file is run on images before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deelish.common.printing import say
from deelish.comparison.images import ImageList
from deelish.errors import FileError
from deelish.formats.agreement import Run, same_answers, squares
from deelish.formats.edge.converters import CONVERTERS
from deelish.formats.edge.writing import companions
from deelish.images.lists import read_samples
from deelish.language.edge_files import FileChoices, export_file
from deelish.network.convert import check_paths, say_written
from deelish.network.edge import edge_source
from deelish.network.learner import Learner
from deelish.network.pretrained import find_model

IMAGES, BATCH_SIZE = 100, 32
# Of the answers of a file of floats, how many must be those of its source.
LEAST = 0.999


def convert_for_runtime(
    learner: Learner,
    source: str | Path,
    target: str | Path,
    choices: FileChoices,
    verify: bool | str | Path = False,
) -> Path:
    """Write the file of a network for another runtime, and print what was written.

    Args:
        learner: the network or student that was opened.
        source: its file.
        target: an .onnx, .tflite, .pte, .xml or .param.
        choices: how it is written.
        verify: a list of images, of which the file is run on 100 before it takes its place; True
            for random ones.

    Raises:
        FileError: a target that is read too, a layer that the converter cannot take, or a file of
            floats that gives other answers; nothing is written.
        DataError: the list cannot be read.
    """
    source, target = find_model(source), Path(target)
    choices.check(learner.name, target)
    written = [target, *companions(target)]
    check_paths([source], written)
    check = None if verify is False else _Verification(learner, target, choices, verify)
    export_file(learner, target, choices, check)
    say_written(written)
    return target


class _Verification:
    """Runs a file on images beside its source, and prints how often both say the same.

    It is made before the file, so that a list that cannot be read is found first.
    """

    def __init__(
        self, learner: Learner, target: Path, choices: FileChoices, verify: bool | str | Path
    ) -> None:
        self._target, self._is_int8 = target, choices.int8 is not False
        converter = CONVERTERS.get(target.suffix.lower())
        precision = choices.precision
        self._rounding = precision if converter is None else converter.rounding(precision)
        self._source = edge_source(learner)
        self._list: ImageList | None = None
        if not isinstance(verify, bool):
            samples = read_samples(verify, name="convert --verify")
            rule = learner.preprocessing
            found = ImageList(samples, learner.engine, [rule], None, BATCH_SIZE)
            self._list = found.some(IMAGES)

    def __call__(self, run: Run) -> None:
        pairs = [(self._source.run(values), run(values)) for values in self._batches()]
        ours, theirs = (np.concatenate(each) for each in zip(*pairs, strict=True))
        ours, theirs = (each.reshape(len(each), -1) for each in (ours, theirs))
        same = same_answers(ours, theirs, self._rounding)
        what = f"{np.mean(same):.1%} of {len(same)} images get the class that the source gives"
        say(what + self._accuracies(ours, theirs))
        if not self._is_int8 and np.mean(same) < LEAST:
            raise FileError(
                f"{self._target}: {what}, where {LEAST:.1%} are needed; nothing was written"
            )

    def _batches(self) -> list[np.ndarray]:
        rule = self._source.preprocessing
        if self._list is not None:
            return [rule.apply(batch.pixels(rule)) for batch in self._list]
        pixels = squares(IMAGES, rule.size)
        return [rule.apply(pixels[i : i + BATCH_SIZE]) for i in range(0, IMAGES, BATCH_SIZE)]

    def _accuracies(self, ours: np.ndarray, theirs: np.ndarray) -> str:
        """The top-1 accuracy of both, where the list has labels of the classes."""
        labels: Sequence[int] | np.ndarray = () if self._list is None else self._list.labels
        if len(labels) != len(ours) or not 0 <= min(labels) <= max(labels) < ours.shape[1]:
            return ""
        right = [float(np.mean(each.argmax(1) == labels)) for each in (theirs, ours)]
        return f"; top-1 accuracy {right[0]:.1%}, of the source {right[1]:.1%}"
