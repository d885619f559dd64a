"""Initial weights from a file: the arrays, the labels, and the lines to print."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deelish.errors import FileError
from deelish.formats import read_weights
from deelish.formats.chainer.weights import Example
from deelish.formats.match import Allowed, Loaded, match
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.sequence_format import SequenceFormat


def load_initial_weights(
    path: Path,
    plan: Plan,
    preprocessing: Preprocessing,
    sequences: SequenceFormat | None = None,
    *,
    chosen: bool,
    example: Example | None = None,
) -> tuple[Loaded, list[str] | None]:
    """The file's weights for a plan, and its labels where they fit.

    `chosen`: the user named labels or outputs, so a classifier for others may be replaced.
    `example`: Chainer's own example of the network, whose files have other names.

    Raises:
        FileError, CaffeError: the file is no file of a network, does not fit the plan, or was
            trained with another vocabulary.
    """
    stored, notices = read_weights(path, plan, example)
    _check_vocabulary(path, stored.sequences, sequences)
    loaded = match(plan, path, stored, Allowed(others=chosen))
    loaded.notices += [*notices, *_other_pixels(path, stored.preprocessing, preprocessing)]
    fits = stored.labels is not None and len(stored.labels) == plan.classes
    return loaded, stored.labels if fits else None


def _check_vocabulary(
    path: Path, trained: SequenceFormat | None, made: SequenceFormat | None
) -> None:
    """An id means its token: with another vocabulary the weights would be those of others."""
    if trained is None or made is None or trained.vocabulary == made.vocabulary:
        return
    raise FileError(
        f"{path}: was trained with a vocabulary of {len(trained.vocabulary)}, and this network has"
        f" another one of {len(made.vocabulary)}; give InputBatch"
        f" vocabulary=Network.load({str(path)!r}).sequences.vocabulary"
    )


def _other_pixels(path: Path, trained: Preprocessing | None, made: Preprocessing) -> list[str]:
    """Weights need the pixels that they were trained on; another size alone is no matter."""
    if trained is None or trained == replace(made, size=trained.size, crop=trained.crop):
        return []
    differ = trained.way_text != made.way_text
    first, second = (
        f"{p.order}, mean {p.mean}, scale {p.scale_text}" + (f", {p.way_text}" if differ else "")
        for p in (trained, made)
    )
    differs = f"{path} was trained on {first}, and this network takes {second}"
    return [f"{differs}; Network.load takes the file's own"]
