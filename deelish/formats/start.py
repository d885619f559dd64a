"""What a network starts from: the weights of a file, its labels, and what to say aloud."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deelish.formats import open_arrays
from deelish.formats.chainer.weights import Example
from deelish.formats.match import Allowed, Loaded, match
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing


def start_from(
    path: Path,
    plan: Plan,
    preprocessing: Preprocessing,
    *,
    chosen: bool,
    example: Example | None = None,
) -> tuple[Loaded, list[str] | None]:
    """The file's weights for a plan, and its labels where they fit.

    `chosen` says that the user named labels or outputs, so that a classifier for others may go.
    `example` is Chainer's own of the network, whose files have other names.

    Raises:
        FileError, CaffeError: the file is no file of a network, or does not fit the plan.
    """
    stored, notices = open_arrays(path, plan, example)
    loaded = match(plan, path, stored, Allowed(others=chosen))
    loaded.notices += [*notices, *_other_pixels(path, stored.preprocessing, preprocessing)]
    fits = stored.labels is not None and len(stored.labels) == plan.classes
    return loaded, stored.labels if fits else None


def _other_pixels(path: Path, trained: Preprocessing | None, made: Preprocessing) -> list[str]:
    """Weights answer to the pixels that they were trained on; another size alone is no matter."""
    if trained is None or trained == replace(made, size=trained.size, crop=trained.crop):
        return []
    first, second = (f"{p.order}, mean {p.mean}, scale {p.scale_text}" for p in (trained, made))
    said = f"{path} was trained on {first}, and this network takes {second}"
    return [f"{said}; Network.load takes the file's own"]
