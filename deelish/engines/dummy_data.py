"""What a DummyData layer makes, the same numbers on every engine."""

from __future__ import annotations

import numpy as np

from deelish.engines.call import Args
from deelish.plan.initialisation import fill
from deelish.plan.kind import Blob
from deelish.plan.layers import indexing


def dummy_data(a: Args, tops: int) -> list[np.ndarray]:
    """A filled array a top; random ones are drawn from a seed of their own, equal in every run."""
    rows = zip(indexing.dummy_data(a, (), tops), indexing.dummy_fillers(a, tops), strict=True)
    return [
        fill(Blob(shape, filler), (0,), f"DummyData/{top}")
        for top, (shape, filler) in enumerate(rows)
    ]
