"""Training on sequences: losses and gradients of NumPy, teachers, files, refusals."""

import math

import numpy as np
import pytest
from helpers import CHAINER_IS_LONG, once
from series import classifier, dataset, language_model, numbers, texts, write

from deelish import (
    Average,
    BatchTrain,
    Deel,
    Ensemble,
    InputBatch,
    Teacher,
)
from deelish.common.progress import Bar
from deelish.errors import FileError, TrainingError
from deelish.plan.sequence_format import SequenceFormat
from deelish.training import loop

WORDS = {"tokens": "words", "batch_size": 7}


@pytest.fixture
def text(session, tmp_path):
    return dataset(tmp_path, texts(60), **WORDS)


@pytest.fixture
def signs(session, tmp_path):
    return dataset(tmp_path, numbers(60, fields=2), batch_size=7)


def learning(network, **options):
    def workout(x, t):
        network.classify(x)
        return network.backprop(t, **options)

    return workout


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def test_the_loss_is_that_of_each_sequence_alone(text):
    """Padding and the others of a batch change nothing: NumPy's mean over all next tokens."""
    net, form, checked = language_model(text.sequences), text.sequences, []

    def workout(x, t):
        net.classify(x)
        loss, accuracy = net.backprop(t)
        losses, right = [], []
        for steps in x.sequences.steps(form):
            # One sequence by itself, and its targets by hand: what comes next, in the end a break.
            alone = net.run(
                {"data": np.array([[0], *steps[:, None]]), "cont": ones(len(steps) + 1)}
            )
            logarithms = log_softmax(alone["score"][:, 0].astype(float))
            targets = [*steps, 0]
            losses += list(-logarithms[np.arange(len(targets)), targets])
            right += list(logarithms.argmax(1) == targets)
        checked.append((loss, np.mean(losses), accuracy, np.mean(right)))
        return loss, accuracy

    # A rate of nearly 0, so that run() sees the weights of the loss.
    history = BatchTrain(workout, epochs=1, optimizer="sgd", lr=1e-9)
    assert len(checked) == 9
    for loss, expected, accuracy, right in checked:
        assert loss == pytest.approx(expected, rel=1e-5)
        assert accuracy == pytest.approx(right)
    assert "tokens_per_second" in history[0]


def ones(times):
    return np.array([[0.0], *[[1.0]] * (times - 1)])


def test_means_are_over_tokens_and_not_over_batches(text):
    net, found = language_model(text.sequences), []

    def workout(x, t):
        net.classify(x)
        made = net.backprop(t)
        found.append((len(t.value), *made))
        return made

    history = BatchTrain(workout, epochs=1, optimizer="sgd", lr=1e-9)
    tokens, losses, _ = np.array(found[6:]).T
    assert history[0]["val_loss"] == pytest.approx((tokens * losses).sum() / tokens.sum())
    assert tokens.sum() == text.val.size


def test_the_bar_counts_tokens(text, monkeypatch):
    bars = []

    def bar(*arguments):
        bars.append(arguments[1:])
        return Bar(*arguments)

    monkeypatch.setattr(loop, "Bar", bar)
    once(learning(language_model(text.sequences)))
    assert bars == [(text.train.size, 0, "tok"), (text.val.size, 0, "tok")]


def test_the_gradient_of_a_teacher_at_each_step_is_numpys(text, session):
    """The bias of the scores: T times the mean over tokens of student's less teacher's."""
    teacher, student = language_model(text.sequences, 5, "Teacher"), language_model(text.sequences)
    teacher.untrained.clear()
    rate, temperature, steps = 0.5, 2.0, []

    def softmax(logits):
        return np.exp(log_softmax(logits.astype(float) / temperature))

    def workout(x, t):
        own, given = student.classify(x), teacher.batch_feature(x)
        assert own.shape == given.shape == (len(t.value), len(text.sequences.vocabulary))
        before = student.engine.state(student.module)["score"]["bias"].copy()
        slope = temperature * (softmax(own.value) - softmax(given.value)).mean(0)
        outcome = student.backprop(given, distill=True, temperature=temperature)
        if session.training:
            after = student.engine.state(student.module)["score"]["bias"]
            steps.append((after - before, -rate * slope))
        return outcome

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=rate, schedule="constant", warmup=0)
    assert len(steps) == 6
    np.testing.assert_allclose(*zip(*steps, strict=True), atol=1e-5)


@CHAINER_IS_LONG
def test_a_language_model_learns_and_predicts(session, tmp_path):
    lines = ["the cat sleeps", "a dog runs"] * 40
    data = dataset(tmp_path, lines, tokens="characters", batch_size=8)
    net = language_model(data.sequences, 32)
    history = BatchTrain(learning(net), epochs=25, lr=2e-2)
    # All but the first character follow from what is before: ln 2 for one in 13.
    assert history[-1]["val_loss"] < 0.15
    assert history[-1]["val_accuracy"] > 0.9
    best = [row[0][0] for row in net.classify("the c").top(1)]
    assert "".join(best[1:]) == "he ca"
    several = net.classify(["the c", "a"])
    assert several.shape == (6 + 2, len(data.sequences.vocabulary))


@CHAINER_IS_LONG
def test_a_classifier_learns_the_names_of_a_list_in_its_own_order(signs):
    net = classifier(signs.sequences, ["up", "down"], 16)
    other = classifier(signs.sequences, ["down", "up"], 16)
    for each in (net, other):
        history = BatchTrain(learning(each), epochs=30, lr=2e-2)
        assert history[-1]["accuracy"] > 0.9
        assert each.classify(np.array([[2.0, 1.0], [1.5, 1.0]])).top(1)[0][0][0] == "up"
    assert "sequences_per_second" in history[0]


def test_a_teacher_may_have_another_vocabulary(text, session, tmp_path):
    backwards = ["\n", *sorted({word for line in texts(60) for word in line.split()}, reverse=True)]
    other = InputBatch(tmp_path / "train.tsv", **WORDS, vocabulary=backwards)
    teacher = language_model(other.sequences, name="Teacher")
    BatchTrain(learning(teacher), epochs=1)
    data = InputBatch(tmp_path / "train.tsv", **WORDS)
    assert data.sequences.vocabulary != tuple(backwards)
    student, seen = language_model(data.sequences), []
    order = [backwards.index(token) for token in data.sequences.vocabulary]

    def workout(x, t):
        logits = teacher.batch_feature(x)
        own = student.classify(x).value
        made = student.backprop(logits, distill=True, loss="mse")
        expected = ((own - logits.value[:, order]) ** 2).sum(1).mean() / 2
        seen.append((made[0], expected))
        return made

    once(workout)
    np.testing.assert_allclose(*np.array(seen).T, rtol=1e-4)


def test_a_token_is_itself_in_any_case(session, tmp_path):
    """Classes are matched without case, and tokens are not."""
    lines = ["a A", "A b", "B a"]
    other = ("\n", "B", "A", "b", "a")
    form = SequenceFormat("words", 1, other, next_token=True)
    teacher = language_model(form, name="Teacher")
    teacher.untrained.clear()
    data = InputBatch(write(tmp_path, "train.tsv", lines), tokens="words")
    assert data.sequences.vocabulary == ("\n", "A", "B", "a", "b")
    student = language_model(data.sequences)

    def workout(x, t):
        logits = teacher.batch_feature(x)
        own = student.classify(x).value
        made = student.backprop(logits, distill=True, loss="mse")
        expected = ((own - logits.value[:, [0, 2, 1, 4, 3]]) ** 2).sum(1).mean() / 2
        assert made[0] == pytest.approx(expected, rel=1e-4)
        return made

    once(workout)


def test_inner_states_teach_at_each_step(signs):
    teacher, student = classifier(signs.sequences, units=6), classifier(signs.sequences, units=3)
    teacher.untrained.clear()
    rows = []

    def workout(x, t):
        rows.append((len(teacher.feature(x, layer="lstm").value), x.padded(signs.sequences).real))
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x), hint=("lstm", "lstm"))

    assert math.isfinite(once(workout)[0]["loss"])
    assert all(count == real.sum() for count, real in rows)


def test_the_features_of_a_sequence_teach(signs):
    teacher, student = classifier(signs.sequences, units=6), classifier(signs.sequences, units=3)
    teacher.untrained.clear()

    def workout(x, t):
        student.classify(x)
        return student.backprop(distill=teacher.feature(x))

    first, *_, last = BatchTrain(workout, epochs=8, lr=2e-2)
    assert last["loss"] < 0.8 * first["loss"]


@pytest.mark.parametrize("kind", [Teacher, Average, lambda net: Ensemble(net, net)])
def test_every_teacher_of_a_network_reads_sequences(text, kind):
    net, student = language_model(text.sequences, name="Net"), language_model(text.sequences)
    net.untrained.clear()
    teacher = kind(net)

    def workout(x, t):
        expected = net.batch_feature(x).value
        logits = teacher.batch_feature(x)
        np.testing.assert_allclose(logits.value, expected, atol=1e-5)
        student.classify(x)
        return student.backprop(t, distill=logits)

    once(workout)
    assert teacher.batch_feature("cat dog").shape[0] == 3


def test_sequences_without_labels_teach_by_a_teacher_alone(session, tmp_path):
    data = InputBatch(write(tmp_path, "train.tsv", ["1 2\t", "3\t", "4 5\t"]), batch_size=2)
    teacher, student = (classifier(data.sequences, name=name) for name in ("Teacher", "Student"))
    teacher.untrained.clear()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    history = once(workout)
    assert "accuracy" not in history[0]
    with pytest.raises(TrainingError, match="these images have no labels"):
        once(learning(student))


def test_a_training_goes_on_in_the_middle_of_an_epoch(session, tmp_path):
    def stop():
        raise RuntimeError("stopped")

    def train(checkout, **saving):
        with Deel(seed=3, engine=session.engine_name):
            data = dataset(tmp_path, texts(40), **WORDS)
            net = language_model(data.sequences)
            BatchTrain(learning(net), checkout, epochs=2, **saving)
            return net.engine.state(net.module)

    whole = train(None)
    saving = {"resume": tmp_path / "run", "checkpoint_updates": 3}
    with pytest.raises(RuntimeError):
        train(stop, **saving)
    again = train(None, **saving)
    for layer, blobs in whole.items():
        for name, values in blobs.items():
            np.testing.assert_array_equal(again[layer][name], values)


def test_another_text_is_another_training(session, tmp_path):
    def train(lines, **choices):
        with Deel(seed=3, engine=session.engine_name):
            data = dataset(tmp_path, lines, **WORDS, **choices)
            net = language_model(data.sequences)
            BatchTrain(learning(net), epochs=1, resume=tmp_path / "run")

    lines = texts(40)
    train(lines)
    other = [*lines[:3], "cat cat cat cat", *lines[4:]]
    with pytest.raises(FileError, match="the training images changed"):
        train(other)
    words = ["\n", "runs", *sorted({w for line in lines for w in line.split()} - {"runs"})]
    with pytest.raises(FileError, match="the vocabulary changed"):
        train(lines, vocabulary=words)


def test_other_labels_are_another_training(session, tmp_path):
    def train(lines):
        with Deel(seed=3, engine=session.engine_name):
            net = classifier(dataset(tmp_path, lines, batch_size=7).sequences)
            BatchTrain(learning(net), epochs=1, resume=tmp_path / "run")

    lines = numbers(30)
    train(lines)
    turned = lines[0].replace("up", "x").replace("down", "up").replace("x", "down")
    with pytest.raises(FileError, match="the training images changed"):
        train([turned, *lines[1:]])
