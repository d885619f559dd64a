"""backprop on images and arrays: losses and gradients of NumPy, teachers, noise."""

import numpy as np
import pytest
from arrays import (
    BCE,
    FORMULAS,
    assert_losses,
    entropy,
    pixels,
    reconstruction,
    squares,
    variational,
)
from helpers import CHAINER_IS_LONG, once, small
from hinted import known

from deelish import AddNoise, Average, BatchTrain, Deel, InputBatch, Network, Teacher
from deelish.errors import DataError
from deelish.language.session import current_session


@pytest.mark.parametrize("per", ["number", "image"])
@pytest.mark.parametrize("loss", FORMULAS)
def test_the_loss_on_images_is_numpys(session, sets, loss, per):
    network, outputs = reconstruction(), []

    def learn(x):
        outputs.append(network.forward(x).value.astype(np.float64))
        return network.backprop(x, loss=loss, per=per)

    def expected(x):
        each = FORMULAS[loss](outputs.pop(), pixels(network, x))
        return each.mean() if per == "number" else each.sum() / len(each)

    assert_losses(learn, expected)


@pytest.mark.parametrize("loss", FORMULAS)
def test_the_gradient_is_numpys(session, sets, loss):
    network, rate, steps = reconstruction(), 0.5, []

    def workout(x, t):
        p = network.forward(x).value.astype(np.float64)
        before = network.engine.state(network.module)["pixels"]["bias"].copy()
        outcome = network.backprop(x, loss=loss)
        if session.trainer.training:
            slope = p - pixels(network, x)
            if loss == "mse":
                slope = 2 * slope * p * (1 - p)
            after = network.engine.state(network.module)["pixels"]["bias"]
            steps.append((after - before, -rate * slope.reshape(len(p), 64).mean(0) / 64))
        return outcome

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=rate, schedule="constant", warmup=0)
    assert len(steps) == 4
    np.testing.assert_allclose(*zip(*steps, strict=True), atol=2e-6)


def test_an_array_is_a_target_and_so_is_a_tensor_of_the_engine(session, sets):
    network = reconstruction(squashed=False)
    target = np.random.default_rng(3).normal(0, 1, (16, 1, 8, 8))

    def learn(x):
        learn.output = network.forward(x).value.astype(np.float64)
        given = target[: len(x)].astype(np.float32)
        return network.backprop(
            network.engine.array(given) if session.trainer.training else given, loss="mse"
        )

    assert_losses(learn, lambda x: squares(learn.output, target[: len(x)]).mean())


def test_a_network_of_classes_learns_from_numbers_by_mse(session, sets):
    network = small()
    target = np.random.default_rng(3).normal(0, 1, (16, 4)).astype(np.float32)

    def learn(x):
        learn.output = network.classify(x).value
        return network.backprop(target[: len(x)], loss="mse")

    assert_losses(learn, lambda x: squares(learn.output, target[: len(x)]).mean())


@pytest.mark.parametrize(("weights", "expected"), [({}, (0.5, 0.5)), ({"alpha": 0.9}, (0.9, 0.1))])
def test_a_teachers_output_and_the_images_are_weighed(session, sets, weights, expected):
    teacher, student = known(reconstruction("Teacher")), reconstruction("Student", 4)

    def learn(x):
        y = teacher.batch_feature(x)
        learn.taught = y.value.astype(np.float64)
        learn.output = student.forward(x).value.astype(np.float64)
        return student.backprop(x, distill=y, loss=BCE, **weights)

    def loss(x):
        parts = (entropy(learn.output, t).mean() for t in (learn.taught, pixels(student, x)))
        return sum(part * weight for part, weight in zip(parts, expected, strict=True))

    assert_losses(learn, loss)
    assert teacher.untrained == set()
    assert teacher.version == 0


def test_a_teacher_teaches_alone(session, sets):
    teacher, student = known(reconstruction("Teacher")), reconstruction("Student", 4)

    def learn(x):
        y = teacher.batch_feature(x)
        learn.taught, learn.output = y.value, student.forward(x).value
        return student.backprop(y, distill=True, loss="mse")

    assert_losses(learn, lambda x: squares(learn.output, learn.taught).mean())


def test_a_file_of_a_network_and_an_average_teach_images(session, sets, tmp_path):
    path = known(reconstruction("Teacher")).save(tmp_path / "teacher.hdf5")
    student = reconstruction("Student", 4)
    teacher, average = Teacher(path), Average(student, decay=0.5)
    own = Network.load(path)

    def workout(x, t):
        y = teacher.batch_feature(x)
        np.testing.assert_allclose(y.value, own.batch_feature(x).value, atol=1e-6)
        assert average.batch_feature(x).shape == (len(x), 1, 8, 8)
        student.forward(x)
        return student.backprop(y, distill=True, loss="mse")

    once(workout)
    with pytest.raises(DataError, match="labels= names classes, and the network of deelish has no"):
        Teacher(path, labels=4)


def test_noisy_images_are_seen_and_clean_ones_learnt(session, sets):
    network, seen = reconstruction(), []

    def learn(x):
        noisy = AddNoise(x, 0.3)
        seen.append((pixels(network, noisy), pixels(network, x)))
        learn.output = network.forward(noisy).value.astype(np.float64)
        return network.backprop(x, loss=BCE)

    assert_losses(learn, lambda x: entropy(learn.output, pixels(network, x)).mean())
    differences = [noisy - clean for noisy, clean in seen]
    # Bright corners are 0.6 to 0.8: what goes below is not clipped, and is half of the noise.
    below = np.concatenate(
        [d[(c > 0.6) & (d < 0)] for d, (_, c) in zip(differences, seen, strict=True)]
    )
    assert (below**2).mean() ** 0.5 == pytest.approx(0.3, rel=0.1)
    assert all((noisy >= 0).all() and (noisy <= 1).all() for noisy, _ in seen)
    # Each batch has noise of its own: that of another one has nothing in common with it.
    together = np.corrcoef(differences[0].ravel(), differences[1].ravel())[0, 1]
    assert abs(together) < 0.2


def test_noise_follows_from_the_seed(session, sets):
    network, seen = reconstruction(), []

    def workout(x, t):
        noisy = AddNoise(x)
        seen.append(noisy.pixels(network.preprocessing))
        assert (seen[-1] == noisy.pixels(network.preprocessing)).all()
        network.forward(noisy)
        return network.backprop(x, loss=BCE)

    once(workout)
    first = seen[:]
    del seen[:]
    session.counts.updates = session.counts.epochs = 0
    once(workout)
    assert all((a == b).all() for a, b in zip(first, seen, strict=True))


def test_the_session_says_what_a_batch_is_for(session, sets):
    network, seen = reconstruction(), []

    def workout(x, t):
        seen.append(session.training)
        network.forward(x)
        return network.backprop(x, loss=BCE)

    assert not session.training
    once(workout)
    assert seen == [True] * 4 + [False] * 2
    assert not session.training


@CHAINER_IS_LONG
def test_a_small_autoencoder_learns(session, sets):
    network = reconstruction()

    def workout(x, t):
        network.forward(x)
        return network.backprop(x, loss=BCE)

    history = BatchTrain(workout, epochs=30, lr=0.01)
    assert history[-1]["val_loss"] < history[0]["val_loss"] - 0.05
    assert "val_accuracy" not in history[0]
    assert "agreement" not in history[0]


def test_a_run_goes_on_to_the_same_bits(session, corners, tmp_path):
    InputBatch(*corners, batch_size=16, crop=1, mirror=False)

    def run(epochs, resume=None):
        with Deel(seed=1):
            InputBatch(*corners, batch_size=16, crop=1, mirror=False)
            network = variational()

            def workout(x, t):
                network.forward(AddNoise(x))
                return network.backprop(x, loss=BCE, per="image")

            def stop():
                if current_session().counts.epochs == stop_after:
                    raise KeyboardInterrupt

            stop_after = epochs
            history = BatchTrain(workout, stop, epochs=3, resume=resume)
            return network.engine.state(network.module), history

    whole, _ = run(None)
    run(1, resume=tmp_path / "run")
    state, history = run(None, resume=tmp_path / "run")
    assert len(history) == 3
    for layer, blobs in whole.items():
        for name, array in blobs.items():
            assert (state[layer][name] == array).all()
