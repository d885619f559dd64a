"""Whether a file gives the logits of the network that it was written from, up to rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# The largest difference that rounding explains, as a fraction of the largest logit.
# By what is rounded: numbers of 32 bits, weights of 16, or all sums of a file to 16.
TOLERANCES = {"float32": 1e-4, "float16": 5e-3, "float16 sums": 5e-2}
# An input that differs by two units in the last place, and how often layers round like it.
_UNITS = {"float32": 2**-22, "float16": 2**-9, "float16 sums": 2**-9}
OFTEN = 10

Run = Callable[[np.ndarray], np.ndarray]


def disagreement(
    ours: np.ndarray, theirs: np.ndarray, run: Run, values: np.ndarray, rounding: str = "float32"
) -> str | None:
    """What is wrong with the logits of a file, as the end of a sentence; None where nothing is.

    Args:
        ours: the network's logits of the values, (n, ...).
        theirs: those of the file.
        run: the network itself.
        values: the inputs, float32 (n, channels, size, size).
        rounding: of `TOLERANCES`.
    """
    if ours.size != theirs.size:
        return f"gives {theirs[0].size} logits an image, where the network gives {ours[0].size}"
    largest = max(float(np.abs(ours).max()), 1e-6)
    apart = float(np.abs(ours.ravel() - theirs.ravel()).max()) / largest
    # Fresh weights in many layers can make much of little: rounding is what moves the network's
    # own logits where its input moves by it.
    moved = float(np.abs(run(values * np.float32(1 + _UNITS[rounding])) - ours).max()) / largest
    tolerance = TOLERANCES[rounding]
    if apart <= max(tolerance, OFTEN * moved):
        return None
    return (
        f"gives logits that differ by {apart:.2g} of the largest, where {tolerance:g} is rounding"
    )


def same_answers(ours: np.ndarray, theirs: np.ndarray, rounding: str) -> np.ndarray:
    """For which images the largest logit is of the same class, up to rounding: booleans (n,).

    Where the network's own logits of the two classes are equal up to rounding, either is right.
    """
    ours, theirs = (each.reshape(len(each), -1) for each in (ours, theirs))
    images = np.arange(len(ours))
    short = ours.max(1) - ours[images, theirs.argmax(1)]
    same: np.ndarray = short <= TOLERANCES[rounding] * np.abs(ours).max(1)
    return same


def squares(count: int, size: int) -> np.ndarray:
    """Images of large squares, which are nearer to photographs than noise is: uint8, RGB."""
    made = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    places = np.arange(size) * 4 // size
    return made[:, places][:, :, places]
