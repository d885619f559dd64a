"""BatchTrain: epochs, validation, checkout, seeds, bad images, options."""

import hashlib
import subprocess
import sys
import textwrap
from itertools import chain

import numpy as np
import pytest
from helpers import small

from deelish import CNN, BatchTrain, Deel, InputBatch, Network
from deelish.errors import DataError, TrainingError


def learner(student):
    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    return workout


def test_a_student_learns_and_every_epoch_is_a_row(session, sets, capsys):
    student, called = small(), []
    rows = BatchTrain(learner(student), lambda: called.append(repr(CNN)), epochs=6, lr=0.01)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["val_accuracy"] == 1
    assert called == [repr(student)] * 6
    note, *printed = capsys.readouterr().out.splitlines()
    assert note.startswith("decoded images: 84 cached in memory")
    assert printed[0].split("  ")[:3] == ["epoch", "loss", "accuracy"]
    assert len(printed) == 7
    assert "agreement" not in printed[0]


def test_what_was_trained_on_whole_images_predicts_on_whole_images(
    session, sets, corners, tmp_path
):
    student = small()
    rows = BatchTrain(learner(student), epochs=3, lr=0.01)
    lines = [line.split() for line in corners[1].read_text().splitlines()]
    paths, labels = zip(*((tmp_path / name, int(label)) for name, label in lines), strict=True)
    for network in (student, Network.load(student.save(tmp_path / "student.hdf5"))):
        assert network.preprocessing.crop == 1
        right = network.classify(list(paths)).value.argmax(1) == labels
        assert right.mean() == pytest.approx(rows[-1]["val_accuracy"])


def test_the_rows_are_means_over_the_images(session, corners):
    InputBatch(corners[0], batch_size=24, crop=1, mirror=False)
    student, seen = small(), []

    def workout(x, t):
        student.classify(x)
        seen.append((len(x), student.backprop(t)))
        return seen[-1][1]

    row = BatchTrain(workout, epochs=1)[0]
    assert [n for n, _ in seen] == [24, 24, 16]
    assert row["loss"] == pytest.approx(sum(n * o.loss for n, o in seen) / 64)
    assert row["accuracy"] == pytest.approx(sum(n * o.accuracy for n, o in seen) / 64)
    assert "val_loss" not in row


def test_validation_has_means_of_its_own(session, corners):
    InputBatch(*corners, batch_size=15, crop=1, mirror=False)
    student, seen = small(), []

    def workout(x, t):
        student.classify(x)
        seen.append((session.trainer.training, len(x), *student.backprop(t)))
        return seen[-1][2:]

    rows = BatchTrain(workout, epochs=2, lr=0.01)
    for number, row in enumerate(rows):
        epoch = seen[7 * number : 7 * number + 7]
        assert [training for training, *_ in epoch] == [True] * 5 + [False] * 2
        for prefix, part in (("", epoch[:5]), ("val_", epoch[5:])):
            _, counts, losses, accuracies = zip(*part, strict=True)
            assert row[f"{prefix}loss"] == pytest.approx(np.average(losses, weights=counts))
            assert row[f"{prefix}accuracy"] == pytest.approx(np.average(accuracies, weights=counts))
    assert rows[0]["accuracy"] != rows[0]["val_accuracy"]


def test_every_image_comes_once_an_epoch_in_another_order(session, corners):
    InputBatch(corners[0], batch_size=16)
    student, orders = small(), []

    def workout(x, t):
        orders.append([sample.line for sample in t.samples])
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=2)
    first, second = list(chain(*orders[:4])), list(chain(*orders[4:]))
    assert sorted(first) == sorted(second) == list(range(1, 65))
    assert first != second


def test_teacher_and_student_see_one_view_each_at_its_own_size(session, corners):
    InputBatch(corners[0], batch_size=16)
    large, student = small("Large", in_size=16), small()

    def workout(x, t):
        assert x.value.shape == (16, 3, 16, 16)
        assert x.content.shape == (16, 3, 16, 16)
        views = [x.pixels(net.preprocessing).mean(3) for net in (large, student)]
        halved = views[0].reshape(16, 8, 2, 8, 2).mean((2, 4))
        assert abs(halved - views[1]).mean() < 12
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=1)


def test_an_error_in_workout_comes_through_and_leaves_the_session_usable(session, sets):
    student = small()

    def workout(x, t):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        BatchTrain(workout)
    assert len(BatchTrain(learner(student), epochs=1)) == 1


SCRIPT = """
    import hashlib, sys
    sys.path[:0] = {paths!r}
    from helpers import small
    from deelish import *
    deel = Deel(seed=int(sys.argv[1]))
    student = small(dropout=0.3)
    InputBatch({train!r}, batch_size=16)
    def workout(x, t):
        student.classify(x)
        return student.backprop(t)
    BatchTrain(workout, epochs=2, optimizer="sgd", momentum=0.9)
    state = deel.engine.state(student.module)
    sums = b"".join(a.tobytes() for layer in state.values() for a in layer.values())
    print(hashlib.sha256(sums).hexdigest())
"""


@pytest.mark.long
def test_the_same_seed_gives_the_same_weights_in_another_process(corners):
    paths = [path for path in sys.path if path]
    text = textwrap.dedent(SCRIPT).format(paths=paths, train=str(corners[0]))

    def digest(seed):
        done = subprocess.run(
            [sys.executable, "-c", text, seed], capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()[-1]

    first = digest("5")
    assert len(first) == len(hashlib.sha256().hexdigest())
    assert digest("5") == first
    assert digest("6") != first


def test_skipped_images_are_listed_at_the_end(session, corners, capsys):
    (corners[0].parent / "3.png").write_bytes(b"no image")
    InputBatch(corners[0], batch_size=16, on_bad_image="skip")
    student, count = small(), []

    def workout(x, t):
        count.append(len(x))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=2)
    assert sum(count) == 2 * 63
    printed = capsys.readouterr().out
    assert "1 images were skipped:" in printed
    assert printed.count("train.txt line 4: ") == 1


def test_a_bad_image_stops_by_name(session, corners):
    (corners[0].parent / "3.png").write_bytes(b"no image")
    InputBatch(corners[0], batch_size=16)
    with pytest.raises(DataError, match=r"train.txt line 4: .*3.png"):
        BatchTrain(learner(small()), epochs=1)


def test_training_without_images_is_refused(session):
    with pytest.raises(DataError, match="there are no images; call InputBatch"):
        BatchTrain(learner(small()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, r"BatchTrain\(epochs=0\)"),
        ({"epochs": True}, r"BatchTrain\(epochs=True\)"),
        ({"lr": -1}, r"BatchTrain\(lr=-1\)"),
        ({"lr": "big"}, r"BatchTrain\(lr='big'\)"),
        ({"lr": True}, r"BatchTrain\(lr=True\)"),
        ({"lr": float("nan")}, r"BatchTrain\(lr=nan\)"),
        ({"schedule": "cosin"}, "schedule 'cosin' is not known; did you mean 'cosine'"),
        ({"schedule": 3}, "schedule 3 is not known; there is constant, linear"),
        ({"schedule": lambda: 1}, r"schedule\(\) is called with one argument; write def schedule"),
        ({"schedule": lambda p: None}, "schedule= gave None at 0 of the training; return a factor"),
        ({"schedule": lambda p: -1}, "schedule= gave -1 at 0 of the training; return a factor"),
        ({"schedule": abs, "schedule_options": {"end": 1}}, "are for a schedule by name"),
        ({"schedule_options": {"ende": 1}}, r"schedule 'cosine' takes \(end.*not {'ende': 1}"),
        ({"schedule": "triangel"}, "schedule 'triangel' is not known; did you mean 'triangle'"),
        (
            {"schedule": "triangle", "schedule_options": {"peek": 0.3}},
            r"schedule 'triangle' takes \(start: .*peak: .*end: .*not {'peek': 0.3}",
        ),
        (
            {"schedule": "triangle", "schedule_options": {"peak": 2}},
            "schedule 'triangle' has peak=2; give a fraction of the training, above 0",
        ),
        ({"schedule_options": 3}, r"schedule_options=3\): give a dict"),
        ({"warmup": 1}, r"warmup=1\): give a fraction"),
        ({"warmup": "0.1"}, r"warmup='0.1'\): give a fraction"),
        ({"checkout": "x"}, r"BatchTrain\(checkout='x'\): give a function"),
        ({"checkout": abs}, r"checkout\(x, /\) is called with no argument; write def checkout"),
        ({"optimizer": "nothing"}, "optimizer 'nothing' is not known to"),
        ({"optimizer": "SDG"}, "optimizer 'SDG' is not known to .*; did you mean 'sgd'"),
        ({"optimizer": object()}, "got object; give its name, such as optimizer='sgd'"),
        ({"optimizer": dict}, "got dict; give its name, such as optimizer='sgd'"),
        ({"weight_decay": "x"}, "weight_decay"),
    ],
)
def test_options_are_checked(session, sets, options, words):
    with pytest.raises(TrainingError, match=words):
        BatchTrain(learner(small()), **options)


def test_the_schedule_reaches_the_optimiser(session, sets):
    student, learning_rates = small(), []

    def workout(x, t):
        student.classify(x)
        if session.trainer.training:
            learning_rates.append(session.trainer.lr)
        return student.backprop(t)

    rows = BatchTrain(workout, epochs=2, lr=0.5, schedule="linear", warmup=0)
    assert learning_rates == pytest.approx([0.5 * (1 - n / 8) for n in range(8)])
    assert rows[0]["lr"] == pytest.approx(0.5 * (1 - 3 / 8))


def test_a_triangle_reaches_the_optimiser_without_a_warmup(session, sets):
    learning_rates = []

    def workout(x, t):
        if session.trainer.training:
            learning_rates.append(session.trainer.lr)
        return 1.0, 1.0

    BatchTrain(workout, epochs=2, lr=0.5, schedule="triangle", schedule_options={"peak": 0.5})
    assert learning_rates == pytest.approx(np.interp(range(8), [0, 4, 8], [0.1, 0.5, 0.035]))


def test_each_session_has_a_dataset_of_its_own(session, sets, corners):
    with Deel() as inner:
        assert inner.dataset is None
        InputBatch(corners[0])
        assert inner.dataset is not session.dataset
    assert session.dataset is sets


def test_a_second_training_of_a_session_shows_another_order(session, sets):
    student, orders = small(), []

    def workout(x, t):
        orders[-1].extend(sample.line for sample in t.samples)
        student.classify(x)
        return student.backprop(t)

    for _ in range(2):
        orders.append([])
        BatchTrain(workout, epochs=1)
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]
