"""Numbers that are not finite are found in the batch that has them, and named."""

import re

import numpy as np
import pytest
import torch
from helpers import once, small
from small_modules import PIXELS, chained, seeded
from small_modules import student as module_student
from torture import scaled
from training.injection import BATCHES, EPOCHS, KINDS, Injection, same, trained_with

from deelish import BatchTrain, Deel, InputBatch, Student
from deelish.errors import TrainingError
from deelish.training.guards import NotFinite

WORDS = {
    "image": "its input is not finite",
    "label": "the labels are not finite",
    "teacher": "the logits of the teacher Odd are not finite",
    "loss": "the loss is (nan|inf|-inf)",
    "gradient": "the gradient of layer 'score' bias is not finite",
    "weight": "layer 'conv1' weight is not finite after the update",
}


def injections():
    """60 of them: all kinds, engines and ways; the first six have all kinds and both engines."""
    found = []
    rng = np.random.default_rng(18)
    for number in range(scaled(60)):
        kind, turn = number % len(KINDS), number // len(KINDS)
        engine = ("torch", "chainer")[(kind + turn) % 2]
        on_nan = ("stop", "skip")[(kind // 2 + turn // 2) % 2]
        value = rng.choice([np.nan, np.inf, -np.inf])
        step = int(rng.integers(EPOCHS * BATCHES))
        found.append((engine, KINDS[kind], step, value, on_nan))
    return found


def check_sentence(injection, sentence):
    """It names the tensor, the batch and the lines, and says what the weights are."""
    epoch, batch = divmod(injection.step, BATCHES)
    where = f"epoch {epoch + 1}/{EPOCHS}, batch {batch + 1}"
    assert re.search(f"Student: {WORDS[injection.kind]} at {where}", sentence), sentence
    places = injection.places
    if injection.kind in ("image", "label", "teacher"):
        assert sentence.endswith(f"and at {places[5]}")
    else:
        assert f"{places[0]}, {places[1]}, {places[2]} and 13 more" in sentence
    after = injection.kind == "weight"
    state = "the weights are those after it" if after else "the weights are those before this batch"
    assert f"; {state}; " in sentence


@pytest.mark.torture("E1")
@pytest.mark.parametrize(("engine", "kind", "step", "number", "on_nan"), injections())
def test_a_number_that_is_not_finite(engine, kind, step, number, on_nan, corners, chainer, capsys):
    injection = Injection(kind, step, number, on_nan)
    made, state = trained_with(engine, injection, corners)
    printed = re.findall("^skipped: (.*)$", capsys.readouterr().out, re.MULTILINE)
    if on_nan == "stop" or kind == "weight":
        assert isinstance(made, NotFinite)
        check_sentence(injection, made.sentence)
        assert made.batch == step + 1
        assert printed == []
        assert same(injection.state, state) is (kind != "weight")
        return
    assert len(printed) == 1, made
    check_sentence(injection, printed[0])
    absent = Injection("none", step, number, on_nan, absent=True)
    assert same(trained_with(engine, absent, corners)[1], state)
    assert len(injection.outcomes) == EPOCHS * BATCHES - 1
    counts = [BATCHES] * EPOCHS
    counts[step // BATCHES] -= 1
    parts = np.split(np.array(injection.outcomes), np.cumsum(counts)[:-1])
    expected = [part.mean(0) for part in parts]
    found = [[row["loss"], row["accuracy"]] for row in made]
    assert np.allclose(found, expected, rtol=1e-12)


def test_a_gradient_of_one_layer_is_named(session, sets):
    if session.engine.name == "chainer":
        pytest.skip("Chainer has no hook on a parameter's gradient")
    student = module_student()
    before = student.record().arrays
    student.module.module.conv1.weight.register_hook(lambda gradient: gradient * torch.nan)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    with pytest.raises(NotFinite, match="the gradient of layer 'conv1' weight is not finite at"):
        once(workout)
    after = student.record().arrays
    assert all(np.array_equal(array, after[name]) for name, array in before.items())


def test_a_scale_beyond_float32_is_found_in_the_input(session, sets):
    student = small(mean=(3e38,), scale=4)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    with pytest.raises(NotFinite, match=r"Small: its input is not finite at .* at mean= and scale"):
        once(workout)


def test_weights_that_were_not_finite_before_are_named_and_never_skipped(session, sets):
    student = small()
    weight = student.module.weights_of("hidden").weight
    (weight.data if session.engine.name == "torch" else weight.array)[3, 4] = np.nan

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    with pytest.raises(NotFinite, match="the loss is nan, since layer 'hidden' weight is not fini"):
        BatchTrain(workout, epochs=1, on_nan="skip")


def test_the_infinities_of_a_mask_are_no_weights_that_went_wrong(session, sets, capsys):
    module = seeded()
    mask = np.triu(np.full((4, 4), -np.inf, np.float32), 1)
    if session.engine.name == "torch":
        module.register_buffer("mask", torch.from_numpy(mask))
    else:
        module = chained(module)
        module.add_persistent("mask", mask)
    student = Student(module, name="Attentive", **PIXELS)

    def workout(x, t):
        student.classify(x)
        logits = np.zeros((len(t.value), 4), np.float32)
        scale = np.nan if session.trainer.batches == 2 else 1.0
        total = session.engine.sum
        return student.backprop(t, distill=logits, loss=lambda own, _: total(own * own) * scale)

    BatchTrain(workout, epochs=1, on_nan="skip")
    skipped = re.findall("^skipped: (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(skipped) == 1
    assert "Attentive: the loss is nan at epoch 1/1, batch 2; the weights are those" in skipped[0]


def test_the_infinity_of_a_running_variance_is_named(session, sets):
    module = seeded()
    module.norm.running_var[2] = np.inf
    student = Student(module if session.engine.name == "torch" else chained(module), **PIXELS)
    if session.engine.name == "chainer":
        student.module.module.norm.avg_var[2] = np.inf

    def workout(x, t):
        student.classify(x)
        logits = np.zeros((len(t.value), 4), np.float32)
        total = session.engine.sum
        return student.backprop(t, distill=logits, loss=lambda own, _: total(own * own) * np.nan)

    with pytest.raises(
        NotFinite, match=r"loss is nan, since layer 'norm' (running|avg)_var is not"
    ):
        once(workout)


def test_another_student_keeps_its_update_and_the_sentence_says_so(session, sets):
    first, second = small("First"), small("Second")
    states = []

    def workout(x, t):
        first.classify(x)
        second.classify(x)
        first.backprop(t)
        states.append(session.engine.state(first.module))
        return second.backprop(t, distill=np.full((len(x), 4), np.nan, np.float32))

    sentence = "the weights are those before this batch, and those of First are updated;"
    with pytest.raises(NotFinite, match=sentence):
        once(workout)
    assert same(session.engine.state(first.module), states[0])


@pytest.mark.parametrize("forever", [False, True])
def test_a_scaled_gradient_may_overflow_in_float16_until_the_scale_is_1(corners, forever):
    """PyTorch's scaler begins at 2^16 and halves its scale after each overflow."""
    with Deel(seed=1, engine="torch", precision="float16") as session:
        InputBatch(corners[0], batch_size=2)
        student, batches = module_student(), []
        if forever:
            student.module.module.conv1.weight.register_hook(lambda gradient: gradient * torch.inf)

        def workout(x, t):
            batches.append(student.record().arrays["conv1.weight"])
            student.classify(x)
            # The slope of the logits is 1, which float16 holds up to a scale of 2^15.
            return student.backprop(t, distill=np.zeros((2, 4)), loss=lambda s, _: s.sum())

        if forever:
            with pytest.raises(NotFinite, match="the gradient of layer 'conv1' weight"):
                once(workout)
            assert len(batches) == 17
            assert np.array_equal(batches[0], batches[-1])
        else:
            once(workout)
            assert len(batches) == 32
            assert session.engine._scaler.get_scale() < 2**16
            assert not np.array_equal(batches[0], batches[-1])
            assert np.isfinite(student.record().arrays["conv1.weight"]).all()


def test_another_on_nan_is_refused(session, sets):
    with pytest.raises(
        TrainingError, match=r"BatchTrain\(on_nan='ignore'\): give 'stop', 'skip', 'rollback'"
    ):
        BatchTrain(lambda x, t: (0, 0), on_nan="ignore")
