"""The cases of every layer kind, that each engine is checked with."""

from __future__ import annotations

from engines.case import Case as Case
from engines.cases_arrays import ARRAYS, FORKS, ITEMS
from engines.cases_losses import ACCURACY, LOSSES, RECURRENT
from engines.cases_pointwise import NORMAL, POINTWISE
from engines.cases_windows import POOLS, WINDOWS

CASES: list[Case] = [
    *WINDOWS,
    *POOLS,
    *POINTWISE,
    *NORMAL,
    *ARRAYS,
    *ITEMS,
    *LOSSES,
    *ACCURACY,
    *RECURRENT,
    *FORKS,
]
