"""Training on images without labels: what a teacher alone teaches, and what is refused."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
from helpers import once, small, trained
from tars import write_tar

from deelish import BatchTrain, InputBatch, Layer, Network
from deelish.errors import DataError, TrainingError


@pytest.fixture
def bare(corners):
    """The training list without its labels."""
    return without_labels(corners[0])


def without_labels(source):
    path = source.with_name(f"bare-{source.name}")
    path.write_text("".join(f"{line.split()[0]}\n" for line in source.read_text().splitlines()))
    return path


@pytest.fixture
def teacher(session, sets):
    return trained(small("Teacher"))


def distilled(teacher, student, **options):
    def workout(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        return student.backprop(logits, distill=True, **options)

    return workout


def history_on(source, teacher, corners, **options):
    InputBatch(source, corners[1], batch_size=16, crop=1, mirror=False, **options)
    student = small()
    return BatchTrain(distilled(teacher, student), epochs=2, lr=0.01)


def log_softmax(scores):
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def test_a_batch_has_the_teachers_loss_and_no_accuracy(bare, teacher):
    InputBatch(bare, batch_size=16)
    student, seen = small(), []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        p = log_softmax(logits.value.astype(float))
        q = log_softmax(student.classify(x).value.astype(float))
        made = student.backprop(logits, distill=True, temperature=1)
        seen.append((made.loss, (np.exp(p) * (p - q)).sum(1).mean()))
        assert math.isnan(made.accuracy)
        assert (repr(t), t.known) == ("LabelTensor, no labels", False)
        return made

    once(workout)
    assert len(seen) == 4
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4, atol=2e-7)


def test_the_history_has_an_accuracy_where_there_are_labels(corners, bare, teacher, capsys):
    history = history_on(bare, teacher, corners)
    for row in history:
        assert "accuracy" not in row
        assert 0 <= row["val_accuracy"] <= 1
        assert 0 <= row["agreement"] <= 1
        assert "val_agreement" in row
    printed = capsys.readouterr().out
    heading = "epoch  loss  agreement  val loss  val accuracy  val agreement  images/s"
    assert heading in printed.splitlines()
    assert "nan" not in printed + history.table() + repr(history)


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_images_need_no_labels(corners, bare, teacher, mix):
    history = history_on(bare, teacher, corners, mix=mix, views=2)
    assert "accuracy" not in history[0]
    assert np.isfinite([row["loss"] for row in history]).all()


def test_a_folder_and_a_tar_need_no_labels(corners, teacher, tmp_path):
    names = [line.split()[0] for line in corners[0].read_text().splitlines()]
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in names:
        shutil.copy(tmp_path / name, folder)
    tar = write_tar(tmp_path / "s.tar", [(name, (tmp_path / name).read_bytes()) for name in names])
    for source in (folder, tar):
        history = history_on(source, teacher, corners)
        assert "accuracy" not in history[0]
        assert "val_accuracy" in history[0]


def refused(message, act):
    student = small()

    def workout(x, t):
        student.classify(x)
        return act(student, x, t)

    with pytest.raises((TrainingError, DataError), match=message) as caught:
        once(workout)
    assert "\n" not in str(caught.value)


CURE = (
    r"^Small.backprop: these images have no labels; learn from a teacher alone, with logits ="
    r" teacher.batch_feature\(x\) and backprop\(logits, distill=True\)$"
)


def test_labels_that_are_not_there_are_refused(corners, bare, teacher):
    InputBatch(bare, batch_size=16)
    refused(CURE, lambda student, x, t: student.backprop(t))
    refused(CURE, lambda student, x, t: student.backprop(t, distill=teacher.batch_feature(x)))
    refused("^t: these images have no labels; learn from a teacher", lambda student, x, t: t.value)
    refused(
        r"^Small.backprop: loss 'dkd' needs the true class of each image, and these images have no"
        r" labels; take another loss, or images with labels$",
        lambda student, x, t: student.backprop(teacher.batch_feature(x), distill=True, loss="dkd"),
    )
    refused(
        "^Small.backprop: alpha= or label_weight= weighs a loss on labels, and these images have",
        lambda student, x, t: student.backprop(teacher.batch_feature(x), distill=True, alpha=0.5),
    )


def test_a_scripts_own_labels_teach(corners, bare, session):
    InputBatch(bare, batch_size=16)
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(np.zeros(len(x), np.int64))

    history = BatchTrain(workout, epochs=3, lr=0.05)
    assert history[-1]["accuracy"] == 1


def test_a_student_of_images_without_labels_has_any_classes(corners, bare, session):
    Network([Layer("score", "InnerProduct", num_output=2)], in_size=8, labels=2)
    assert InputBatch(bare).classes == 0
    with pytest.raises(DataError, match="label 2, but Network has 2 outputs"):
        InputBatch(bare, corners[1])
