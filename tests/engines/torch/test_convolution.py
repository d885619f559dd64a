"""Convolution, Deconvolution and Im2col in PyTorch against loops over windows."""

import itertools

import numpy as np
import pytest
from one_layer import drawn, gradients_hold, run

rng = np.random.default_rng(0)


def spread(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


def columns(x, kernel_size, stride=1, pad=0, dilation=1):
    """(n, c, side...) -> (n, c, kernel..., place...), window by window."""
    axes = x.ndim - 2
    kernel, stride, pad, dilation = (spread(v, axes) for v in (kernel_size, stride, pad, dilation))
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    made = [
        (side - d * (k - 1) - 1) // s + 1
        for side, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    out = np.zeros((*x.shape[:2], *kernel, *made), np.float64)
    for place in itertools.product(*map(range, made)):
        cut = tuple(
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, s, d, k in zip(place, stride, dilation, kernel, strict=True)
        )
        out[(..., *place)] = x[(slice(None), slice(None), *cut)]
    return out


def convolved(x, weight, bias, group=1, **window):
    axes = x.ndim - 2
    parts = []
    for part, w in zip(np.split(x, group, 1), np.split(weight, group), strict=True):
        cols = columns(part, **window)
        parts.append(np.tensordot(w, cols, (range(1, 2 + axes), range(1, 2 + axes))))
    return np.moveaxis(np.concatenate(parts), 0, 1) + bias.reshape(-1, *(1,) * axes)


def scattered(x, weight, bias, kernel_size, stride=1, pad=0, dilation=1, group=1):
    """Every pixel puts its multiple of the weights into the top."""
    axes = x.ndim - 2
    kernel, stride, pad, dilation = (spread(v, axes) for v in (kernel_size, stride, pad, dilation))
    sides = [
        s * (side - 1) + d * (k - 1) + 1
        for side, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    many = weight.shape[1]
    out = np.zeros((len(x), many * group, *sides))
    for place in itertools.product(*map(range, x.shape[2:])):
        cut = tuple(
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, s, d, k in zip(place, stride, dilation, kernel, strict=True)
        )
        for g in range(group):
            own = slice(g * x.shape[1] // group, (g + 1) * x.shape[1] // group)
            made = np.tensordot(x[(slice(None), own, *place)], weight[own], 1)
            out[(slice(None), slice(g * many, (g + 1) * many), *cut)] += made
    inner = tuple(slice(p, side - p) for p, side in zip(pad, sides, strict=True))
    return out[(slice(None), slice(None), *inner)] + bias.reshape(-1, *(1,) * axes)


WINDOWS = [
    ((2, 4, 9, 7), {"kernel_size": 3}),
    ((2, 4, 9, 7), {"kernel_size": (2, 3), "stride": (3, 2), "pad": (1, 0), "group": 2}),
    ((1, 6, 8, 8), {"kernel_size": 3, "stride": 2, "pad": 2, "dilation": (2, 1), "group": 6}),
    ((1, 3, 5, 5), {"kernel_size": 1}),
    ((2, 4, 11), {"kernel_size": 3, "pad": 1, "dilation": 2}),
    ((2, 2, 4, 5, 3), {"kernel_size": (2, 3, 1), "stride": (1, 2, 1), "pad": (0, 1, 0)}),
]


@pytest.mark.parametrize(("shape", "window"), WINDOWS)
def test_convolution(shape, window):
    args = {"num_output": 6, **window}
    p, x = drawn(rng, "Convolution", shape, **args), rng.normal(size=shape)
    (y,) = run("Convolution", x, p=p, **args)
    assert np.allclose(y, convolved(x, p["weight"], p["bias"], **window), atol=1e-5)


@pytest.mark.parametrize(("shape", "window"), WINDOWS)
def test_deconvolution(shape, window):
    args = {"num_output": 6, **window}
    p, x = drawn(rng, "Deconvolution", shape, **args), rng.normal(size=shape)
    (y,) = run("Deconvolution", x, p=p, **args)
    assert np.allclose(y, scattered(x, p["weight"], p["bias"], **window), atol=1e-5)


@pytest.mark.parametrize("type", ["Convolution", "Deconvolution"])
def test_axes_before_the_channels_are_batch(type):
    args = {"num_output": 4, "kernel_size": 3, "bias_term": False}
    x = rng.normal(size=(2, 2, 3, 8, 6))
    p = drawn(rng, type, (1, 3, 8, 6), **args)
    (y,) = run(type, x, p=p, axis=2, **args)
    (flat,) = run(type, x.reshape(4, 3, 8, 6), p=p, **args)
    assert np.allclose(y.reshape(flat.shape), flat, atol=1e-6)
    (one,) = run(type, x[0, 0], p=p, axis=0, **args)
    assert np.allclose(one, flat[0], atol=1e-6)


@pytest.mark.parametrize("type", ["Convolution", "Deconvolution"])
def test_several_bottoms_each_have_their_top(type):
    args = {"num_output": 5, "kernel_size": 3}
    x = rng.normal(size=(3, 2, 4, 6, 6))
    p = drawn(rng, type, x[0].shape, **args)
    made = run(type, *x, p=p, tops=3, **args)
    for each, y in zip(x, made, strict=True):
        assert np.array_equal(run(type, each, p=p, **args)[0], y)


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((2, 3, 9, 8), {"kernel_size": 3, "stride": 2, "pad": 1}),
        ((2, 3, 9, 8), {"kernel_size": (2, 3), "dilation": (2, 1), "pad": (0, 2)}),
        ((2, 3, 9), {"kernel_size": 4, "stride": 3}),
        ((1, 2, 4, 3, 5), {"kernel_size": 2, "pad": (1, 0, 0)}),
    ],
)
def test_im2col_orders_by_channel_then_place_in_the_window(shape, window):
    x = rng.normal(size=shape).astype(np.float32)
    (y,) = run("Im2col", x, **window)
    wanted = columns(x, **window)
    places = wanted.shape[2 + len(shape) - 2 :]
    assert np.array_equal(y, wanted.reshape(shape[0], -1, *places))
    (deeper,) = run("Im2col", x[None], axis=2, **window)
    assert np.array_equal(deeper[0], y)


@pytest.mark.parametrize(
    ("type", "shape", "args"),
    [
        (
            "Convolution",
            (1, 2, 4, 4),
            {"num_output": 2, "kernel_size": 2, "stride": 2, "pad": 1, "group": 2},
        ),
        ("Convolution", (1, 2, 2, 4), {"num_output": 2, "kernel_size": 2, "axis": 2}),
        ("Deconvolution", (1, 2, 3), {"num_output": 2, "kernel_size": 3, "stride": 2, "pad": 1}),
        ("Im2col", (1, 2, 4, 3), {"kernel_size": 2, "pad": 1, "stride": 2}),
    ],
)
def test_gradients(type, shape, args):
    p = drawn(rng, type, shape, **args)
    assert gradients_hold(type, [rng.normal(size=shape)], p, **args)


def test_windows_wholly_in_the_padding_are_sums_of_nothing():
    # PyTorch's own padding crashes the process here, on images channels last.
    args = {"num_output": 4, "group": 2, "kernel_size": (4, 1), "stride": 3, "pad": 4}
    args |= {"dilation": 3}
    p = {"weight": np.ones((4, 1, 4, 1)), "bias": np.arange(4.0)}
    (top,) = run("Convolution", np.ones((1, 2, 4, 1)), p=p, **args)
    assert top.shape == (1, 4, 1, 3)
    np.testing.assert_array_equal(top, np.broadcast_to(np.arange(4.0)[:, None, None], top.shape))
