"""The figures that benchmarks show are those that their tables say."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deelish import Deel
from deelish.networks import Airbench


def pixels(folder):
    """The test images as an array (30, 32, 32, 3)."""
    paths = [folder / line.split()[0] for line in (folder / "test.txt").read_text().splitlines()]
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def test_accuracy_is_the_share_of_right_answers(part, data):
    """In pieces of 500 images too, of which the last is not full."""
    answers = {data / f"{number}.png": number % 10 for number in range(30)}
    for number in (3, 14, 15):
        answers[data / f"{number}.png"] = 0
    lists = [line for line in (data / "test.txt").read_text().splitlines() for _ in range(30)]
    (data / "test.txt").write_text("\n".join(lists) + "\n")

    def batch_feature(paths):
        return SimpleNamespace(value=np.eye(10)[[answers[path] for path in paths]])

    model = SimpleNamespace(batch_feature=batch_feature)
    assert part("kept").accuracy(model, data) == pytest.approx(27 / 30)


def test_mirrored_is_the_mean_of_an_image_and_its_mirror_image(part, data):
    labels = np.arange(30) % 10
    with Deel(seed=2):
        network = Airbench(labels=10, widths=(8, 16, 16))
        network.untrained.clear()
        found = part("cifar10").measured(network, data)
        one = network.classify(list(pixels(data))).value
        other = network.classify(list(pixels(data)[:, :, ::-1])).value
    right = [float(np.mean(each.argmax(1) == labels)) for each in (one, one + other)]
    # Otherwise this would not tell one from the other.
    assert right[0] != right[1]
    assert [found["accuracy"], found["mirrored"]] == pytest.approx(right)
    assert found["parameters"] == network.parameters


OPTIONS = ("--teacher-epochs", "--epochs", "--views")
NAMED = [("cifar10", OPTIONS), ("urban", OPTIONS), ("hinton_mnist", OPTIONS[:2])]


@pytest.mark.parametrize(
    ("name", "option"), [(name, option) for name, options in NAMED for option in options]
)
def test_a_figure_of_other_options_is_not_taken_for_this_one(
    part, data, tmp_path, monkeypatch, name, option
):
    """Their files have other names; a teacher's stay, where its own options do."""
    module, works = part(name), []

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


def test_the_table_has_the_mean_and_the_spread_of_the_seeds(part, capsys):
    row = {"mirrored": 0.75, "parameters": 1234, "seconds": 10}
    seeds = [{**row, "accuracy": value} for value in (0.5, 0.625, 0.75)]
    part("cifar10").report({"teacher": seeds, "kd": seeds[:1]})
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["teacher", "1,234", "62.50%", "25.00%", "75.00%", "3", "10"]
    assert lines[3].split() == ["kd", "1,234", "50.00%", "0.00%", "75.00%", "1", "10"]


def test_the_gap_is_that_between_labels_alone_and_the_teacher(part, capsys):
    values = {"teacher": [0.9], "labels alone": [0.5, 0.7], "kd": [0.75, 0.85], "mse": [0.9, 1]}
    rows = {
        name: [{"accuracy": value, "seconds": 5} for value in found]
        for name, found in values.items()
    }
    gaps = part("cifar10_5000").report(rows)
    assert gaps == pytest.approx({"kd": 0.2 / 0.3, "mse": 0.35 / 0.3})
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["labels", "alone", "60.0%", "20.0%", "5"]
    assert lines[4].split() == ["kd", "80.0%", "10.0%", "67%", "5"]


def test_urban_compares_the_best_that_logits_taught(part, capsys):
    urban = part("urban")
    rows = {"teacher": {"accuracy": 0.95}}
    # By labels and by logits with one million parameters, then with three.
    accuracies = {"1 hidden": (0.6, 0.5, 0.65, 0.55), "2 hidden": (0.4, 0.58, 0.68, 0.57)}
    accuracies["1 conv"] = (0.9, 0.7, 0.95, 0.75)
    keys = [(size, taught) for size in (urban.SMALL, urban.LARGE) for taught in (False, True)]
    for name, found in accuracies.items():
        rows |= {(name, *key): {"accuracy": value} for key, value in zip(keys, found, strict=True)}
    urban.report(rows, list(accuracies))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "best without convolution 58.0%, with 75.0%: +17.0%"
    heads = "labels 1 M logits 1 M paper labels 3 M logits 3 M paper"
    assert " ".join(lines[-5].split()) == heads
    # The cells of the paper's figure 1.
    assert lines[-2].split()[2:] == ["90.0%", "70.0%", "84.5%", "95.0%", "75.0%", "86.3%"]
    # Of students that were not trained with three million parameters the columns stay empty.
    fewer = {key: row for key, row in rows.items() if key != ("1 conv", urban.LARGE, True)}
    urban.report(fewer, list(accuracies))
    row = capsys.readouterr().out.splitlines()[-2]
    assert row.split()[2:] == ["90.0%", "70.0%", "84.5%"]


def test_urban_plots_what_was_taught_and_what_learnt_from_labels(part, tmp_path):
    """Lines are taught by logits, crosses are trained on labels alone, at each size."""
    urban = part("urban")
    from matplotlib import pyplot

    rows = {"teacher": {"accuracy": 0.95}}
    keys = [(size, taught) for size in (urban.SMALL, urban.LARGE) for taught in (False, True)]
    for name, found in {"1 hidden": (0.6, 0.5, 0.65, 0.55), "1 conv": (0.9, 0.7)}.items():
        rows |= {(name, *key): {"accuracy": value} for key, value in zip(keys, found, strict=False)}
    urban.plot(rows, ["1 hidden", "1 conv"], tmp_path / "urban.png")
    axes = pyplot.gca()
    drawn = [(line.get_marker(), line.get_xydata()) for line in axes.lines[1:]]
    pyplot.close()
    wanted = [("o", [[1, 50], [3.16, 55]]), ("x", [[1, 60], [3.16, 65]])]
    wanted += [("o", [[1, 70]]), ("x", [[1, 90]])]
    assert [marker for marker, _ in drawn] == [marker for marker, _ in wanted]
    for (_, points), (_, others) in zip(drawn, wanted, strict=True):
        np.testing.assert_allclose(points, others)


def test_int8_shows_what_is_lost_below_float32(part, capsys):
    int8 = {"channel": 0.7, "tensor": 0.625, "taught": 0.75, "learning": 150}
    rows = {("lite0", "float"): {"accuracy": 0.8}, ("lite0", "int8"): int8}
    part("int8").report(rows, ["lite0"])
    cells = capsys.readouterr().out.splitlines()[3].split()
    assert cells == ["lite0", "80.00%", "70.00%", "62.50%", "75.00%", "+17.50", "+5.00", "2"]


def test_label_free_shows_what_is_gained_over_labels_alone(part, capsys):
    rows = {"cache": {"seconds": 9}, "alone": {"accuracy": 0.5, "seconds": 3}}
    rows["features"] = {"accuracy": 0.625, "seconds": 4}
    part("label_free").report(rows)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[2:5]]
    assert lines == ["cache 9", "alone 50.0% +0.0 3", "features 62.5% +12.5 4"]


def test_errors_on_mnist_are_the_wrong_answers_on_the_test_images(part, data, monkeypatch):
    hinton = part("hinton_mnist")
    answers = {"test.txt": (np.eye(10)[[1, 2, 3, 4, 5]], np.array([1, 2, 3, 9, 9]))}
    monkeypatch.setattr(hinton, "scores", lambda network, folder, name: answers[name])
    run = SimpleNamespace(train=lambda workout, epochs: None)
    assert hinton.fit(None, None, data, {"epochs": 1}, run) == 2


def test_the_bias_of_threes_is_chosen_on_training_images(part, monkeypatch):
    """2 is the lowest that puts the training images right; the test images would like 4."""
    hinton, threes = part("hinton_mnist"), np.eye(10)[3]
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


def test_the_recipe_is_the_published_one(part):
    """Jordan 2024: 11.5 and 0.0153 for a sum over 1,024 images, by 1 + 1 / (1 - momentum)."""
    airbench = part("airbench")
    rate, decay = airbench.LR / airbench.BATCH, airbench.LR * airbench.DECAY / airbench.BATCH
    assert rate == pytest.approx(11.5 / 7850.67, rel=1e-5)
    assert decay == pytest.approx(0.0153 / 7850.67, rel=1e-5)
    weights = [airbench.UPDATES["lookahead_decay"](progress) for progress in (0, 0.5, 1)]
    assert weights == pytest.approx([0, 0.0967226, 0.7737809])
