"""The Chainer engine: Chainer's own objects, its optimisers beside PyTorch's, what it refuses."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from deelish import Deel, Layer, Network, Plan
from deelish.engines import open_engine
from deelish.errors import EngineError, TrainingError

pytestmark = pytest.mark.usefixtures("chainer")

ROWS = [
    Layer("conv1/3x3", "Convolution", num_output=4, kernel_size=3, stride=2),
    Layer("bn", "BatchNorm"),
    Layer("scale", "Scale", bias_term=True),
    Layer("relu", "ReLU"),
    Layer("score", "InnerProduct", num_output=3),
    Layer("prob", "Softmax"),
]
X = np.random.default_rng(0).normal(size=(5, 2, 9, 9)).astype(np.float32)


def made(engine, rows=ROWS, **given):
    with Deel(engine=engine, seed=4):
        return Network(Plan(rows, {"data": (1, 2, 9, 9)}, "Net"), in_size=9, **given)


def test_the_module_is_chainers_own_and_gives_the_same_logits(chainer):
    network = made("chainer")
    assert isinstance(network.module, chainer.Chain)
    # A BatchNorm that has seen nothing divides by 0 in Caffe: let it see the batch.
    network.engine.run(network.module, {"data": X}, ["score"], training=True)
    with chainer.using_config("train", False):
        logits = network.module(X)
    np.testing.assert_allclose(logits.array, network.run({"data": X}, "score")["score"], rtol=1e-5)
    names = dict(network.module.namedparams())
    assert names.keys() == {"/conv1/3x3/W", "/conv1/3x3/b", "/scale/W", "/scale/b"} | {
        "/score/W",
        "/score/b",
    }


def test_chainers_serializers_work_on_it(chainer, tmp_path):
    first, second = made("chainer"), made("chainer", name="Other")
    for parameter in second.module.params():
        parameter.array[...] = 0
    chainer.serializers.save_npz(tmp_path / "net.npz", first.module)
    chainer.serializers.load_npz(tmp_path / "net.npz", second.module)
    states = [net.engine.state(net.module) for net in (first, second)]
    for layer, blobs in states[0].items():
        for name, array in blobs.items():
            np.testing.assert_array_equal(array, states[1][layer][name])


def test_chainers_hooks_work_on_it(chainer):
    network = made("chainer")
    seen = []

    class Names(chainer.LinkHook):
        name = "Names"

        def forward_postprocess(self, args):
            seen.append(type(args.link).__name__)

    with Names():
        network.run({"data": X})
    assert seen == ["PlanChain"]


def test_only_training_keeps_gradients(chainer):
    network = made("chainer")
    engine = network.engine
    output = engine.run(network.module, {"data": X}, ["score"], training=True)["score"]
    assert output.creator is not None
    output = engine.run(network.module, {"data": X}, ["score"], training=False)["score"]
    assert output.creator is None
    assert engine.is_own(output)


def test_dropout_is_drawn_in_training_only_and_from_the_seed():
    network = made("chainer", [Layer("d", "Dropout", dropout_ratio=0.25)])
    engine, ones = network.engine, np.ones((20, 2, 9, 9), np.float32)

    def drawn(training):
        return engine.numpy(
            engine.run(network.module, {"data": ones}, ["data"], training=training)["data"]
        )

    engine.seed(3)
    first = drawn(True)
    assert set(np.unique(first)) == {0.0, np.float32(1 / 0.75)}
    assert abs((first == 0).mean() - 0.25) < 0.03
    assert (drawn(True) != first).any()
    engine.seed(3)
    np.testing.assert_array_equal(drawn(True), first)
    np.testing.assert_array_equal(drawn(False), ones)


OPTIONS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9, "weight_decay": 0.01}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("adam", {}),
    ("adam", {"betas": (0.8, 0.99), "weight_decay": 0.01}),
    ("adam", {"amsgrad": True}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.1}),
    ("rmsprop", {"alpha": 0.9}),
    ("adagrad", {}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=lambda value: str(value))
def test_an_optimiser_moves_as_pytorchs_of_that_name(name, options):
    param = ({"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0})
    rows = [
        Layer("hidden", "InnerProduct", num_output=6, param=param),
        Layer("act", "TanH"),
        Layer("frozen", "InnerProduct", num_output=6, param=({"lr_mult": 0}, {"lr_mult": 0})),
        Layer("score", "InnerProduct", num_output=3),
        # Nothing leads from here to the loss: no gradient, so no decay either.
        Layer("idle", "InnerProduct", "hidden", num_output=2),
    ]
    states = []
    for engine_name in ("torch", "chainer"):
        network = made(engine_name, rows)
        engine = network.engine
        optimizer = engine.optimizer(network.module, name, 0.02, options)
        for _ in range(4):
            blobs = engine.run(network.module, {"data": X}, ["score"], training=True)
            loss = engine.sum(engine.log_softmax(blobs["score"]) * blobs["score"]) / 5
            engine.update([optimizer], loss, 0.02)
        states.append(engine.state(network.module))
    network = made("torch", rows)
    first = network.engine.state(network.module)
    for layer, blobs in states[0].items():
        for blob, array in blobs.items():
            largest = np.abs(array).max()
            np.testing.assert_allclose(states[1][layer][blob], array, rtol=0, atol=1e-4 * largest)
            assert (array == first[layer][blob]).all() == (layer in ("frozen", "idle"))


@pytest.mark.parametrize("name", ["momentumsgd", "amsgrad", "adabound", "smorms3", "msvag"])
def test_chainers_own_optimisers_train_too(name):
    network = made("chainer")
    engine = network.engine
    optimizer = engine.optimizer(network.module, name, 0.01, {})
    losses = []
    for _ in range(6):
        output = engine.run(network.module, {"data": X}, ["score"], training=True)["score"]
        loss = -engine.sum(engine.gather(engine.log_softmax(output), np.array([0, 1, 2, 0, 1])))
        losses.append(float(engine.numpy(loss)))
        engine.update([optimizer], loss, 0.01)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("lion", {}, "optimizer 'lion' is not known to Chainer; the nearest are"),
        ("sgd", {"speed": 1}, "optimizer 'sgd' does not take {'speed': 1} with lr 0.1"),
    ],
)
def test_optimisers_are_checked(name, options, words):
    network = made("chainer")
    with pytest.raises(TrainingError, match=words):
        network.engine.optimizer(network.module, name, 0.1, options)


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(
        EngineError, match=r"Deel\(gpu=97, engine='chainer'\): .*, or (use )?gpu=-1"
    ):
        open_engine("chainer", 97)


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("available", "reason", "count", "words"),
    [
        (
            False,
            ModuleNotFoundError("no", name="cupy"),
            None,
            "CuPy is not installed; install cupy",
        ),
        (False, ImportError("no\nlibcublas"), None, r"CuPy cannot be used \(no libcublas\); inst"),
        (True, None, lambda: fail(RuntimeError("no driver")), r"CuPy sees no GPU \(no driver\)"),
        (True, None, lambda: 0, "CuPy sees no GPU; install CUDA's driver"),
        (True, None, lambda: 1, "shows CuPy 1 GPU; use a number below 1, or gpu=-1"),
        (True, None, lambda: 2, "shows CuPy 2 GPUs; use a number below 2, or gpu=-1"),
    ],
)
def test_why_there_is_no_such_gpu_is_said(monkeypatch, chainer, available, reason, count, words):
    cuda = chainer.backends.cuda
    monkeypatch.setattr(cuda, "available", available)
    monkeypatch.setattr(cuda, "_resolution_error", reason, raising=False)
    runtime = SimpleNamespace(getDeviceCount=count)
    monkeypatch.setattr(cuda, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    with pytest.raises(EngineError, match=rf"Deel\(gpu=3, engine='chainer'\): .*{words}"):
        open_engine("chainer", 3)


def test_chainer_that_is_not_there_is_said_with_the_cure(monkeypatch):
    from deelish.engines.chainer import importing

    monkeypatch.delitem(sys.modules, "chainer")
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    with pytest.raises(
        EngineError, match="engine 'chainer' is not installed; install it with `pip"
    ):
        importing.import_chainer()


@pytest.fixture
def gpu_engine(chainer):
    """The engine on the first GPU; skips where CuPy has none."""
    try:
        return open_engine("chainer", 0)
    except EngineError as error:
        pytest.skip(str(error))


def test_the_gpu_gives_the_numbers_of_the_cpu(gpu_engine):
    network = made("chainer")
    module = gpu_engine.build(network.plan, network.engine.state(network.module))
    for training in (True, False):
        wanted = network.engine.run(network.module, {"data": X}, ["score"], training=training)
        got = gpu_engine.run(module, {"data": X}, ["score"], training=training)["score"]
        got = gpu_engine.numpy(got)
        np.testing.assert_allclose(got, wanted["score"].array, rtol=1e-3, atol=1e-4)


def test_training_on_the_gpu_repeats_to_the_bit(gpu_engine):
    network = made("chainer")
    start, ends = network.engine.state(network.module), []
    for _ in range(2):
        module = gpu_engine.build(network.plan, start)
        optimizer = gpu_engine.optimizer(module, "sgd", 0.1, {"momentum": 0.9})
        for _ in range(3):
            scores = gpu_engine.run(module, {"data": X}, ["score"], training=True)["score"]
            gpu_engine.update([optimizer], -gpu_engine.sum(gpu_engine.log_softmax(scores)), 0.1)
        ends.append(gpu_engine.state(module))
    assert np.array_equal(ends[0]["conv1/3x3"]["weight"], ends[1]["conv1/3x3"]["weight"])
    assert not np.array_equal(ends[0]["conv1/3x3"]["weight"], start["conv1/3x3"]["weight"])
