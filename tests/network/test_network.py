"""Networks at the prompt: cards, logits, features, labels, the session they belong to."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import small
from PIL import Image

import deelish
from deelish import CNN, Deel, GetLabels, Input, Layer, Network, Output, Show, ShowLabels
from deelish.errors import DataError, DeelishError, EngineError, FileError, PlanError, TrainingError
from deelish.networks import GoogLeNet, NetworkInNetwork, Perceptron

pytestmark = pytest.mark.usefixtures("each_engine")

rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def test_the_card_shows_size_classes_cost_and_state():
    card = repr(Perceptron())
    # 784 x 800 + 800 x 800 + 800 x 10 weights, and the biases.
    assert card == (
        "Perceptron: 1 x 28 x 28 L -> 10 classes | 1,276,810 parameters | 1 M multiply-adds"
        " | torch on cpu | untrained"
    )


@pytest.mark.parametrize(
    ("family", "parameters", "multiply_adds"),
    # Szegedy et al. give 1.5 billion multiply-adds; BVLC's file holds 6,998,552 numbers.
    [(GoogLeNet, 6_998_552, 1.58e9), (NetworkInNetwork, 7_595_176, 1.1e9)],
)
def test_the_families_have_their_published_size(family, parameters, multiply_adds):
    network = family()
    assert f"{parameters:,} parameters" in repr(network)
    total = network.summary().splitlines()[-1].split()
    assert int(total[2].replace(",", "")) == pytest.approx(multiply_adds, rel=0.02)
    assert network.plan.classes == 1000


@pytest.mark.parametrize("size", [32, 33, 47, 64, 79, 96, 128, 224, 227, 256])
@pytest.mark.parametrize("family", [GoogLeNet, NetworkInNetwork])
def test_the_families_run_at_any_size_from_32_up(family, size):
    network = family(labels=3, in_size=size)
    output = network.run({"data": np.zeros((2, 3, size, size), np.float32)}, ["prob"])["prob"]
    assert output.reshape(2, 3).sum(1) == pytest.approx(1)


def test_sizes_below_are_refused_by_layer():
    with pytest.raises(PlanError, match=r"layer 'pool4/3x3_s2' .* take a larger in_size"):
        GoogLeNet(in_size=16)


def test_layers_have_caffes_names_and_dimensions(capsys):
    network = GoogLeNet()
    assert network.layerDim("inception_3a/3x3") == (128, 28, 28)
    assert network.layerDim("pool5/7x7_s1") == (1024, 1, 1)
    network.ShowLayers()
    assert "inception_5b/pool_proj" in capsys.readouterr().out
    nin = NetworkInNetwork()
    assert [nin.layerDim(f"cccp{n}")[0] for n in range(1, 9)] == [
        96,
        96,
        256,
        256,
        384,
        384,
        1024,
        1000,
    ]


def test_labels_set_the_number_of_outputs(tmp_path):
    (tmp_path / "labels.txt").write_text("tabby cat\ngöat\n\n", encoding="utf-8")
    assert NetworkInNetwork(labels=tmp_path / "labels.txt", in_size=32).labels == [
        "tabby cat",
        "göat",
    ]
    assert NetworkInNetwork(labels=["a", "b", "c"], in_size=32).plan.classes == 3
    assert NetworkInNetwork(labels=7, in_size=32).plan.classes == 7
    assert NetworkInNetwork(outputs=5, in_size=32).plan.classes == 5


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("nowhere.txt", "labels file nowhere.txt: not found in"),
        ([], "there is no name in it"),
        (0, "give a count of at least one class"),
        (2.5, "labels=2.5: give a file, a list of names, or a count"),
    ],
)
def test_unusable_labels_are_refused(labels, words):
    with pytest.raises(DataError, match=words):
        Perceptron(labels=labels)


def test_labels_that_disagree_are_refused():
    with pytest.raises(DataError, match="labels= names 3 classes and outputs=4; give one"):
        Perceptron(labels=3, outputs=4)
    with pytest.raises(PlanError, match=r"labels=3 names 3 classes, but the layer 'score' has 4"):
        small(labels=3)


def test_the_prompt(capsys, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "cat.png")
    network = small(labels=["tabby cat", "dog", "cow", "ant"])
    network.untrained.clear()
    network.Input(str(tmp_path / "cat.png"))
    logits = network.classify()
    ShowLabels()
    lines = capsys.readouterr().out.splitlines()
    scores = np.exp(logits.value[0].astype(float))
    best = scores.max() / scores.sum()
    name = network.labels[int(scores.argmax())]
    assert lines[0] == f"#1 | {name} | {best:.1%}"
    assert len(lines) == 4
    labels = GetLabels()
    assert labels[0] == (name, pytest.approx(best, rel=1e-5))
    assert sum(probability for _, probability in labels) == pytest.approx(1)
    assert np.array_equal(Output(), logits.value)


def test_predictions_of_an_untrained_network_come_with_a_warning(capsys):
    small().classify(PIXELS)
    ShowLabels()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(
        "Small: hidden, score has its initial weights, so that its predictions mean"
    )
    assert printed[1].startswith("#1 | ")


def test_paths_images_and_arrays_are_one_picture(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "cat.png")
    network = small()
    logits = [
        network.classify(source).value
        for source in (tmp_path / "cat.png", Image.fromarray(PIXELS), PIXELS, PIXELS / 255)
    ]
    assert all(np.array_equal(logits[0], other) for other in logits[1:])
    both = network.classify([tmp_path / "cat.png", PIXELS]).value
    assert np.allclose(both, [logits[0][0]] * 2, atol=1e-6)


def test_preprocessing_is_caffes():
    rows = [Layer("score", "InnerProduct", num_output=2)]
    network = Network(rows, in_size=8, order="BGR", mean=(104.0, 117.0, 123.0), scale=1.0, crop=1)
    seen = network.feature(Image.fromarray(PIXELS), layer="data").value
    resized = np.asarray(Image.fromarray(PIXELS).resize((8, 8), Image.Resampling.BILINEAR))
    expected = resized[:, :, ::-1].astype(float) - [104, 117, 123]
    assert np.array_equal(seen[0], expected.transpose(2, 0, 1))


def test_features_are_found_by_layer_name():
    network = small()
    hidden = network.feature(PIXELS, layer="hidden")
    assert hidden.shape == (1, 16)
    assert hidden.owner is network
    # ReLU runs in place: the blob holds its output.
    assert hidden.value.min() >= 0
    with pytest.raises(PlanError, match="Small has no layer 'hiden'; did you mean 'hidden'"):
        network.feature(PIXELS, layer="hiden")


def test_run_takes_and_gives_arrays_by_blob_name():
    network = small()
    x = rng.normal(size=(5, 1, 8, 8)).astype(np.float32)
    blobs = network.run({"data": x}, blobs=["hidden", "prob"])
    assert set(blobs) == {"hidden", "prob"}
    state = network.engine.state(network.module)
    hidden = np.maximum(x.reshape(5, 64) @ state["hidden"]["weight"].T + state["hidden"]["bias"], 0)
    assert np.allclose(blobs["hidden"], hidden, atol=1e-5)
    assert set(network.run({"data": x})) == {"prob"}
    # The name of a layer in place also names its blob.
    assert np.array_equal(network.run({"data": x}, "relu")["relu"], blobs["hidden"])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "input 'data' is missing"),
        ({"image": np.zeros((1, 1, 8, 8))}, "there is no input 'image'; the network has data"),
        (
            {"data": np.zeros((1, 3, 8, 8))},
            r"input 'data' is \(1, 3, 8, 8\); it takes \(n, 1, 8, 8\)",
        ),
        ({"data": np.zeros((0, 1, 8, 8))}, "it takes"),
        ({"data": [["a"]]}, "input 'data' holds no numbers"),
    ],
)
def test_run_checks_its_inputs(inputs, words):
    with pytest.raises(DataError, match=words):
        small().run(inputs)


def test_a_layer_that_exists_only_in_training_is_refused():
    with pytest.raises(PlanError, match="GoogLeNet: 'loss1/fc' exists only in training"):
        GoogLeNet(in_size=32).run({"data": np.zeros((1, 3, 32, 32))}, ["loss1/fc"])


def test_the_module_is_torchs_own_and_gives_the_same_logits():
    import torch

    network = small()
    x = rng.normal(size=(2, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        logits = network.module(torch.from_numpy(x)).numpy()
    assert np.allclose(logits, network.run({"data": x}, ["score"])["score"], atol=1e-6)


def test_a_missing_model_file_names_the_folders_that_were_searched(tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_MODELS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match=rf"looked in {tmp_path}.*`deelish fetch googlenet`"):
        GoogLeNet(modelpath="bvlc_googlenet.caffemodel")


def test_two_networks_of_a_session_have_other_initial_weights_and_a_seed_repeats_them():
    def weights(network):
        return network.engine.state(network.module)["score"]["weight"]

    first, second = small(), small()
    assert not np.array_equal(weights(first), weights(second))
    with Deel(seed=1):
        assert np.array_equal(weights(small()), weights(first))
    with Deel(seed=2):
        assert not np.array_equal(weights(small()), weights(first))


def test_cnn_is_the_network_last_used_before_any_training():
    first, second = small("First"), small("Second")
    assert CNN.name == "Second"
    first.classify(PIXELS)
    assert CNN.name == "First"
    assert repr(CNN) == repr(first)
    second.feature(PIXELS, layer="score")
    assert CNN.name == "Second"


def test_cnn_before_any_network_names_the_cure():
    with pytest.raises(TrainingError, match="there is no network yet for CNN to name"):
        CNN.save("x.hdf5")


def test_sessions_nest_and_are_replaced():
    outer = small("Outer")
    with Deel(seed=5) as inner:
        assert inner.networks == []
        small("Inner")
        assert CNN.name == "Inner"
    assert CNN.name == "Outer"
    replaced = Deel()
    assert replaced.networks == []
    assert outer.context is not replaced


def test_a_tensor_becomes_current_by_use():
    network = small()
    first = Input(PIXELS)
    Input(PIXELS // 2)
    assert first.use() is first
    assert np.array_equal(network.classify().value, network.classify(first).value)
    assert first.shape == (1, 3, 8, 8)
    assert first.value.max() > 1


def test_commands_without_a_tensor_say_so():
    with pytest.raises(DataError, match=r"there is no current tensor; give one, or call Input"):
        Show()
    Input(PIXELS)
    with pytest.raises(DataError, match=r"ShowLabels: ImageTensor.* holds no logits"):
        ShowLabels()
    with pytest.raises(DataError, match="Input: float is no image; give a path"):
        Input(2.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "caffe"}, "engine 'caffe' is not there"),
        ({"gpu": 99, "engine": "torch"}, r"Deel\(gpu=99\): .*use a number below"),
        ({"gpu": "0"}, r"Deel\(gpu='0'\): give a whole number"),
        ({"seed": -1}, r"Deel\(seed=-1\): give a whole number from 0 up"),
    ],
)
def test_a_session_checks_its_options(options, words):
    with pytest.raises(EngineError, match=words):
        Deel(**options)
    assert deelish.language.session.current_session().seed == 1


def test_importing_deelish_imports_no_engine():
    text = "import deelish.networks, sys; print({'torch', 'chainer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_star_imports_exactly_the_public_names():
    # A name is there once it was looked at.
    for name in deelish.__all__:
        getattr(deelish, name)
    public = {
        name
        for name, value in vars(deelish).items()
        if name[0] != "_" and type(value).__name__ != "module"
    }
    assert set(deelish.__all__) == public
    assert issubclass(deelish.DeelishError, Exception)
    assert DeelishError is deelish.DeelishError
