"""Every verb of a network of rows, with a module of PyTorch as the student."""

import numpy as np
import pytest
import torch
from feature_formulas import attention_map, distances, huber
from helpers import once
from small_modules import photographs, seeded, student
from torch import nn

from deelish import (
    CNN,
    Average,
    BatchTrain,
    Compare,
    Ensemble,
    ShowLabels,
    Student,
    Teacher,
)
from deelish.comparison import timing
from deelish.distillation.losses import LOSSES


def plain(made, pixels):
    """What the module itself makes of these images."""
    made.module.module.eval()
    with torch.no_grad():
        values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        return made.module.module(values).numpy()


def colours(name="Colours", classes=4):
    """A teacher whose logits are a linear function of the mean colour."""
    matrix = np.random.default_rng(5).normal(size=(3, classes)).astype(np.float32)
    source = lambda pixels: 3 * pixels.mean((2, 3)) @ matrix  # noqa: E731
    return Teacher(source, size=8, mean=0, scale=1 / 255, labels=classes, name=name)


def test_it_classifies_as_the_module_itself_does(session):
    made, x = student(), photographs()
    np.testing.assert_allclose(made.classify(list(x)).value, plain(made, x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        made.batch_feature(list(x)).value, plain(made, x), rtol=1e-5, atol=1e-6
    )


def test_features_of_a_layer_are_what_it_made(session):
    made, x = student(), photographs()
    module = made.module.module.eval()
    with torch.no_grad():
        values = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
        first = module.conv1(values)
        normed = module.norm(first)
    for layer, expected in (("conv1", first), ("norm", normed)):
        found = made.feature(list(x), layer=layer).value
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_features_are_taken_before_a_later_layer_writes_over_them(session):
    module = nn.Sequential(nn.Conv2d(3, 4, 8), nn.ReLU(inplace=True), nn.Flatten())
    made = Student(module, size=8, mean=0, scale=1 / 255)
    found = made.feature(list(photographs()), layer="0").value
    assert found.min() < 0


def test_it_is_the_current_network_and_prints_its_labels(session, capsys):
    made = Student(seeded(), labels=["red", "green", "blue", "grey"], size=8, mean=0, scale=1)
    assert CNN.name == made.name
    CNN.Input(photographs(1)[0])
    CNN.classify()
    ShowLabels()
    assert len([row for row in capsys.readouterr().out.splitlines() if row.startswith("#")]) == 4


def test_its_layers_are_shown_with_shapes_and_parameters(session, capsys):
    made = student()
    made.ShowLayers()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    shown = {row[0]: (row[1], row[-1]) for row in rows[1:]}
    module = made.module.module
    for name, part in module.named_children():
        count = sum(value.numel() for value in part.parameters())
        assert shown[name] == (type(part).__name__, str(count))
    assert made.layerDim("conv2") == (6, 4, 4)
    assert made.layerDim("score") == (4,)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_learns_by_every_loss(sets, loss):
    teacher, made = colours(), student()

    def workout(x, t):
        logits = teacher.batch_feature(x)
        made.classify(x)
        return made.backprop(t, distill=logits, loss=loss)

    rows = BatchTrain(workout, epochs=6, lr=0.02)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]


def test_it_learns_from_labels_from_logits_alone_and_by_a_function(sets):
    teacher, made = colours(), student()

    def workout(x, t):
        logits = teacher.batch_feature(x)
        made.classify(x)
        made.backprop(t)
        made.classify(x)
        made.backprop(logits, distill=True)
        made.classify(x)
        return made.backprop(t, distill=logits, loss=lambda s, t: ((s - t) ** 2).mean())

    rows = BatchTrain(workout, epochs=3, lr=0.01)
    assert rows[-1]["loss"] < rows[0]["loss"]


def halved(blob):
    n, c, h, w = blob.shape
    return blob.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))


def attention(s, t):
    return ((attention_map(s) - attention_map(halved(t))) ** 2).mean()


def relational(s, t):
    return huber(distances(s) - distances(t)).mean()


HINTS = [
    ({"kind": "attention", "weight": 1}, attention),
    ({"kind": "relational", "weight": 1, "distance": 1, "angle": 0}, relational),
]


@pytest.mark.parametrize(("options", "formula"), HINTS)
def test_hints_from_its_layers_follow_their_formulas(session, sets, options, formula):
    """The student's conv2 is 4 x 4, the teacher's conv1 8 x 8."""
    teacher, made = student(1, name="Taller", channels=9), student()
    hint = {"student": "conv2", "teacher": "conv1", **options}
    measured = []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        if not session.trainer.training:
            maps = made.feature(x, layer="conv2").value, teacher.feature(x, layer="conv1").value
            made.classify(x)
            alone = made.backprop(logits, distill=True).loss
            made.classify(x)
            hinted = made.backprop(logits, distill=True, hint=hint).loss
            measured.append((hinted - alone, formula(*maps)))
        made.classify(x)
        return made.backprop(t, distill=logits, hint=hint)

    once(workout)
    assert measured
    for got, expected in measured:
        assert got == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("kind", ["fitnet", "attention", "relational"])
def test_training_with_a_hint_lowers_it_and_leaves_the_teacher(sets, kind):
    teacher, made = student(1, name="Taller", channels=9), student()
    hint = {"student": "conv2", "teacher": "conv2", "kind": kind, "weight": 10}
    before = teacher.record().arrays

    def workout(x, t):
        logits = teacher.batch_feature(x)
        made.classify(x)
        return made.backprop(t, distill=logits, hint=hint, weight=0, label_weight=0)

    rows = BatchTrain(workout, epochs=6, lr=0.01)
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    after = teacher.record().arrays
    assert all(np.array_equal(after[name], value) for name, value in before.items())


class Tokens(nn.Module):
    """Patches of 2 x 2 pixels as tokens (n, 16, c), with `prefix` tokens before them."""

    def __init__(self, channels, prefix):
        super().__init__()
        self.patches = nn.Conv2d(3, channels, 2, stride=2)
        self.prefix = nn.Parameter(torch.full((1, prefix, channels), 50.0))
        self.mix = nn.Linear(channels, channels)
        self.score = nn.Linear(channels, 4)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), tokens], 1)
        return self.score(self.mix(tokens).mean(1))


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_tokens_are_compared_as_the_map_of_their_patches(sets, prefix):
    """Attention between the maps of convolutions and tokens that hold the very same numbers."""
    tokens, maps = Tokens(5, prefix), nn.Sequential(nn.Conv2d(3, 5, 2, 2), nn.Flatten())
    maps.append(nn.Linear(80, 4))
    maps[0].load_state_dict(tokens.patches.state_dict())
    with torch.no_grad():
        tokens.mix.weight.copy_(torch.eye(5))
        tokens.mix.bias.zero_()
    pixels = {"size": 8, "mean": 0, "scale": 1 / 255}
    made, teacher = Student(tokens, **pixels), Student(maps, **pixels)
    hint = {"student": "mix", "teacher": "0", "kind": "attention", "weight": 1e6}
    losses = []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        if not losses:
            made.classify(x)
            made_without = made.backprop(logits, distill=True, weight=0).loss
            assert made_without == 0
            made.classify(x)
            losses.append(made.backprop(logits, distill=True, weight=0, hint=hint).loss)
        made.classify(x)
        return made.backprop(t)

    once(workout)
    assert losses[0] == pytest.approx(0, abs=1e-4)


def test_the_running_average_follows_it(sets):
    made = student()
    average = Average(made, decay=0.5)
    assert average.module is not made.module
    before = made.record().arrays

    def workout(x, t):
        made.classify(x)
        outcome = made.backprop(t)
        average.batch_feature(x)
        return outcome

    once(workout)
    own = {k: v.numpy() for k, v in average.module.module.state_dict().items()}
    after = made.record().arrays
    assert not np.array_equal(after["score.weight"], before["score.weight"])
    # Between the two, and nearer to the weights of the last updates.
    moved = np.abs(own["score.weight"] - before["score.weight"]).sum()
    assert 0 < moved < np.abs(after["score.weight"] - before["score.weight"]).sum() * 1.5
    assert np.array_equal(own["norm.running_mean"], after["norm.running_mean"])
    assert own["norm.num_batches_tracked"] == after["norm.num_batches_tracked"]


def test_it_is_a_member_of_an_ensemble(session):
    members, x = [student(0, name="A"), student(1, name="B")], list(photographs())
    both = Ensemble(*members)
    expected = np.mean([member.batch_feature(x).value for member in members], 0)
    np.testing.assert_allclose(both.batch_feature(x).value, expected, rtol=1e-5, atol=1e-7)
    assert both.parameters == sum(member.parameters for member in members)


def test_two_students_teach_each_other(sets):
    first, second = student(0, name="First"), student(1, name="Second", channels=9)
    before = [made.record().arrays for made in (first, second)]

    def workout(x, t):
        logits = first.classify(x), second.classify(x)
        second.backprop(t, distill=logits[0])
        return first.backprop(t, distill=logits[1])

    rows = BatchTrain(workout, epochs=4, lr=0.01)
    assert rows[-1]["loss"] < rows[0]["loss"]
    for made, arrays in zip((first, second), before, strict=True):
        assert not np.array_equal(made.record().arrays["conv1.weight"], arrays["conv1.weight"])


def test_it_is_compared_in_float32_and_int8(session, corners, monkeypatch):
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    pytest.importorskip("onnxruntime.quantization")
    pytest.importorskip("onnxscript")
    teacher, made = student(1, name="Taller", channels=9), student()
    report = Compare(teacher, made, corners[1], train=corners[0], fits="arduino-nano-33-ble")
    row, reduced = report["student"], report["student int8"]
    if session.engine.name == "torch":
        # Its weights, the averages of BatchNorm, the image, and a ReLU's input and output.
        numbers = made.parameters + (2 * 6 + 1) + 3 * 8 * 8 + 2 * 6 * 8 * 8
        assert (row["memory_bytes"], reduced["memory_bytes"]) == (4 * numbers, numbers)
        assert (row["fits"], reduced["fits"]) == (True, True)
    text = str(report)
    assert "int8" in text
    assert f"{made.parameters:,}" in text or str(made.parameters) in text
    assert "missing" not in text


def test_a_trained_student_teaches_a_new_one(sets):
    first = student(0)
    once(lambda x, t: (first.classify(x), first.backprop(t))[1])
    second = Student(seeded(1), name="Again", size=8, mean=0, scale=1 / 255)
    teacher = Teacher(first)
    assert teacher.fingerprint() is not None

    def workout(x, t):
        second.classify(x)
        return second.backprop(t, distill=teacher.batch_feature(x))

    before = first.record().arrays
    rows = BatchTrain(workout, epochs=3, lr=0.01)
    assert rows[-1]["loss"] < rows[0]["loss"]
    after = first.record().arrays
    assert all(np.array_equal(after[name], value) for name, value in before.items())
