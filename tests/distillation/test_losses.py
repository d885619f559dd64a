"""Each named loss equals its formula, in value and gradient, on both engines."""

import numpy as np
import pytest
from differences import assert_agrees, leaf, value_and_gradient

from deelish.distillation.configured_loss import configure_loss
from deelish.distillation.losses import LOSSES, LogitPair, cross_entropy

RNG = np.random.default_rng(3)
STUDENT, TEACHER = RNG.normal(0, 2, (5, 7)), RNG.normal(0, 3, (5, 7))
LABELS = np.array([0, 6, 3, 3, 1])


def softmax(scores, axis=1):
    powers = np.exp(scores - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def divergence(p, q):
    return (p * (np.log(p) - np.log(q))).sum(1)


def kd(s, t, y, temperature=1.0):
    return temperature**2 * divergence(softmax(t / temperature), softmax(s / temperature)).mean()


def soft_cross_entropy(s, t, y, temperature=1.0):
    targets = softmax(t / temperature)
    return -(temperature**2) * (targets * np.log(softmax(s / temperature))).sum(1).mean()


def mse(s, t, y):
    return sum(((a - b) ** 2).sum() for a, b in zip(s, t, strict=True)) / (2 * len(s))


def dkd(s, t, y, temperature=4.0, tckd=1.0, nckd=8.0):
    total = 0
    for a, b, label in zip(s, t, y, strict=True):
        p, q = softmax(b[None] / temperature), softmax(a[None] / temperature)
        pairs = [np.array([[r[0, label], 1 - r[0, label]]]) for r in (p, q)]
        others = [softmax(np.delete(logits, label)[None] / temperature) for logits in (b, a)]
        total += tckd * divergence(*pairs)[0] + nckd * divergence(*others)[0]
    return total * temperature**2 / len(s)


def dist(s, t, y, temperature=1.0, beta=1.0, gamma=1.0):
    p, q = softmax(s / temperature), softmax(t / temperature)
    rows = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(p, q, strict=True)])
    columns = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(p.T, q.T, strict=True)])
    return temperature**2 * (beta * (1 - rows) + gamma * (1 - columns))


FORMULAS = {
    "kd": kd,
    "mse": mse,
    "cross_entropy": soft_cross_entropy,
    "dkd": dkd,
    "dist": dist,
}
CASES = [
    ("kd", {}),
    ("kd", {"temperature": 4}),
    ("mse", {}),
    ("cross_entropy", {}),
    ("cross_entropy", {"temperature": 2.5}),
    ("dkd", {}),
    ("dkd", {"temperature": 1, "tckd": 0.5, "nckd": 2}),
    ("dist", {}),
    ("dist", {"temperature": 4, "beta": 2, "gamma": 0.5}),
]


def loss_of(engine, name, student, options=None, teacher=TEACHER, labels=LABELS):
    """A loss of the table on a tensor of the student's logits."""
    theirs = engine.array(np.asarray(teacher, np.float32))
    return configure_loss(name, options or {})(LogitPair(engine, student, theirs, labels))


def number(engine, *args, **options):
    return float(engine.numpy(loss_of(engine, *args, **options)))


def test_each_named_loss_has_a_formula_here():
    assert set(FORMULAS) == set(LOSSES)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_value_and_gradient_equal_the_formula(engine, name, options):
    student = leaf(engine, STUDENT)
    loss = loss_of(engine, name, student, options)

    def function(s):
        return FORMULAS[name](s, TEACHER, LABELS, **options)

    assert_agrees(engine, loss, student, function, STUDENT)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_standardised_losses_equal_the_formulas_of_z_scores(engine, name, options):
    student = leaf(engine, STUDENT)
    loss = loss_of(engine, name, student, {**options, "standardise": True})

    def z(x):
        return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)

    def function(s):
        return FORMULAS[name](z(s), z(TEACHER), LABELS, **options)

    assert_agrees(engine, loss, student, function, STUDENT)


@pytest.mark.parametrize(
    ("name", "options"),
    [("kd", {}), ("mse", {}), ("dkd", {}), ("dist", {"temperature": 4})],
)
def test_equal_logits_have_no_loss(engine, name, options):
    student = leaf(engine, TEACHER)
    value, gradient = value_and_gradient(engine, loss_of(engine, name, student, options), student)
    assert value == pytest.approx(0, abs=1e-4)
    assert abs(gradient).max() < 1e-4


@pytest.mark.parametrize("name", LOSSES)
def test_standardised_losses_are_invariant_to_shift_and_scale(engine, name):
    plain = number(engine, name, leaf(engine, STUDENT), {"standardise": True})
    moved = leaf(engine, STUDENT * 3 + np.arange(5)[:, None])
    other = TEACHER * 0.2 - 7
    assert number(engine, name, moved, {"standardise": True}, teacher=other) == pytest.approx(
        plain, rel=1e-3
    )


def test_dist_is_invariant_to_a_linear_map_of_the_probabilities(engine):
    # Probabilities a p + b correlate fully with p, for each image and each class.
    teacher = TEACHER / 4
    flatter = leaf(engine, np.log(0.3 * softmax(teacher) + 0.7 / 7))
    assert number(engine, "dist", flatter, teacher=teacher) == pytest.approx(0, abs=1e-5)
    assert number(engine, "kd", flatter, teacher=teacher) > 0.05


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kd_is_tckd_plus_nckd_by_the_teachers_probability_of_other_classes(engine, temperature):
    for row in range(5):
        student, teacher = leaf(engine, STUDENT[row : row + 1]), TEACHER[row : row + 1]
        label = LABELS[row : row + 1]

        def part(name, student=student, teacher=teacher, label=label, **options):
            options["temperature"] = temperature
            return number(engine, name, student, options, teacher=teacher, labels=label)

        target = part("dkd", tckd=1, nckd=0)
        others = part("dkd", tckd=0, nckd=1)
        left = 1 - softmax(teacher / temperature)[0, label[0]]
        assert part("kd") == pytest.approx(target + left * others, rel=1e-4)
        # With nckd = tckd the others count in full, so that it is no less than kd.
        assert part("dkd", tckd=1, nckd=1) >= part("kd")


def test_dkd_of_two_classes_with_tckd_1_is_kd(engine):
    student, labels = leaf(engine, STUDENT[:, :2]), np.array([0, 1, 1, 0, 1])
    given = {"teacher": TEACHER[:, :2], "labels": labels}
    decoupled = number(engine, "dkd", student, {"temperature": 2, "nckd": 5}, **given)
    assert decoupled == pytest.approx(number(engine, "kd", student, {"temperature": 2}, **given))


def test_kd_at_a_high_temperature_matches_centred_logits(engine):
    # Hinton et al. 2015, section 2.1: T^2 KL tends to the squared distance over twice the classes.
    s, t = (x - x.mean(1, keepdims=True) for x in (STUDENT, TEACHER))
    high = number(engine, "kd", leaf(engine, s), {"temperature": 200}, teacher=t)
    assert high == pytest.approx(number(engine, "mse", leaf(engine, s), teacher=t) / 7, rel=0.02)


@pytest.mark.parametrize("name", LOSSES)
def test_confident_teachers_and_students_give_finite_losses(engine, name):
    confident = np.eye(5, 7) * 300
    student = leaf(engine, np.roll(confident, 1, axis=1))
    value, gradient = value_and_gradient(
        engine, loss_of(engine, name, student, teacher=confident, labels=np.arange(5)), student
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_of_one_and_equal_logits_give_finite_losses(engine, name):
    student = leaf(engine, np.zeros((1, 7)))
    loss = loss_of(
        engine, name, student, {"standardise": True}, teacher=TEACHER[:1], labels=LABELS[:1]
    )
    value, gradient = value_and_gradient(engine, loss, student)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_cross_entropy_takes_probabilities_as_labels(engine):
    probabilities = np.zeros((5, 7), np.float32)
    probabilities[np.arange(5), LABELS] = 0.7
    probabilities[np.arange(5), LABELS[::-1]] += 0.3
    student = leaf(engine, STUDENT)

    def function(s):
        return -(probabilities * np.log(softmax(s))).sum(1).mean()

    assert_agrees(engine, cross_entropy(engine, student, probabilities), student, function, STUDENT)
    one_hot = np.eye(7, dtype=np.float32)[LABELS]
    first, second = (cross_entropy(engine, student, truth) for truth in (one_hot, LABELS))
    assert float(engine.numpy(first)) == pytest.approx(float(engine.numpy(second)))
