"""Initial weights: the fillers' formulas, and that they follow from seed and name alone."""

import math

import numpy as np
import pytest
import torch

from deelish.errors import PlanError
from deelish.plan.initialisation import checked_filler, fill, filler_of
from deelish.plan.kind import Blob

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


def filled(shape, filler):
    return fill(Blob(shape, filler), (0, 0), "layer/weight")


@pytest.mark.parametrize(
    ("norm", "fan"), [("FAN_IN", 450), ("FAN_OUT", 1800), ("AVERAGE", (450 + 1800) / 2)]
)
def test_variance_is_that_of_the_fan(norm, fan):
    # Glorot and Bengio 2010 and He et al. 2015: 1 / fan and 2 / fan.
    xavier = filled(SHAPE, {"type": "xavier", "variance_norm": norm})
    assert xavier.std() == pytest.approx(math.sqrt(1 / fan), rel=0.02)
    assert abs(xavier).max() <= math.sqrt(3 / fan) + 1e-6
    msra = filled(SHAPE, {"type": "msra", "variance_norm": norm})
    assert msra.std() == pytest.approx(math.sqrt(2 / fan), rel=0.02)


def test_vectors_and_single_numbers_have_fans_of_their_own():
    # Caffe: one axis has a fan_in of 1 and a fan_out of all.
    out = filled((5000,), {"type": "msra", "variance_norm": "FAN_OUT"})
    assert out.std() == pytest.approx(math.sqrt(2 / 5000), rel=0.05)
    assert filled((5000,), "msra").std() == pytest.approx(math.sqrt(2), rel=0.05)
    for filler in ("xavier", "msra", "gaussian", "uniform", "positive_unitball", 0.5):
        value = filled((), filler)
        assert value.shape == ()
        assert value.dtype == np.float32


def test_sparse_keeps_as_many_of_each_input_on_average():
    values = filled((100, 400), {"type": "gaussian", "std": 2.0, "sparse": 15})
    kept = values[values != 0]
    assert kept.size / 400 == pytest.approx(15, rel=0.05)
    assert kept.std() == pytest.approx(2, rel=0.05)
    assert (filled((100, 400), {"type": "gaussian", "sparse": 0}) == 0).all()


def test_positive_unitball_sums_to_one():
    values = filled((7, 5, 3), "positive_unitball")
    assert (values > 0).all()
    np.testing.assert_allclose(values.sum((1, 2)), np.ones(7), rtol=1e-6)


def test_bilinear_is_the_kernel_of_interpolation():
    # Factor 2: the tent over a half step. Its taps for each of the two places sum to 1.
    values = filled((2, 3, 4, 4), "bilinear")
    line = np.array([0.25, 0.75, 0.75, 0.25])
    np.testing.assert_allclose(values, np.broadcast_to(np.outer(line, line), (2, 3, 4, 4)))
    line = np.array([1, 2, 3, 2, 1]) / 3
    np.testing.assert_allclose(filled((1, 1, 5, 5), "bilinear")[0, 0], np.outer(line, line))


@pytest.mark.parametrize("shape", [(7, 4, 3, 3), (4, 7, 3, 3), (5, 5, 1, 1), (3, 1, 5, 5)])
def test_dirac_is_pytorchs_convolution_whose_first_filters_pass_a_channel(shape):
    # Jordan 2024: nn.Conv2d's own weights, then nn.init.dirac_ on the first filters.
    count, middle = min(shape[:2]), shape[3] // 2
    weight = filled(shape, "dirac")
    expected = torch.nn.init.dirac_(torch.empty(count, *shape[1:])).numpy()
    assert np.array_equal(weight[:count], expected)
    # So a convolution with these weights and pad = middle passes the channels as they are.
    x = torch.randn(2, shape[1], 6, 6, generator=torch.Generator().manual_seed(0))
    y = torch.nn.functional.conv2d(x, torch.from_numpy(weight), padding=middle)
    assert torch.equal(y[:, :count], x[:, :count])


def test_dirac_draws_the_other_filters_as_pytorch_draws_a_convolution():
    # Uniform, within 1 / sqrt(fan_in): kaiming_uniform_ with a = sqrt(5).
    drawn = filled((400, 50, 3, 3), "dirac")[50:]
    limit = 1 / math.sqrt(50 * 3 * 3)
    assert abs(drawn).max() <= limit
    assert abs(drawn).max() > 0.999 * limit
    assert drawn.mean() == pytest.approx(0, abs=1e-3)
    assert drawn.std() == pytest.approx(limit / math.sqrt(3), rel=0.01)
    torch.manual_seed(0)
    pytorchs = torch.nn.Conv2d(50, 400, 3).weight.detach()
    assert drawn.std() == pytest.approx(float(pytorchs.std()), rel=0.01)


def test_a_filler_without_type_is_constant():
    assert filler_of({"value": 0.37}) == {"type": "constant", "value": 0.37}
    assert (filled((2,), {}) == 0).all()


@pytest.mark.parametrize(
    ("shape", "filler", "words"),
    [
        ((3,), "orthogonal", "filler 'orthogonal' is not known; choose from constant, gaussian"),
        ((3,), {"type": "uniform", "low": 0}, "a filler takes no 'low'; it takes type, value, min"),
        ((3,), {"type": "uniform", "min": 2}, "filler uniform has min 2 above max 1.0; give the"),
        ((3,), {"type": "gaussian", "std": 0}, "filler gaussian has std 0; give one above 0"),
        ((3,), {"type": "msra", "variance_norm": "IN"}, "variance_norm 'IN'; choose from FAN_IN,"),
        ((3,), {"type": "xavier", "sparse": 2}, "filler xavier has sparse 2; only gaussian takes"),
        ((3,), {"type": "gaussian", "sparse": -2}, "filler gaussian has sparse -2; only"),
        ((3,), {"type": "gaussian", "sparse": 4}, r"sparse 4 for \(3,\); give at most the first"),
        ((), {"type": "gaussian", "sparse": 0}, r"sparse 0 for \(\); give at most the first"),
        ((3, 3), "bilinear", r"fills square kernels \(m, n, k, k\), not \(3, 3\)"),
        (
            (3, 3),
            "dirac",
            r"dirac fills square kernels \(m, n, k, k\) with an odd side k, .*\(3, 3\)",
        ),
        ((3, 3, 3), "dirac", r"which have a middle, not \(3, 3, 3\)"),
        ((3, 3, 3, 5), "dirac", r"which have a middle, not \(3, 3, 3, 5\)"),
        ((3, 3, 2, 2), "dirac", r"which have a middle, not \(3, 3, 2, 2\)"),
        ((3, 3, 3, 3, 3), "dirac", r"which have a middle, not \(3, 3, 3, 3, 3\)"),
        ((3,), {"type": "dirac", "groups": 2}, "a filler takes no 'groups'; it takes type, value"),
        ((3,), {"type": "dirac", "sparse": 2}, "filler dirac has sparse 2; only gaussian takes"),
        ((1, 1, 3, 4), "bilinear", r"fills square kernels \(m, n, k, k\), not \(1, 1, 3, 4\)"),
    ],
)
def test_refuses(shape, filler, words):
    with pytest.raises(PlanError, match=words):
        checked_filler(Blob(shape, filler))
