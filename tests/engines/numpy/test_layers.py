"""What the NumPy layers keep to beside their formulas: types, training, errors, no warnings."""

import numpy as np
import pytest
from engines.cases import CASES
from engines.results import held, listed

from deelish.engines.call import Call
from deelish.engines.numpy.layers import OPS
from deelish.errors import DataError
from deelish.plan.layers import KINDS


def run(kind, *bottoms, p=None, tops=1, generator=None, **args):
    """The tops of a layer."""
    full = {**KINDS[kind].args, **args}
    return listed(OPS[kind](bottoms, held(p or {}), full, Call(generator, tops, "cpu")))


def floats(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_tops_have_the_bottoms_type_and_no_bottom_changes(case):
    for kind in (np.float32, np.float64):
        bottoms = [array.astype(kind) for array in case.bottoms()]
        kept = [array.copy() for array in bottoms]
        weights = {name: array.astype(kind) for name, array in case.weights().items()}
        generator = np.random.default_rng(0) if case.training else None
        tops = run(case.kind, *bottoms, p=weights, tops=case.tops, generator=generator, **case.args)
        assert len(tops) == case.tops
        if case.kind != "DummyData":
            assert all(top.dtype == kind for top in tops)
        for bottom, before in zip(bottoms, kept, strict=True):
            assert np.array_equal(bottom, before)


def test_whole_numbers_make_float32():
    assert run("Flatten", np.ones((2, 3, 4), int))[0].dtype == np.float32


def test_a_parameter_is_not_the_weight_itself():
    weight = floats(1, 2)
    (y,) = run("Parameter", p={"weight": weight}, shape=(2,))
    y[:] = 0
    assert weight.tolist() == [1, 2]


def test_sums_are_taken_in_double_precision():
    (y,) = run("Reduction", floats(1e8, 1, -1e8))
    assert y == 1
    weight = floats([1, 1, 1])
    assert run("InnerProduct", floats([1e8, 1, -1e8]), p={"weight": weight}, num_output=1)[0] == 1


def test_gelu_keeps_its_digits_far_below_0():
    # -6 times the normal distribution function of -6, from a table.
    (y,) = run("GELU", floats(-6))
    assert y == pytest.approx(-6 * 9.865876450376981e-10, rel=1e-6)


def test_dropout_draws_from_the_generator_and_scales_what_it_keeps():
    x = np.random.default_rng(1).uniform(1, 2, (50, 200)).astype(np.float32)
    first, again, other = (
        run("Dropout", x, dropout_ratio=0.75, generator=np.random.default_rng(seed))[0]
        for seed in (0, 0, 1)
    )
    kept = first != 0
    assert kept.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(first[kept], 4 * x[kept], rtol=1e-6)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_has_no_finite_result_gives_no_warning():
    assert run("Exp", floats(1000))[0].tolist() == [np.inf]
    assert run("Log", floats(0))[0].tolist() == [-np.inf]
    assert np.isnan(run("Log", floats(-1))[0]).all()
    x = np.ones((1, 1, 1, 3), np.float32)
    made = run("Pooling", x, pool="AVE", kernel_size=1, stride=(1, 3))[0]
    assert np.array_equal(made.ravel(), [1, np.nan], equal_nan=True)


def test_numbers_of_no_axis_are_scaled_and_shifted_by_such():
    assert run("Scale", floats(2)[0], floats(3)[0])[0] == 6
    assert run("Bias", floats(2)[0], floats(3)[0])[0] == 5


@pytest.mark.parametrize("bad", [5.0, -1.0, 1.5, np.nan, np.inf])
def test_what_is_no_index_is_refused(bad):
    weight = np.ones((5, 3), np.float32)
    words = f"^{bad:g} is no index of 5 rows of Embed's weight; give whole numbers from 0 to 4$"
    with pytest.raises(DataError, match=words):
        run("Embed", floats(0, bad), p={"weight": weight}, num_output=3, input_dim=5)
    words = "is no index of 5 items of BatchReindex's batch; give whole numbers from 0 to 4$"
    with pytest.raises(DataError, match=words):
        run("BatchReindex", weight, floats(bad))


@pytest.mark.parametrize("kind", ["SoftmaxWithLoss", "Accuracy"])
@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_outside_of_the_classes_is_refused(kind, label):
    words = (
        f"^a label is {label} where there are 3 classes; labels are 0 to 2, or name it in"
        " ignore_label$"
    )
    with pytest.raises(DataError, match=words):
        run(kind, np.eye(3, dtype=np.float32), floats(0, label, 2))
    run(kind, np.eye(3, dtype=np.float32), floats(0, label, 2), ignore_label=label)


@pytest.mark.parametrize("kind", ["HingeLoss", "MultinomialLogisticLoss"])
def test_a_loss_that_ignores_no_label_does_not_say_so(kind):
    with pytest.raises(DataError, match=r"^a label is 3 where .*; labels are 0 to 2$"):
        run(kind, np.eye(3, dtype=np.float32), floats(0, 1, 3))


def test_an_ignored_place_counts_for_nothing_whatever_it_holds():
    scores, labels = np.array([[0, 0], [np.nan, np.inf]], np.float32), floats(0, 255)
    (loss,) = run("SoftmaxWithLoss", scores, labels, ignore_label=255)
    assert loss == pytest.approx(np.log(2))
    targets = floats([1, 1], [2, 2])
    (loss,) = run("SigmoidCrossEntropyLoss", scores, targets, ignore_label=2)
    assert loss == pytest.approx(np.log(2))
