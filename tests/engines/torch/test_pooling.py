"""Pooling and SPP in PyTorch against loops written from Caffe's formulas."""

import math

import numpy as np
import pytest
import torch
from one_layer import call, gradients_hold, run

from deelish.errors import PlanError

rng = np.random.default_rng(0)
LOWEST = np.finfo(np.float32).min


def count(side, kernel, stride, pad, padded, floor):
    """Caffe's number of windows; None where it refuses."""
    if pad >= kernel:
        return None
    rounded = math.floor if floor else math.ceil
    made = rounded((side + 2 * pad - kernel) / stride) + 1
    if padded and (made - 1) * stride >= side + pad:
        made -= 1
    return made if made > 0 else None


def loop(x, kernels, strides, pads, pool, floor):
    """The tops and the mask, as Caffe's loops make them; None where it refuses."""
    sides = x.shape[2:]
    windows = list(zip(sides, kernels, strides, pads, strict=True))
    made = [count(*window, any(pads), floor) for window in windows]
    if None in made:
        return None
    y = np.zeros((*x.shape[:2], *made), np.float32)
    mask = np.full(y.shape, -1, np.float32)
    flat = x.reshape(*x.shape[:2], -1)
    for ph, pw in np.ndindex(*made):
        starts = (ph * strides[0] - pads[0], pw * strides[1] - pads[1])
        ends = [min(s + k, side + p) for s, (side, k, _, p) in zip(starts, windows, strict=True)]
        size = np.float32((ends[0] - starts[0]) * (ends[1] - starts[1]))
        rows, columns = (
            range(max(s, 0), min(e, side)) for s, e, side in zip(starts, ends, sides, strict=True)
        )
        places = [h * sides[1] + w for h in rows for w in columns]
        values = flat[..., places]
        if pool == "AVE":
            with np.errstate(invalid="ignore"):
                y[..., ph, pw] = values.sum(-1) / size
        elif places:
            y[..., ph, pw] = values.max(-1)
            mask[..., ph, pw] = np.asarray(places)[values.argmax(-1)]
        else:
            y[..., ph, pw] = LOWEST
    return [y, mask]


def check(x, kernels, strides, pads, floor=False):
    args = {"kernel_size": kernels, "stride": strides, "pad": pads}
    args["round_mode"] = "FLOOR" if floor else "CEIL"
    for pool in ("MAX", "AVE"):
        wanted = loop(x, kernels, strides, pads, pool, floor)
        if wanted is None:
            with pytest.raises(PlanError):
                run("Pooling", x, pool=pool, **args)
            continue
        (y,) = run("Pooling", x, pool=pool, **args)
        assert y.shape == wanted[0].shape, args
        assert np.allclose(y, wanted[0], atol=1e-6, equal_nan=True), args
        if pool == "MAX":
            assert np.array_equal(y, wanted[0])
            made, mask = run("Pooling", x, tops=2, **args)
            assert np.array_equal(made, y)
            assert np.array_equal(mask, wanted[1]), args


@pytest.mark.parametrize("kernel", range(1, 6))
def test_every_small_window_is_caffes(kernel):
    for side in range(1, 13):
        x = rng.normal(size=(1, 1, side, 1 + side % 5)).astype(np.float32)
        for stride in range(1, 6):
            for pad in range(3):
                check(x, (kernel, 2), (stride, 1), (pad, 0))


def test_windows_that_differ_by_axis_are_caffes():
    for _ in range(200):
        sides, kernels, strides = (tuple(rng.integers(1, 8, 2).tolist()) for _ in range(3))
        pads = tuple(rng.integers(0, 3, 2).tolist())
        x = rng.normal(size=(1, 2, *sides)).astype(np.float32)
        check(x, kernels, strides, pads, floor=bool(rng.integers(2)))


def test_global_pooling():
    x = rng.normal(size=(2, 3, 5, 4)).astype(np.float32)
    (mean,) = run("Pooling", x, pool="AVE", global_pooling=True)
    assert np.allclose(mean, x.mean((2, 3), keepdims=True), atol=1e-6)
    made, mask = run("Pooling", x, tops=2, global_pooling=True)
    assert np.array_equal(made[..., 0, 0], x.max((2, 3)))
    assert np.array_equal(mask[..., 0, 0], x.reshape(2, 3, -1).argmax(-1))


@pytest.mark.parametrize(
    "args",
    [{"kernel_size": 2}, {"kernel_size": 3, "pad": 2, "stride": 4}, {"global_pooling": True}],
)
def test_the_first_of_equal_maxima_is_taken_and_has_the_gradient(args):
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    made, mask = call("Pooling", [x], tops=2, **args)
    assert mask[0, 0, 0, 0] == 0
    made[0, 0, 0, 0].backward()
    assert x.grad.tolist() == [[[[1, 0], [0, 0]]]]


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("sides", [(9, 8), (16, 16), (13, 7)])
def test_spp_joins_bins_of_every_level(pool, sides):
    x = rng.normal(size=(2, 3, *sides)).astype(np.float32)
    parts = []
    for bins in (1, 2, 4):
        kernels = tuple(math.ceil(side / bins) for side in sides)
        left = [k * bins - side for k, side in zip(kernels, sides, strict=True)]
        pads = tuple((rest + 1) // 2 for rest in left)
        parts.append(loop(x, kernels, kernels, pads, pool, floor=False)[0].reshape(2, -1))
    (y,) = run("SPP", x, pool=pool, pyramid_height=3)
    assert np.allclose(y, np.concatenate(parts, 1), atol=1e-6)
    (one,) = run("SPP", x, pool=pool, pyramid_height=1)
    assert np.allclose(one[..., 0, 0].reshape(2, -1), parts[0], atol=1e-6)


@pytest.mark.parametrize(
    ("type", "args"),
    [
        ("Pooling", {"kernel_size": 3, "stride": 2, "pad": 1}),
        ("Pooling", {"kernel_size": 3, "stride": 2, "pad": 2, "pool": "AVE"}),
        ("Pooling", {"kernel_size": 2, "stride": 3, "pad": 1}),
        ("Pooling", {"global_pooling": True, "pool": "AVE"}),
        ("SPP", {"pyramid_height": 2}),
    ],
)
def test_gradients(type, args):
    assert gradients_hold(type, [rng.normal(size=(1, 3, 5, 4))], **args)
