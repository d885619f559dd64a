"""The confidence interval of a fraction of a few images, after Wilson."""

from __future__ import annotations

import math

# The normal quantile that leaves 2.5 % on each side.
Z = 1.959963984540054


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % confidence interval of the fraction `hits` / `trials`, from 0 to 1.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. It
    stays between 0 and 1, and holds for no hits and all hits too. `trials` is 1 or more.
    """
    fraction, shrink = hits / trials, 1 + Z**2 / trials
    middle = (fraction + Z**2 / (2 * trials)) / shrink
    half = Z / shrink * math.sqrt(fraction * (1 - fraction) / trials + Z**2 / (4 * trials**2))
    # Rounding may leave these bounds by 1e-17.
    return max(0.0, middle - half), min(1.0, middle + half)
