"""The figures that benchmarks show are those that their tables say."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deelish import BatchTrain, Deel, InputBatch, Network
from deelish.networks import Airbench

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(monkeypatch):
    """A function that gives a benchmark's module by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def data(tmp_path):
    """Thirty images of ten classes, as training and as test images."""
    rng = np.random.default_rng(0)
    for number in range(30):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    lines = "".join(f"{number}.png {number % 10}\n" for number in range(30))
    for name in ("train.txt", "test.txt"):
        (tmp_path / name).write_text(lines)
    return tmp_path


def pixels(folder):
    """The test images as an array (30, 32, 32, 3)."""
    paths = [folder / line.split()[0] for line in (folder / "test.txt").read_text().splitlines()]
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def test_accuracy_is_the_share_of_right_answers(script, data):
    """In pieces of 500 images too, of which the last is not full."""
    answers = {data / f"{number}.png": number % 10 for number in range(30)}
    for number in (3, 14, 15):
        answers[data / f"{number}.png"] = 0
    lists = [line for line in (data / "test.txt").read_text().splitlines() for _ in range(30)]
    (data / "test.txt").write_text("\n".join(lists) + "\n")

    def batch_feature(paths):
        return SimpleNamespace(value=np.eye(10)[[answers[path] for path in paths]])

    model = SimpleNamespace(batch_feature=batch_feature)
    assert script("kept").accuracy(model, data) == pytest.approx(27 / 30)


def test_mirrored_is_the_mean_of_an_image_and_its_mirror_image(script, data):
    labels = np.arange(30) % 10
    with Deel(seed=2):
        network = Airbench(labels=10, widths=(8, 16, 16))
        network.untrained.clear()
        found = script("cifar10").measured(network, data)
        one = network.classify(list(pixels(data))).value
        other = network.classify(list(pixels(data)[:, :, ::-1])).value
    right = [float(np.mean(each.argmax(1) == labels)) for each in (one, one + other)]
    # Otherwise this would not tell one from the other.
    assert right[0] != right[1]
    assert [found["accuracy"], found["mirrored"]] == pytest.approx(right)
    assert found["parameters"] == network.parameters


@pytest.mark.parametrize("loss", ["kd standardised", "dist", None])
def test_a_student_learns_by_the_loss_of_its_row(script, data, tmp_path, monkeypatch, loss):
    cifar10, given, teacher = script("cifar10"), [], tmp_path / "teacher.hdf5"
    with Deel(seed=1):
        network = Airbench(labels=10, widths=(8, 16, 16))
        InputBatch(data / "train.txt", batch_size=30)
        # Its logits are finite then, and cached.
        network.whiten()
        network.untrained.clear()
        network.save(teacher)
    backprop = Network.backprop

    def spy(self, t, **how):
        given.append((t, how))
        return backprop(self, t, **how)

    seen = []

    def train(workout, epochs, **how):
        def watched(x, t):
            if loss:
                seen.append(Network.load(teacher).batch_feature(x).value)
            return workout(x, t)

        # The only update there is.
        return BatchTrain(watched, epochs=epochs, **{**how, "lookahead": 1})

    monkeypatch.setattr(Network, "backprop", spy)
    options = SimpleNamespace(views=1, epochs=1)
    row = cifar10.LOSSES[loss] if loss else {}
    found = cifar10.train_student(options, data, teacher, 0, SimpleNamespace(train=train), **row)
    ((labels, how),) = given
    assert sorted(labels.value) == sorted(number % 10 for number in range(30))
    assert 0 <= found["accuracy"] <= 1
    if loss:
        np.testing.assert_allclose(how.pop("distill").value, seen[0], rtol=1e-3, atol=1e-3)
    assert how == row


OPTIONS = ("--teacher-epochs", "--epochs", "--views")
NAMED = [("cifar10", OPTIONS), ("urban", OPTIONS), ("hinton_mnist", OPTIONS[:2])]


@pytest.mark.parametrize(
    ("name", "option"), [(name, option) for name, options in NAMED for option in options]
)
def test_a_figure_of_other_options_is_not_taken_for_this_one(
    script, data, tmp_path, monkeypatch, name, option
):
    """Their files have other names; a teacher's stay, where its own options do."""
    module, works = script(name), []

    class Collected(Exception):
        pass

    def collect(work, needs):
        works.append((set(work), needs))
        raise Collected

    monkeypatch.setattr(module, "all_of", collect)
    few = ["--trial", "--jobs", "1", "--keep", str(tmp_path / "keep")]
    for more in ([], [option, "77"]):
        monkeypatch.setattr(sys, "argv", [name, str(data), *few, *more])
        with pytest.raises(Collected):
            module.main()
    (first, needs), (second, _) = works
    same, teachers = first & second, {path for path in first if path.name.startswith("teacher")}
    assert teachers
    if option == "--teacher-epochs":
        assert not same & (teachers | set(needs))
    else:
        assert same == teachers


def test_the_table_has_the_mean_and_the_spread_of_the_seeds(script, capsys):
    row = {"mirrored": 0.75, "parameters": 1234, "seconds": 10}
    seeds = [{**row, "accuracy": value} for value in (0.5, 0.625, 0.75)]
    script("cifar10").report({"teacher": seeds, "kd": seeds[:1]})
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["teacher", "1,234", "62.50%", "25.00%", "75.00%", "3", "10"]
    assert lines[3].split() == ["kd", "1,234", "50.00%", "0.00%", "75.00%", "1", "10"]


def test_the_gap_is_that_between_labels_alone_and_the_teacher(script, capsys):
    values = {"teacher": [0.9], "labels alone": [0.5, 0.7], "kd": [0.75, 0.85], "mse": [0.9, 1]}
    rows = {
        name: [{"accuracy": value, "seconds": 5} for value in found]
        for name, found in values.items()
    }
    gaps = script("cifar10_5000").report(rows)
    assert gaps == pytest.approx({"kd": 0.2 / 0.3, "mse": 0.35 / 0.3})
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["labels", "alone", "60.0%", "20.0%", "5"]
    assert lines[4].split() == ["kd", "80.0%", "10.0%", "67%", "5"]


def test_urban_compares_the_best_that_logits_taught(script, capsys):
    urban = script("urban")
    rows = {"teacher": {"accuracy": 0.95}}
    accuracies = {"1 hidden": (0.6, 0.5, 0.55), "2 hidden": (0.4, 0.58, 0.57)}
    accuracies["1 conv"] = (0.9, 0.7, 0.75)
    for name, found in accuracies.items():
        keys = ((urban.SMALL, False), (urban.SMALL, True), (urban.LARGE, True))
        for key, value in zip(keys, found, strict=True):
            rows[name, *key] = {"accuracy": value}
    urban.report(rows, list(accuracies))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "best without convolution 58.0%, with 75.0%: +17.0%"
    # The cells of the paper's figure 1.
    assert lines[-2].split()[2:] == ["90.0%", "70.0%", "84.5%", "75.0%", "86.3%"]


def test_the_bias_of_threes_is_chosen_on_training_images(script, monkeypatch):
    """2 is the lowest that puts the training images right; the test images would like 4."""
    hinton, threes = script("hinton_mnist"), np.eye(10)[3]
    logits = {"train.txt": np.zeros((3, 10)), "test.txt": np.zeros((4, 10))}
    for name, leads in (("train.txt", (1.95, 0.5, 3.0)), ("test.txt", (1.0, 3.95, 0.5, 2.5))):
        for row, lead in enumerate(leads):
            logits[name][row, 7] = lead
            logits[name][row] -= threes * 0.001
    labels = {"train.txt": np.array([3, 3, 7]), "test.txt": np.array([3, 3, 3, 7])}
    monkeypatch.setattr(hinton, "scores", lambda student, data, name: (logits[name], labels[name]))
    bias, before, after = hinton.raise_bias(None, None)
    assert bias == pytest.approx(2.0)
    assert before == (3, 3)
    assert after == (1, 1)


def test_the_recipe_is_the_published_one(script):
    """Jordan 2024: 11.5 and 0.0153 for a sum over 1,024 images, by 1 + 1 / (1 - momentum)."""
    airbench = script("airbench")
    rate, decay = airbench.LR / airbench.BATCH, airbench.LR * airbench.DECAY / airbench.BATCH
    assert rate == pytest.approx(11.5 / 7850.67, rel=1e-5)
    assert decay == pytest.approx(0.0153 / 7850.67, rel=1e-5)
    weights = [airbench.UPDATES["lookahead_decay"](progress) for progress in (0, 0.5, 1)]
    assert weights == pytest.approx([0, 0.0967226, 0.7737809])
