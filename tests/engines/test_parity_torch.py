"""Every layer kind in PyTorch against NumPy: tops, gradients, changed buffers."""

from collections import Counter

import numpy as np
import pytest
from engines.cases import CASES
from engines.results import assert_close, in_numpy, in_torch, largest, small_differences

from deelish.engines.numpy.layers import OPS as NUMPY
from deelish.engines.torch.layers import OPS as TORCH
from deelish.plan.layers import KINDS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_tops_and_what_training_counts_are_those_of_numpy(case):
    got, wanted = in_torch(case), in_numpy(case)
    assert len(got.tops) == len(wanted.tops) == case.tops
    for ours, theirs in zip(got.tops, wanted.tops, strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        assert_close(ours, theirs, 1e-5 * largest(theirs), "top")
    if case.kind != "Filter":
        assert [top.shape for top in wanted.tops] == case.made
    for name, array in wanted.weights.items():
        assert_close(got.weights[name], array, 1e-5 * largest(array), name)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.differentiable], ids=lambda case: case.id
)
def test_the_gradients_are_numpys_small_differences(case):
    gradients, slopes = in_torch(case).gradients, small_differences(case)
    assert slopes, "nothing to derive by"
    for name, found in slopes.items():
        places, wanted = zip(*found, strict=True)
        got = gradients[name].reshape(-1)[list(places)]
        assert_close(got, wanted, 1e-3 * largest(gradients[name]), f"gradient by {name}")


def test_every_kind_has_cases_and_every_case_its_own_name():
    assert {case.kind for case in CASES} == set(KINDS)
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("table", [TORCH, NUMPY], ids=["torch", "numpy"])
def test_an_engine_has_exactly_the_kinds_of_plans(table):
    assert set(table) == set(KINDS)
