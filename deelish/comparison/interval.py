"""How certain a share of a few images is: the interval of Wilson."""

from __future__ import annotations

import math

# The normal quantile that leaves 2.5 % on each side.
Z = 1.959963984540054


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % confidence interval of the share `hits` of `trials`, from 0 to 1.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927. It
    stays inside 0 and 1, and says something of 0 or all hits too. `trials` is 1 or more.
    """
    share, shrink = hits / trials, 1 + Z**2 / trials
    middle = (share + Z**2 / (2 * trials)) / shrink
    half = Z / shrink * math.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    # Rounding may leave these bounds by 1e-17.
    return max(0.0, middle - half), min(1.0, middle + half)
