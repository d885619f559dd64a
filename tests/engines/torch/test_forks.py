"""The kinds of forks in PyTorch against the forks' formulas, number by number."""

import numpy as np
import pytest
from one_layer import gradients_hold, run

rng = np.random.default_rng(0)
IMAGE = rng.normal(size=(2, 8, 6, 4)).astype(np.float32)


@pytest.mark.parametrize("type", ["DepthwiseConvolution", "ConvolutionDepthwise"])
def test_a_depthwise_convolution_is_one_convolution_a_channel(type):
    p = {"weight": rng.normal(size=(8, 1, 3, 3)), "bias": rng.normal(size=8)}
    window = {"kernel_size": 3, "pad": (1, 2), "stride": (2, 1), "dilation": (1, 2)}
    (y,) = run(type, IMAGE, p=p, num_output=8, **window)
    for i in range(8):
        one = {"weight": p["weight"][i : i + 1], "bias": p["bias"][i : i + 1]}
        (wanted,) = run("Convolution", IMAGE[:, i : i + 1], p=one, num_output=1, **window)
        assert np.allclose(y[:, i : i + 1], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("order", "axes"), [((0, 2, 3, 1), (0, 2, 3, 1)), ((2,), (2, 0, 1, 3)), ((), (0, 1, 2, 3))]
)
def test_permute(order, axes):
    (y,) = run("Permute", IMAGE, order=order)
    assert np.array_equal(y, IMAGE.transpose(axes))


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("shape", [(2, 8, 6, 4), (3, 5)])
def test_normalize(across, shared, shape):
    x = rng.normal(size=shape)
    scale = np.array(20.0) if shared else rng.normal(size=shape[1])
    squares = (x**2).sum(tuple(range(1, x.ndim)) if across else 1, keepdims=True)
    wanted = x / np.sqrt(squares + 0.5) * scale.reshape(-1, *(1,) * (x.ndim - 2))
    args = {"across_spatial": across, "channel_shared": shared, "eps": 0.5}
    (y,) = run("Normalize", x, p={"weight": scale}, **args)
    assert np.allclose(y, wanted, atol=1e-5)


def test_relu6():
    x = np.array([[-1, 0, 2.5, 6, 7]])
    assert run("ReLU6", x)[0].tolist() == [[0, 0, 2.5, 6, 6]]


# Rounding puts a pixel of scale 41 into the wrong place where it is not taken care of.
@pytest.mark.parametrize("scale", [1, 2, 3, 41])
def test_upsample_repeats_every_pixel(scale):
    (y,) = run("Upsample", IMAGE, scale=scale)
    assert np.array_equal(y, IMAGE.repeat(scale, 2).repeat(scale, 3))


def bilinear(x, height, width):
    """Corners on corners; a side of 1 is made of the first pixel."""
    out = np.zeros((*x.shape[:2], height, width))
    for i, j in np.ndindex(height, width):
        v = i * (x.shape[2] - 1) / (height - 1) if height > 1 else 0
        u = j * (x.shape[3] - 1) / (width - 1) if width > 1 else 0
        top, left = int(v), int(u)
        below, right = min(top + 1, x.shape[2] - 1), min(left + 1, x.shape[3] - 1)
        v, u = v - top, u - left
        upper = (1 - u) * x[..., top, left] + u * x[..., top, right]
        lower = (1 - u) * x[..., below, left] + u * x[..., below, right]
        out[..., i, j] = (1 - v) * upper + v * lower
    return out


@pytest.mark.parametrize(
    ("args", "part", "size"),
    [
        ({"height": 7, "width": 9}, np.s_[:], (7, 9)),
        ({"height": 1, "width": 5}, np.s_[:], (1, 5)),
        ({"height": 6, "width": 4}, np.s_[:], (6, 4)),
        ({"zoom_factor": 3}, np.s_[:], (16, 10)),
        ({"shrink_factor": 2}, np.s_[:], (3, 2)),
        ({"zoom_factor": 2, "pad_beg": -1, "pad_end": -1}, np.s_[..., 1:5, 1:3], (7, 3)),
        ({"height": 8, "width": 8, "pad_beg": -2}, np.s_[..., 2:, 2:], (8, 8)),
    ],
)
def test_interp(args, part, size):
    (y,) = run("Interp", IMAGE, **args)
    assert np.allclose(y, bilinear(IMAGE[part], *size), atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "stride"), [((2, 8, 6, 4), 2), ((1, 9, 3, 6), 3)])
def test_reorg_is_darknets(reverse, shape, stride):
    x = rng.normal(size=shape).astype(np.float32)
    _, c, h, w = shape
    thin = c // stride**2
    # Darknet's indices into the memory of both, as if the larger image had `thin` channels.
    small, large = x.reshape(-1), np.zeros(x.size, np.float32)
    if not reverse:
        small, large = large, small
    for b, k, j, i in np.ndindex(*shape):
        inner = i + w * (j + h * (k + c * b))
        offset = k // thin
        column, row = i * stride + offset % stride, j * stride + offset // stride
        outer = column + w * stride * (row + h * stride * (k % thin + thin * b))
        if reverse:
            large[outer] = small[inner]
        else:
            small[inner] = large[outer]
    (y,) = run("Reorg", x, stride=stride, reverse=reverse)
    assert np.array_equal(y.reshape(-1), large if reverse else small)


def test_shuffle_channel_deals_channels_out_by_groups():
    (y,) = run("ShuffleChannel", IMAGE, group=2)
    assert np.array_equal(y, IMAGE[:, [0, 4, 1, 5, 2, 6, 3, 7]])


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 1, 1)])
def test_axpy(shape):
    factor, y = rng.normal(size=shape), rng.normal(size=IMAGE.shape)
    (made,) = run("Axpy", factor, IMAGE, y)
    assert np.allclose(made, factor.reshape(2, 8, 1, 1) * IMAGE + y, atol=1e-5)


@pytest.mark.parametrize(
    ("type", "arrays", "p", "args"),
    [
        ("Permute", [IMAGE], {}, {"order": (0, 2)}),
        ("Normalize", [IMAGE[:1]], {"weight": np.ones(8)}, {"channel_shared": False}),
        ("Normalize", [IMAGE[:1]], {"weight": 2.0}, {"across_spatial": False}),
        ("ReLU6", [3 * IMAGE[:1]], {}, {}),
        ("Upsample", [IMAGE[:1, :2]], {}, {"scale": 2}),
        ("Interp", [IMAGE[:1, :2]], {}, {"zoom_factor": 2, "pad_beg": -1}),
        ("Reorg", [IMAGE[:1]], {}, {"stride": 2}),
        ("ShuffleChannel", [IMAGE[:1]], {}, {"group": 2}),
        ("Axpy", [IMAGE[:1, :, 0, 0], IMAGE[:1], IMAGE[1:]], {}, {}),
    ],
)
def test_gradients(type, arrays, p, args):
    assert gradients_hold(type, arrays, p, **args)
