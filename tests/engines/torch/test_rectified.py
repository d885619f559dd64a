"""ReLU run as one with the layer beside it: numbers, gradients, and who may look between them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deelish.engines import open_engine
from deelish.engines.joining import join
from deelish.engines.torch.layers.joined import joined as joined_rows
from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill
from deelish.plan.lifetimes import last_uses

RNG = np.random.default_rng(5)
X = RNG.normal(0, 1, (3, 4, 9, 8)).astype(np.float32)
CONV = {"num_output": 6, "kernel_size": 3}
WINDOWS = [
    {},
    {"pad": 1, "stride": 2},
    {"dilation": 2, "group": 2},
    {"bias_term": False},
    {"pad": 4},
]


def of(rows, engine=None):
    plan = Plan(rows, {"data": X.shape})
    values = {
        layer: {name: fill(blob, (0,), layer + name) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    return (engine or open_engine("torch", -1)).build(plan, values)


def pair(top="conv", **args):
    return [Layer("conv", "Convolution", **CONV, **args), Layer("relu", "ReLU", "conv", top)]


def by_two_layers(x, child, args):
    window = [args.get(name, value) for name, value in [("stride", 1), ("pad", 0), ("dilation", 1)]]
    return F.relu(F.conv2d(x, child.weight, child.bias, *window, args.get("group", 1)))


@pytest.mark.parametrize("args", WINDOWS, ids=str)
@pytest.mark.parametrize("top", ["conv", "relu"], ids=["in place", "of its own"])
def test_numbers_and_gradients_are_those_of_the_two_layers(args, top):
    module = of(pair(top, **args))
    assert len(module._runner._schedule("TEST", (top,))) == 1
    child, made, wanted = module.weights_of("conv"), [], []
    trainable = [p for p in (child.weight, child.bias) if p is not None]
    if child.bias is not None:
        torch.nn.init.normal_(child.bias)
    for run, into in ((lambda x: module({"data": x}, [top])[top], made), (None, wanted)):
        x = torch.from_numpy(X).requires_grad_()
        y = run(x) if run else by_two_layers(x, child, args)
        projection = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
        into += [y, *torch.autograd.grad((y * projection).sum(), [x, *trainable])]
    assert (wanted[0] == 0).any()
    assert (wanted[0] > 0).any()
    for ours, theirs in zip(made, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_it_computes_what_the_two_layers_do():
    # Scores are computed in float32: here they are those of the layer after the two.
    module = of([*pair(), Layer("pool", "Pooling", "conv", "pool", global_pooling=True)])
    child, x = module.weights_of("conv"), torch.from_numpy(X)
    with torch.autocast("cpu", torch.bfloat16):
        y = module({"data": x}, ["conv"])["conv"]
        wanted = by_two_layers(x, child, {})
    assert y.dtype == wanted.dtype == torch.bfloat16
    torch.testing.assert_close(y, wanted)
    y.float().sum().backward()
    assert child.weight.grad.dtype == child.bias.grad.dtype == torch.float32


READERS = {
    "another reads what the convolution made": [
        *pair("relu"),
        Layer("sum", "Eltwise", ("conv", "relu")),
    ],
    "the ReLU lets a little through": [
        Layer("conv", "Convolution", **CONV),
        Layer("relu", "ReLU", "conv", negative_slope=0.1),
    ],
    "it is not the convolution's ReLU": [
        Layer("conv", "Convolution", **CONV),
        Layer("other", "ReLU", "data", "other"),
        Layer("sum", "Eltwise", ("conv", "conv")),
    ],
    "another layer comes between": [
        Layer("conv", "Convolution", **CONV),
        Layer("drop", "Dropout"),
        Layer("relu", "ReLU"),
    ],
}


def joined(rows, phase="TRAIN"):
    """The places of the rows that are joined with the next one."""
    plan = Plan(rows, {"data": X.shape})
    layers = plan.rows(phase, [plan.logits])
    unread = last_uses(layers, [plan.logits])
    return set(join(layers, unread, phase, joined_rows, lambda layer: None))


@pytest.mark.parametrize("rows", READERS.values(), ids=list(READERS))
def test_rows_that_others_look_between_stay_apart(rows):
    assert joined(rows) == set()


MAXIMA = Layer("pool", "Pooling", kernel_size=3, stride=2)


def test_a_relu_goes_with_the_maximum_in_training_and_else_with_its_convolution():
    assert joined([*pair(), MAXIMA]) == {1}
    assert joined([*pair(), MAXIMA], "TEST") == {0}
    average = Layer("pool", "Pooling", pool="AVE", kernel_size=3, stride=2)
    assert joined([*pair(), average]) == {0}
    read_again = [Layer("again", "Pooling", "conv", kernel_size=3, stride=2)]
    both = Layer("both", "Eltwise", ("pool", "again"))
    assert joined([*pair(), MAXIMA, *read_again, both]) == {0}


WINDOWS_OF_MAXIMA = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 2, "pad": 1},
    {"kernel_size": 3, "stride": 1, "pad": 1},
    {"kernel_size": 3, "stride": 1, "pad": 2},
    {"global_pooling": True},
]


@pytest.mark.parametrize("args", WINDOWS_OF_MAXIMA, ids=str)
def test_a_relu_after_a_maximum_gives_the_numbers_and_gradients_of_one_before_it(args):
    rows = [Layer("relu", "ReLU", "data", "relu"), Layer("pool", "Pooling", **args)]
    # Equal numbers within a window, above 0, at 0 and below it.
    whole = RNG.integers(-4, 3, X.shape).astype(np.float32)
    found = []
    for wanted in (["pool"], ["pool", "relu"]):
        x = torch.from_numpy(whole).requires_grad_()
        y = of(rows).train()({"data": x}, wanted)["pool"]
        projection = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
        found.append((y, *torch.autograd.grad((y * projection).sum(), x)))
    for ours, theirs in zip(*found, strict=True):
        assert torch.equal(ours, theirs)
    assert found[0][1].any()


def test_a_blob_that_is_asked_for_is_there():
    module = of(pair("relu"))
    both = module({"data": torch.from_numpy(X)}, ["conv", "relu"])
    assert (both["conv"] < 0).any()
    assert torch.equal(both["relu"], both["conv"].relu())
    assert torch.equal(module({"data": torch.from_numpy(X)}, ["conv"])["conv"], both["conv"])


def test_without_the_function_the_two_layers_run(monkeypatch):
    module, x = of(pair()), {"data": torch.from_numpy(X)}
    joined = module(x, ["conv"])["conv"]
    monkeypatch.setattr("deelish.engines.torch.layers.rectified._is_there", lambda type: False)
    torch.testing.assert_close(module(x, ["conv"])["conv"], joined, rtol=1e-5, atol=1e-5)
