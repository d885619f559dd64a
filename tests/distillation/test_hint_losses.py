"""Each loss on features equals its formula, in value and gradient, on both engines."""

import itertools

import numpy as np
import pytest
import torch
from differences import assert_agrees, leaf, value_and_gradient
from feature_formulas import attention_map, distances, huber

from deelish.distillation.hint_losses import (
    Features,
    attention,
    fitnet,
    gaussian,
    pooled,
    relational,
    same_size,
)

RNG = np.random.default_rng(5)
STUDENT, TEACHER = RNG.normal(0, 1, (4, 3, 2, 2)), RNG.normal(0, 2, (4, 3, 2, 2))


def features(engine, student, teacher=TEACHER):
    return Features(engine, student, engine.array(np.asarray(teacher, np.float32)))


def cosines(blob):
    """(n, n, n): of the angle at the second of each three images; 0 where two are one."""
    rows = blob.reshape(len(blob), -1)
    made = np.zeros((len(rows),) * 3)
    for i, j, k in itertools.product(range(len(rows)), repeat=3):
        a, b = rows[i] - rows[j], rows[k] - rows[j]
        if i != j and j != k:
            made[i, j, k] = a @ b / np.sqrt((a @ a) * (b @ b))
    return made


def relations(s, t, distance, angle):
    loss = distance * huber(distances(s) - distances(t)).mean()
    return loss + angle * huber(cosines(s) - cosines(t)).mean()


def test_fitnet_is_the_mean_squared_difference(engine):
    student = leaf(engine, STUDENT)
    assert_agrees(
        engine,
        fitnet(features(engine, student)),
        student,
        lambda s: ((s - TEACHER) ** 2).mean(),
        STUDENT,
    )


def test_attention_is_the_mean_squared_difference_of_maps_of_length_1(engine):
    student = leaf(engine, STUDENT)

    def function(s):
        return ((attention_map(s) - attention_map(TEACHER)) ** 2).mean()

    assert_agrees(engine, attention(features(engine, student)), student, function, STUDENT)


@pytest.mark.parametrize(("distance", "angle"), [(25, 50), (1, 0), (0, 1)])
def test_relational_compares_distances_and_angles(engine, distance, angle):
    student = leaf(engine, STUDENT)
    loss = relational(features(engine, student), distance, angle)
    assert_agrees(engine, loss, student, lambda s: relations(s, TEACHER, distance, angle), STUDENT)


def between_gaussians(s, t):
    """KL(t || s) of diagonal Gaussians by its integral, on a grid, summed over the numbers."""
    total = 0.0
    for image, other in zip(s.reshape(len(s), 2, -1), t.reshape(len(t), 2, -1), strict=True):
        for m, log, n, other_log in zip(*image, *other, strict=True):
            x = n + np.sqrt(np.exp(other_log)) * np.linspace(-12, 12, 40_001)
            p, q = (
                -((x - mean) ** 2) / (2 * np.exp(v)) - v / 2
                for mean, v in ((n, other_log), (m, log))
            )
            density = np.exp(p) / np.sqrt(2 * np.pi)
            total += np.trapezoid(density * (p - q), x)
    return total / len(s)


def test_gaussian_is_the_divergence_from_the_teachers(engine):
    own, other = RNG.normal(0, 1, (3, 4, 1, 1)), RNG.normal(0, 1, (3, 4, 1, 1))
    student = leaf(engine, own)
    loss = gaussian(features(engine, student, other))
    assert_agrees(engine, loss, student, lambda s: between_gaussians(s, other), own)


def test_relational_is_linear_where_distances_differ_much(engine):
    # One image far away: its distances over the mean differ by more than 1 from those of equals.
    far = np.concatenate([STUDENT[:1] * 60, STUDENT])
    student, teacher = leaf(engine, far), RNG.normal(0, 1, far.shape)
    assert abs(distances(far) - distances(teacher)).max() > 1
    loss = relational(features(engine, student, teacher), 1, 0)
    assert_agrees(engine, loss, student, lambda s: relations(s, teacher, 1, 0), far)


def test_relational_is_invariant_to_rotation_shift_and_scale(engine):
    turn, _ = np.linalg.qr(RNG.normal(0, 1, (12, 12)))
    moved = (TEACHER.reshape(4, 12) @ turn * 5 + 1e4).reshape(TEACHER.shape)
    loss = relational(features(engine, leaf(engine, moved)), 25, 50)
    assert float(engine.numpy(loss)) == pytest.approx(0, abs=1e-5)


def test_attention_is_invariant_to_scale_and_channel_order(engine):
    moved = TEACHER[:, ::-1] * np.array([2, 0.3, 1, 9])[:, None, None, None]
    loss = attention(features(engine, leaf(engine, moved)))
    assert float(engine.numpy(loss)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("student", [TEACHER[:1], np.repeat(TEACHER[:1], 4, 0), TEACHER * 0])
@pytest.mark.parametrize("kind", [fitnet, attention, relational])
def test_one_image_copies_and_dead_layers_give_finite_losses(engine, kind, student):
    tensor = leaf(engine, student)
    options = (25, 50) if kind is relational else ()
    loss = kind(features(engine, tensor, TEACHER[: len(student)]), *options)
    value, gradient = value_and_gradient(engine, loss, tensor)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_copies_within_a_batch_have_no_angle(engine):
    blob = np.concatenate([STUDENT, STUDENT[:1]])
    tensor = leaf(engine, blob)
    loss = relational(features(engine, tensor, np.concatenate([TEACHER, TEACHER[:1]])), 25, 50)
    value, gradient = value_and_gradient(engine, loss, tensor)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert abs(gradient).max() < 1e3


@pytest.mark.parametrize("size", [(3, 3), (1, 1), (4, 2), (5, 7)])
def test_pooling_is_adaptive_average_pooling(engine, size):
    blob = RNG.normal(0, 1, (2, 3, 5, 7)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(blob), size)
    made = engine.numpy(pooled(engine, engine.array(blob), *size))
    np.testing.assert_allclose(made, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_pooling_passes_gradients(engine):
    blob = RNG.normal(0, 1, (1, 2, 5, 4))
    student = leaf(engine, blob)

    def function(s):
        columns = np.stack([s[..., :2].mean(-1), s[..., 2:].mean(-1)], -1)
        made = np.stack([columns[:, :, :3].mean(2), columns[:, :, 2:].mean(2)], 2)
        return (made**2).sum()

    made = pooled(engine, student, 2, 2)
    assert_agrees(engine, engine.sum(made * made), student, function, blob)


def test_the_larger_of_two_maps_is_pooled_to_the_smaller(engine):
    for one, other in (((4, 6), (2, 3)), ((2, 3), (4, 6)), ((4, 3), (2, 6))):
        maps = [engine.array(np.ones((1, 2, *size), np.float32)) for size in (one, other)]
        made = same_size(Features(engine, *maps))
        assert tuple(made.student.shape) == tuple(made.teacher.shape) == (1, 2, 2, 3)
