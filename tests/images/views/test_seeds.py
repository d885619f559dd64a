"""Many seeds and draws at once, against NumPy's own generators one by one."""

from __future__ import annotations

import numpy as np
import pytest

from deelish.images.views.seeds import first_draws, view_seeds
from deelish.images.views.view import view_seed

INDICES = np.concatenate([np.arange(40), np.random.default_rng(0).integers(0, 2**32, 40)])


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, 2**32, 2**40 + 5, 2**63])
@pytest.mark.parametrize("purpose", [(), (1,), (2**33, 3)], ids=str)
def test_seeds_are_those_of_numpy(seed, purpose):
    expected = [view_seed(seed, 12, index, *purpose) for index in INDICES.tolist()]
    assert view_seeds(seed, 12, INDICES, *purpose).tolist() == expected


def test_draws_are_those_of_numpy():
    rng = np.random.default_rng(1)
    seeds = np.concatenate([np.arange(40, dtype=np.uint64), rng.integers(0, 2**63, 60, np.uint64)])
    expected = [np.random.Generator(np.random.PCG64(seed)).random(4) for seed in seeds.tolist()]
    np.testing.assert_array_equal(first_draws(seeds, 4), expected)
