"""Layers that join, cut, reshape and look up in PyTorch, against NumPy."""

import numpy as np
import pytest
from one_layer import gradients_hold, numbers, run

from deelish.errors import DataError

X = numbers(2, 6, 5, 7)


def test_concat():
    for axis in (0, 1, -1):
        [y] = run("Concat", X, -X, X, axis=axis)
        assert np.array_equal(y, np.concatenate([X, -X, X], axis))


@pytest.mark.parametrize("axis", [1, -3])
def test_slice_in_equal_parts_and_at_points(axis):
    for y, wanted in zip(run("Slice", X, tops=3, axis=axis), np.split(X, 3, 1), strict=True):
        assert np.array_equal(y, wanted)
    cut = run("Slice", X, tops=3, axis=axis, slice_point=(1, 4))
    for y, wanted in zip(cut, np.split(X, [1, 4], 1), strict=True):
        assert np.array_equal(y, wanted)


def test_split_and_silence():
    assert all(np.array_equal(y, X) for y in run("Split", X, tops=3))
    assert run("Silence", X, X, tops=0) == []


def test_flatten_and_reshape_read_in_the_order_of_the_axes():
    for args in ({}, {"axis": 2}, {"axis": 0, "end_axis": -2}, {"axis": 2, "end_axis": 1}):
        assert np.array_equal(run("Flatten", X, **args)[0].ravel(), X.ravel())
    for args in ({"shape": (0, -1)}, {"shape": (7, 5), "axis": -3}, {"shape": (10, 3, -1)}):
        assert np.array_equal(run("Reshape", X, **args)[0].ravel(), X.ravel())


def test_crop():
    reference = np.zeros((2, 3, 4, 5))
    assert np.array_equal(run("Crop", X, reference)[0], X[:, :, :4, :5])
    assert np.array_equal(run("Crop", X, reference, offset=(1,))[0], X[:, :, 1:5, 1:6])
    assert np.array_equal(run("Crop", X, reference, axis=-1, offset=(2,))[0], X[..., 2:7])
    cut = run("Crop", X, reference, axis=1, offset=(3, 0, 2))[0]
    assert np.array_equal(cut, X[:, 3:6, 0:4, 2:7])


def test_tile():
    assert np.array_equal(run("Tile", X, tiles=3)[0], np.tile(X, (1, 3, 1, 1)))
    assert np.array_equal(run("Tile", X, tiles=2, axis=-1)[0], np.tile(X, (1, 1, 1, 2)))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_reduction(axis):
    x = X.astype(np.float64)
    tail = tuple(range(axis % 4, 4))
    for operation, wanted in [
        ("SUM", x.sum(tail)),
        ("ASUM", np.abs(x).sum(tail)),
        ("SUMSQ", (x**2).sum(tail)),
        ("MEAN", x.mean(tail)),
    ]:
        [y] = run("Reduction", X, operation=operation, axis=axis, coeff=-2.0)
        np.testing.assert_allclose(y, -2 * wanted, rtol=1e-5, atol=1e-5)
        [y] = run("Reduction", X, operation=operation, axis=axis)
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)


def best(values, k):
    """Places of the k largest, of equal ones the last first."""
    return sorted(range(len(values)), key=lambda i: (values[i], i), reverse=True)[:k]


# Few different values: nearly each place has an equal.
TIED = np.random.default_rng(0).integers(0, 3, (2, 6, 5, 7)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 4])
def test_arg_max_of_items_takes_the_last_of_equal_values(k):
    places = np.array([best(item.ravel(), k) for item in TIED])
    assert np.array_equal(run("ArgMax", TIED, top_k=k)[0][:, 0, :, 0], places)
    both = run("ArgMax", TIED, top_k=k, out_max_val=True)[0][..., 0]
    assert np.array_equal(both[:, 0], places)
    assert np.array_equal(both[:, 1], np.take_along_axis(TIED.reshape(2, -1), places, 1))


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("axis", [1, -1])
def test_arg_max_along_an_axis_takes_the_last_of_equal_values(k, axis):
    places = np.apply_along_axis(best, axis, TIED, k)
    assert np.array_equal(run("ArgMax", TIED, top_k=k, axis=axis)[0], places)
    [values] = run("ArgMax", TIED, top_k=k, axis=axis, out_max_val=True)
    assert np.array_equal(values, np.take_along_axis(TIED, places, axis))


def test_arg_max_of_vectors():
    assert run("ArgMax", [[1, 5, 5], [7, 2, 2]], top_k=2)[0].tolist() == [[[2, 1]], [[0, 2]]]
    assert run("ArgMax", [[1, 5, 5], [7, 2, 2]], axis=1)[0].tolist() == [[2], [0]]
    assert run("ArgMax", [3, 4])[0].tolist() == [[[0]], [[0]]]


SIZES = {"num_output": 3, "input_dim": 5}


def test_embed():
    weight, bias = numbers(5, 3), numbers(3, seed=1)
    ids = np.array([[4, 0], [1, 1]])
    [y] = run("Embed", ids, p={"weight": weight, "bias": bias}, **SIZES)
    np.testing.assert_allclose(y, weight[ids] + bias)
    [y] = run("Embed", ids, p={"weight": weight}, bias_term=False, **SIZES)
    assert np.array_equal(y, weight[ids])


def test_batch_reindex():
    order = [1, 0, 1]
    assert np.array_equal(run("BatchReindex", X, order)[0], X[order])


@pytest.mark.parametrize("bad", [5.0, -1.0, 1.5, np.nan, np.inf])
def test_what_is_no_index_is_refused(bad):
    with pytest.raises(DataError, match=f"^{bad:g} is no index of 5 rows of Embed's weight; give"):
        run("Embed", [0.0, bad], p={"weight": numbers(5, 3)}, **SIZES)
    with pytest.raises(
        DataError, match=r"is no index of 2 items .*; give whole numbers from 0 to 1$"
    ):
        run("BatchReindex", X, [0.0, bad])


def test_filter_keeps_the_items_whose_selector_is_not_0():
    a, b = numbers(4, 2), numbers(4, 3, 2, 2)
    kept = run("Filter", a, b, [[1.0], [0.0], [-0.5], [0.0]], tops=2)
    assert np.array_equal(kept[0], a[[0, 2]])
    assert np.array_equal(kept[1], b[[0, 2]])
    assert run("Filter", a, np.zeros(4))[0].shape == (0, 2)


def test_parameter_is_its_weight():
    assert np.array_equal(run("Parameter", p={"weight": X}, shape=X.shape)[0], X)


def test_dummy_data_is_filled():
    fillers = ({"type": "constant", "value": 2.5}, {"type": "uniform", "min": 3.0, "max": 4.0})
    shape = ((2, 3, 4, 5),)
    constant, drawn = run("DummyData", tops=2, shape=shape, data_filler=fillers)
    assert (constant == 2.5).all()
    assert ((drawn >= 3) & (drawn < 4)).all()
    assert len(np.unique(drawn)) == drawn.size
    again = run("DummyData", tops=2, shape=shape, data_filler=fillers)
    assert np.array_equal(drawn, again[1])
    first, second = run("DummyData", tops=2, shape=shape, data_filler=("gaussian",))
    assert not np.array_equal(first, second)
    assert (run("DummyData", shape=((3,),))[0] == 0).all()
    old = {"num": (1,), "channels": (2,), "height": (3,), "width": (4,)}
    assert (run("DummyData", data_filler=(7,), **old)[0] == 7).all()


def test_gradients():
    x, y = numbers(2, 4, 3), numbers(2, 4, 3, seed=1)
    assert gradients_hold("Concat", [x, y], axis=-1)
    assert gradients_hold("Slice", [x], tops=2)
    assert gradients_hold("Split", [x], tops=2)
    assert gradients_hold("Reshape", [x], shape=(0, -1))
    assert gradients_hold("Tile", [x], tiles=2)
    assert gradients_hold("Parameter", [], {"weight": x}, shape=(2, 4, 3))
    for operation in ("SUM", "ASUM", "SUMSQ", "MEAN"):
        assert gradients_hold("Reduction", [x], operation=operation, axis=1, coeff=3.0)


def test_gradients_of_what_is_looked_up():
    x = numbers(3, 4)
    trainable = {"weight": numbers(5, 3), "bias": numbers(3)}
    for kind, p, bottoms, fixed, args in [
        ("Embed", trainable, [], [[4, 0, 4]], SIZES),
        ("BatchReindex", {}, [x], [[2, 0, 2]], {}),
        ("Crop", {}, [x], [np.zeros((3, 2))], {"axis": 1, "offset": (1,)}),
        ("Filter", {}, [x], [[1, 0, 1]], {}),
    ]:
        assert gradients_hold(kind, bottoms, p, fixed=fixed, **args), kind
