"""backprop with a loss by name, a function, weights over the epochs; what it refuses."""

import numpy as np
import pytest
from helpers import CHAINER_IS_LONG, once, small, trained
from hinted import known

from deelish import BatchTrain
from deelish.distillation.losses import LOSSES
from deelish.errors import TrainingError
from deelish.language.session import current_session


def softmax(scores):
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def kd(s, t):
    p, q = softmax(t), softmax(s)
    return (p * (np.log(p) - np.log(q))).sum(1).mean()


def cross_entropy(s, labels):
    return -np.log(softmax(s))[np.arange(len(labels)), labels].mean()


def mse(s, t):
    return ((s - t) ** 2).sum() / (2 * len(s))


def lesson(teacher, student, *, mixed=True, expected=None, **options):
    """A workout, and the losses of its batches beside `expected(student, teacher, labels)`."""
    seen = []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        if mixed:
            outcome = student.backprop(t, distill=logits, **options)
        else:
            outcome = student.backprop(logits, distill=True, **options)
        if expected is not None:
            number = expected(scores, logits.value.astype(float), t.value)
            assert outcome.loss == pytest.approx(number, rel=1e-3, abs=1e-5)
        seen.append(outcome.loss)
        return outcome

    return workout, seen


@pytest.fixture
def pair(session, sets):
    return known(small("Teacher")), small()


@CHAINER_IS_LONG
@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_training_with_each_loss_lowers_it(pair, name, standardise):
    teacher, student = pair
    workout, _ = lesson(
        trained(teacher, 3), student, mixed=False, loss=name, standardise=standardise
    )
    rows = BatchTrain(workout, epochs=5, lr=0.01)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]


# The weights of the teacher's loss and the labels' loss where none are given.
PUBLISHED = {
    "kd": (0.5, 0.5),
    "mse": (0.5, 0.5),
    "cross_entropy": (0.5, 0.5),
    "dkd": (1, 1),
    "dist": (2, 1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_labels_are_mixed_in_by_the_published_weights(pair, name):
    teacher, student = pair
    weight, label_weight = PUBLISHED[name]
    alone = []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        if session.trainer.training:
            # dkd takes the batch's own labels where none are given.
            return student.backprop(logits, distill=True, loss=name)
        alone.append((student.backprop(logits, distill=True, loss=name).loss, scores))
        student.classify(x)
        outcome = student.backprop(t, distill=logits, loss=name)
        expected = weight * alone[-1][0] + label_weight * cross_entropy(scores, t.value)
        assert outcome.loss == pytest.approx(expected, rel=1e-4)
        return outcome

    session = current_session()
    once(workout)
    assert len(alone) == 2


@pytest.mark.parametrize(
    ("mixed", "options", "weights"),
    [
        (True, {"alpha": 0.3}, (0.3, 0.7)),
        (False, {"alpha": 0.3}, (0.3, 0.7)),
        (True, {"weight": 3}, (3, 0.5)),
        (True, {"label_weight": 0.1}, (0.5, 0.1)),
        (True, {"weight": 9, "label_weight": 0.1}, (9, 0.1)),
        (False, {"weight": 2.5}, (2.5, 0)),
        (False, {"weight": np.float32(2.5)}, (2.5, 0)),
        (False, {"label_weight": 1}, (1, 1)),
        (True, {"alpha": 0}, (0, 1)),
        (True, {"weight": lambda epoch: 2, "label_weight": lambda epoch: 0}, (2, 0)),
    ],
)
def test_alpha_or_weights_weigh_the_parts(pair, mixed, options, weights):
    def expected(s, t, labels):
        return weights[0] * kd(s, t) + weights[1] * cross_entropy(s, labels)

    workout, losses = lesson(*pair, mixed=mixed, expected=expected, **options)
    once(workout)
    assert len(losses) == 6


def test_the_two_factors_of_dkd_are_its_own(pair):
    workout, none = lesson(*pair, mixed=False, loss="dkd", tckd=0, nckd=0)
    once(workout)
    assert none == [0] * 6
    # As alpha it would be 1 at most.
    workout, some = lesson(*pair, mixed=False, loss="dkd", tckd=2, nckd=0)
    once(workout)
    assert min(some) > 0


def test_weights_may_be_functions_of_the_epoch(pair):
    epochs = []

    def rising(epoch):
        epochs.append(epoch)
        return min(1, epoch / 20)

    workout, losses = lesson(*pair, mixed=False, weight=rising)
    BatchTrain(workout, epochs=2)
    training = [0, 0.25, 0.5, 0.75]
    assert epochs == [*training, 1, 1, *(1 + e for e in training), 2, 2]
    assert losses[0] == 0
    assert losses[-1] > 0


def test_a_loss_of_ones_own_is_a_function_of_two_arrays_of_logits(pair):
    def distance(student, teacher):
        return ((student - teacher) ** 2).sum() / (2 * student.shape[0])

    def chainers(student, teacher):
        import chainer.functions as F

        return F.sum((student - teacher) ** 2) / (2 * student.shape[0])

    student = pair[1]
    own = distance if student.engine.name == "torch" else chainers
    workout, losses = lesson(*pair, mixed=False, expected=lambda s, t, y: mse(s, t), loss=own)
    once(workout)
    assert len(losses) == 6

    def halves(s, t, y):
        return 0.5 * mse(s, t) + 0.5 * cross_entropy(s, y)

    once(lesson(*pair, expected=halves, loss=own)[0])

    def z(x):
        return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)

    def standard(s, t, y):
        return 2 * mse(z(s), z(t))

    workout, _ = lesson(*pair, mixed=False, expected=standard, loss=own, weight=2, standardise=True)
    once(workout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "kdd"}, "there is no loss 'kdd'; did you mean 'kd' or 'dkd'"),
        ({"loss": "hinge"}, "there is no loss 'hinge'; there is kd, mse, cross_entropy, dkd, dist"),
        ({"loss": 3}, r"loss=3; give a name \(kd, mse, cross_entropy, dkd, dist\) or a function"),
        (
            {"beta": 2},
            "loss 'kd' takes no 'beta'; it takes temperature, standardise, alpha, weight, label_",
        ),
        ({"loss": "mse", "temperature": 2}, "loss 'mse' takes no 'temperature'; it takes stand"),
        ({"loss": "dkd", "gamma": 2}, "loss 'dkd' takes no 'gamma'; it takes temperature, tckd, "),
        ({"loss": "dist", "temperature": -1}, "temperature=-1; give a number above 0"),
        ({"temperature": float("inf")}, "temperature=inf; give a number above 0"),
        ({"temperature": "4"}, "temperature='4'; give a number above 0"),
        ({"loss": "dkd", "nckd": -1}, "nckd=-1; give a number from 0 on"),
        ({"standardise": 1}, "standardise=1; give True or False"),
        ({"alpha": True}, "alpha=True; give the weight of the teacher's part, from 0 to 1"),
        ({"alpha": lambda e: 2}, "the function alpha= gave 2 at epoch 0; give the weight of"),
        ({"weight": -1}, "weight=-1; give a number from 0 on, or a function of the epoch such as"),
        ({"weight": lambda e: None}, "the function weight= gave None at epoch 0; give a number"),
        ({"label_weight": "1"}, "label_weight='1'; give a number from 0 on, or a function"),
        ({"alpha": 0.5, "weight": 1}, "alpha= and weight= both weigh the loss; give alpha= alone"),
        ({"alpha": 0.5, "label_weight": 1}, "alpha= and label_weight= both weigh the loss"),
        ({"loss": lambda s, t: 3.0}, "loss '<lambda>' returned float, where a scalar of"),
        ({"loss": lambda s, t: s - t}, r"loss '<lambda>' returned shape \(16, 4\), where a scalar"),
        ({"loss": lambda s, t: None}, "returned NoneType, where a scalar of .*; compute it from"),
    ],
)
def test_what_a_loss_does_not_take_is_refused(pair, options, words):
    before = pair[1].engine.state(pair[1].module)["score"]["weight"]
    with pytest.raises(TrainingError, match=words):
        once(lesson(*pair, **options)[0])
    after = pair[1].engine.state(pair[1].module)["score"]["weight"]
    assert np.array_equal(before, after)


def test_a_loss_without_a_gradient_is_refused(pair):
    engine = pair[1].engine

    def numbers(student, teacher):
        return engine.sum(engine.detach(student) - teacher)

    with pytest.raises(TrainingError, match="loss 'numbers' returned a number without a gradient"):
        once(lesson(*pair, loss=numbers)[0])


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"temperature": 2}, "temperature"),
        ({"loss": "dkd"}, "loss"),
        ({"hint": ("a", "b")}, "hint"),
    ],
)
def test_on_labels_alone_there_is_nothing_to_choose(session, sets, options, name):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, **options)

    with pytest.raises(TrainingError, match=f"{name}= is about a teacher's logits, and there are"):
        once(workout)
