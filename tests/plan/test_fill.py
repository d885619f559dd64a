"""First values: the fillers' formulas, and that they follow from seed and name alone."""

import math

import numpy as np
import pytest

from deelish.plan.fill import fill
from deelish.plan.kinds import Blob

SHAPE = (200, 50, 3, 3)
FAN_IN = 50 * 3 * 3


@pytest.mark.parametrize(
    ("filler", "mean", "deviation", "largest"),
    [
        # Glorot and Bengio 2010 as Caffe does it: uniform, variance 1 / fan_in.
        ("xavier", 0, math.sqrt(1 / FAN_IN), math.sqrt(3 / FAN_IN)),
        # He et al. 2015: normal, variance 2 / fan_in.
        ("msra", 0, math.sqrt(2 / FAN_IN), math.inf),
        ({"type": "gaussian", "std": 0.05, "mean": 1.0}, 1.0, 0.05, math.inf),
        ({"type": "uniform", "min": -0.5, "max": 0.5}, 0, 1 / math.sqrt(12), 0.5),
        (0.2, 0.2, 0, 0.2 + 1e-6),
        ({"type": "constant", "value": 3}, 3, 0, 3),
    ],
)
def test_fillers_have_the_moments_of_their_formulas(filler, mean, deviation, largest):
    values = fill(Blob(SHAPE, filler), (0, 0), "layer/weight")
    assert values.dtype == np.float32
    assert values.mean() == pytest.approx(mean, abs=4e-3)
    assert values.std() == pytest.approx(deviation, rel=0.02, abs=1e-6)
    assert abs(values).max() <= largest


def test_values_follow_from_seed_and_name_alone():
    blob = Blob(SHAPE, "msra")
    first = fill(blob, (0, 1), "conv1/weight")
    assert np.array_equal(first, fill(blob, (0, 1), "conv1/weight"))
    assert not np.array_equal(first, fill(blob, (0, 1), "conv2/weight"))
    assert not np.array_equal(first, fill(blob, (1, 1), "conv1/weight"))
