"""The PyTorch engine: formulas, training mode, devices, optimisers."""

import sys

import numpy as np
import pytest
import torch

from deelish.engines import open_engine
from deelish.errors import EngineError, TrainingError
from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill

rng = np.random.default_rng(0)


@pytest.fixture
def engine():
    return open_engine("torch", -1)


def build(engine, rows, shape, **facts):
    plan = Plan(rows, {"data": (1, *shape)}, **facts)
    values = {
        layer: {name: fill(blob, (0,), layer + name) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    return plan, engine.build(plan, values)


def test_the_module_is_torchs_own_and_named_by_layers(engine):
    rows = [
        Layer("block/conv.1", "Convolution", num_output=4, kernel_size=3),
        Layer("train", "InnerProduct", num_output=2),
    ]
    _, module = build(engine, rows, (3, 8, 8))
    assert isinstance(module, torch.nn.Module)
    names = [name for name, _ in module.named_parameters()]
    # A dot, and the name of a method, cannot name a child of torch.
    assert names == ["block/conv_1.bias", "block/conv_1.weight", "train_.bias", "train_.weight"]
    assert module(torch.zeros(2, 3, 8, 8)).shape == (2, 2)


def test_lrn_is_the_formula(engine):
    _, module = build(engine, [Layer("n", "LRN", local_size=3, alpha=0.5, k=2.0)], (5, 2, 2))
    x = rng.normal(size=(2, 5, 2, 2)).astype(np.float32)
    output = engine.numpy(engine.run(module, {"data": x}, ["n"], training=False)["n"])
    padded = np.pad(x.astype(float) ** 2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    sums = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    assert np.allclose(output, x / (2 + 0.5 / 3 * sums) ** 0.75, atol=1e-6)


def test_batch_norm_in_training_normalises_by_the_batch_and_counts_as_caffe_does(engine):
    _, module = build(engine, [Layer("bn", "BatchNorm", moving_average_fraction=0.9)], (3, 4, 4))
    x = rng.normal(2, 3, size=(6, 3, 4, 4)).astype(np.float32)
    for _ in range(2):
        output = engine.numpy(engine.run(module, {"data": x}, ["bn"], training=True)["bn"])
    assert np.allclose(output.mean((0, 2, 3)), 0, atol=1e-5)
    assert np.allclose(output.std((0, 2, 3)), 1, atol=1e-4)
    state = engine.state(module)["bn"]
    assert state["factor"] == pytest.approx(1.9)
    assert np.allclose(state["mean"] / 1.9, x.mean((0, 2, 3)), atol=1e-5)
    assert np.allclose(state["variance"] / 1.9, x.var((0, 2, 3), ddof=1), rtol=1e-4)


def test_dropout_is_drawn_in_training_only_and_from_the_seed(engine):
    _, module = build(engine, [Layer("d", "Dropout", dropout_ratio=0.25)], (100, 10, 10))
    x = np.ones((1, 100, 10, 10), np.float32)

    def run(training):
        return engine.numpy(engine.run(module, {"data": x}, ["data"], training=training)["data"])

    engine.seed(3)
    drawn = run(True)
    assert set(np.unique(drawn)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (drawn > 0).mean() == pytest.approx(0.75, abs=0.02)
    engine.seed(3)
    assert np.array_equal(run(True), drawn)
    assert np.array_equal(run(False), x)


def test_only_training_keeps_gradients(engine):
    plan, module = build(engine, [Layer("score", "InnerProduct", num_output=2)], (4,))
    x = np.ones((1, 4), np.float32)
    assert engine.run(module, {"data": x}, ["score"], training=True)["score"].requires_grad
    output = engine.run(module, {"data": x}, ["score"], training=False)["score"]
    assert not output.requires_grad
    assert not output.is_inference()
    assert plan.logits == "score"


def test_layers_of_the_training_phase_run_in_training_only(engine):
    rows = [
        Layer("score", "InnerProduct", "data", num_output=2),
        Layer("extra", "InnerProduct", "data", num_output=2, phase="TRAIN"),
    ]
    _, module = build(engine, rows, (4,), logits="score", auxiliary={"extra": 0.3})
    x = {"data": np.ones((3, 4), np.float32)}
    assert set(engine.run(module, x, ["score", "extra"], training=True)) == {"score", "extra"}
    with pytest.raises(KeyError):
        engine.run(module, x, ["extra"], training=False)


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(EngineError, match=r"Deel\(gpu=99\): .*; use a number below .* or gpu=-1"):
        open_engine("torch", 99)


def test_an_unknown_engine_is_refused():
    with pytest.raises(EngineError, match="engine 'caffe' is not there; this version"):
        open_engine("caffe", -1)


def test_pytorch_that_is_not_there_is_said_with_the_cure(monkeypatch):
    # As an import that fails: the module has been imported here.
    monkeypatch.setitem(sys.modules, "deelish.engines.torch.engine", None)
    words = r"^engine 'torch' cannot be imported \(.*\); install it: pip install 'torch>=2\.6'$"
    with pytest.raises(EngineError, match=words):
        open_engine("torch", -1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sdg", {}, "optimizer 'sdg' is not known to PyTorch; did you mean 'sgd'"),
        ("sgd", {"momentun": 0.9}, "optimizer 'sgd' does not take .*momentun"),
        ("sgd", {"momentum": -1}, "optimizer 'sgd' does not take .*momentum"),
    ],
)
def test_optimisers_are_checked(engine, name, options, words):
    _, module = build(engine, [Layer("score", "InnerProduct", num_output=2)], (4,))
    with pytest.raises(TrainingError, match=words):
        engine.optimizer(module, name, 0.1, options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_the_gpu_gives_the_numbers_of_the_cpu(engine):
    rows = [
        Layer("conv", "Convolution", num_output=8, kernel_size=3, pad=1),
        Layer("norm", "LRN"),
        Layer("score", "InnerProduct", num_output=5),
    ]
    x = {"data": rng.normal(size=(4, 3, 9, 9)).astype(np.float32)}
    outputs = []
    for each in (engine, open_engine("torch", 0)):
        _, module = build(each, rows, (3, 9, 9))
        outputs.append(each.numpy(each.run(module, x, ["score"], training=False)["score"]))
    assert np.allclose(*outputs, rtol=1e-3, atol=1e-4)
