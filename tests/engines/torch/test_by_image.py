"""LRN and maxima a few images at a time: the numbers of the whole batch, whoever asks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from one_layer import call

from deelish.engines.torch.layers import by_image, normalisation, pooling

RNG = np.random.default_rng(4)


def images(*shape, type=torch.float32):
    tensor = torch.from_numpy(RNG.normal(0, 3, shape).astype(np.float32)).to(type)
    return tensor.contiguous(memory_format=torch.channels_last)


def watch(monkeypatch):
    """The names of those ways that are taken, as they are taken."""
    seen = []
    ways = {"normalised": normalisation, "maxima_around": pooling, "maxima_of_steps": pooling}
    for name, module in ways.items():
        way = getattr(by_image, name)
        taken = lambda *a, way=way, name=name: seen.append(name) or way(*a)  # noqa: E731
        monkeypatch.setattr(module, name, taken)
    return seen


@pytest.fixture(params=[1, 2, 5], ids="{} threads".format)
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "shape", [(5, 70, 4, 3), (1, 64, 1, 1), (3, 33, 1, 7), (2, 1, 5, 1)], ids=str
)
@pytest.mark.parametrize(("size", "alpha"), [(1, 0.5), (5, 0.5), (9, 0.5), (5, 0.0), (99, 0.5)])
def test_lrn_is_its_formula_however_the_channels_are_cut(shape, size, alpha, threads):
    x = images(*shape)
    squares = np.pad(x.numpy().astype(np.float64) ** 2, ((0, 0), (size // 2,) * 2, (0, 0), (0, 0)))
    sums = sum(squares[:, i : i + shape[1]] for i in range(size))
    (y,) = call("LRN", [x], local_size=size, alpha=alpha, k=2.0)
    np.testing.assert_allclose(y, x.numpy() / (2 + alpha / size * sums) ** 0.75, rtol=1e-5)
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(5, 3, 6, 4), (1, 2, 1, 1), (3, 5, 1, 4), (2, 1, 3, 1)], ids=str)
@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16], ids=str)
def test_maxima_are_torchs(shape, type, threads):
    x = images(*shape, type=type)
    x[0, :, :2] = -torch.inf
    assert torch.equal(by_image.maxima_around(x), F.max_pool2d(x, 3, 1, 1))


@pytest.mark.parametrize(
    "shape", [(5, 3, 6, 4), (3, 2, 7, 5), (1, 2, 2, 3), (2, 4, 3, 2), (9, 1, 8, 9)], ids=str
)
@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16], ids=str)
def test_maxima_of_every_second_window_are_torchs(shape, type, threads, monkeypatch):
    monkeypatch.setattr(by_image, "BYTES", 300)
    x = images(*shape, type=type)
    x[0, :, :2] = -torch.inf
    seen = watch(monkeypatch)
    (y,) = call("Pooling", [x], kernel_size=3, stride=2)
    assert torch.equal(y, F.max_pool2d(x, 3, 2, ceil_mode=True))
    assert seen == ["maxima_of_steps"]


def test_a_last_window_that_is_left_out_stays_so(monkeypatch):
    x, seen = images(2, 3, 6, 5), watch(monkeypatch)
    (y,) = call("Pooling", [x], kernel_size=3, stride=2, round_mode="FLOOR")
    assert torch.equal(y, F.max_pool2d(x, 3, 2))
    assert not seen


def test_what_is_no_number_is_not_lost():
    x = images(1, 2, 5, 5)
    x[0, 1, 2, 2] = torch.nan
    (y,) = call("Pooling", [x], kernel_size=3, pad=1)
    assert y.isnan().sum() == 9


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("LRN", {"local_size": 3}),
        ("Pooling", {"kernel_size": 3, "pad": 1}),
        ("Pooling", {"kernel_size": 3, "stride": 2}),
    ],
    ids=["LRN", "around", "steps"],
)
def test_inference_gives_the_numbers_of_training(kind, args, monkeypatch):
    seen = watch(monkeypatch)
    x = images(2, 40, 6, 5)
    (in_training,) = call(kind, [x.clone().requires_grad_()], **args)
    assert in_training.requires_grad
    assert not seen
    (at_inference,) = call(kind, [x], **args)
    with torch.no_grad():
        (frozen,) = call(kind, [x.clone().requires_grad_()], **args)
    assert len(seen) == 2
    torch.testing.assert_close(at_inference, in_training.detach())
    assert torch.equal(frozen, at_inference)
