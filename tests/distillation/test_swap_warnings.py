"""A warning that teacher and student may be swapped is printed, once a training."""

import re

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from series import WORDS, language_model, texts, write

from deelish import BatchTrain, InputBatch
from deelish.language.teachers import Average, Teacher


def images(folder, count):
    InputBatch(write_set(folder, "train", count), batch_size=50, crop=1, mirror=False)


def learning(student, teacher):
    def workout(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        return student.backprop(logits, distill=True)

    return workout


def corner(shift):
    """A teacher that predicts the bright corner, or the one `shift` after it."""

    def model(values):
        means = values.reshape(len(values), 2, 4, 2, 4).mean((2, 4)).reshape(len(values), 4)
        return np.roll(means, shift, axis=1)

    facts = {"size": 8, "order": "L", "mean": 0, "scale": 0.05, "crop": 1.0}
    return Teacher(model, name="Guide", **facts)


def warnings(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if "swapped" in line]


def test_a_teacher_worse_than_chance_gives_one_warning(session, tmp_path, capsys):
    images(tmp_path, 250)
    BatchTrain(learning(small(), corner(1)), epochs=3)
    expected = (
        "Guide predicts 0 of 200 images right, which is worse than chance among 4 classes, and"
        " teaches Small; teacher and student may be swapped, or its labels are in another order"
    )
    assert warnings(capsys) == [expected]


def test_of_a_model_of_words_the_tokens_are_counted(session, tmp_path, capsys):
    vocabulary = ["never", "\n", *WORDS]
    lines = write(tmp_path, "train.tsv", texts(250))
    data = InputBatch(lines, tokens="words", vocabulary=vocabulary)
    teacher, student = (language_model(data.sequences, name=name) for name in ("Guide", "Pupil"))
    teacher.untrained.clear()
    bias = teacher.module.weights_of("score").bias
    getattr(bias, "data" if session.engine.name == "torch" else "array")[0] = 100
    once(learning(student, teacher))
    (line,) = warnings(capsys)
    assert re.match(r"Guide predicts 0 of 2\d\d tokens right, which is worse than chance", line)


@pytest.mark.parametrize(("count", "shift"), [(250, 0), (150, 1)])
def test_a_good_teacher_or_few_images_give_no_warning(session, tmp_path, capsys, count, shift):
    images(tmp_path, count)
    once(learning(small(), corner(shift)))
    assert warnings(capsys) == []


def test_labels_of_one_class_give_no_warning(session, tmp_path, capsys):
    known = write_set(tmp_path, "train", 250).read_text().split()[::2]
    (tmp_path / "unknown.txt").write_text("".join(f"{path} 0\n" for path in known))
    InputBatch(tmp_path / "unknown.txt", batch_size=50, crop=1, mirror=False)
    logits = np.array([[0, 5, 0, 0]], np.float32)
    facts = {"size": 8, "order": "L", "mean": 0, "scale": 0.05}
    once(learning(small(), Teacher(lambda values: logits.repeat(len(values), 0), **facts)))
    assert warnings(capsys) == []


def test_a_teacher_with_far_fewer_parameters_gives_one_warning(session, tmp_path, capsys):
    images(tmp_path, 100)
    from deelish import Layer, Network

    facts = {"in_size": 8, "order": "L", "mean": (0.0,), "scale": 1 / 255, "name": "Tiny"}
    tiny = trained(Network([Layer("score", "InnerProduct", num_output=4)], **facts), 1)
    capsys.readouterr()
    BatchTrain(learning(small(), tiny), epochs=2)
    expected = (
        "Tiny has 260 parameters and teaches Small, which has 1,108; teacher and student may be"
        " swapped"
    )
    assert warnings(capsys) == [expected]
    once(learning(tiny, trained(small())))
    assert warnings(capsys) == []


def test_a_teacher_in_training_gives_no_warning(session, tmp_path, capsys):
    right = write_set(tmp_path, "train", 250)
    InputBatch(right, batch_size=50, crop=1, mirror=False)
    student, peer = trained(small()), trained(small())
    follower = Average(student)
    # Both are wrong about all images of the one batch.
    wrong = tmp_path / "wrong.txt"
    lines = [line.split() for line in right.read_text().splitlines()]
    wrong.write_text("".join(f"{path} {(int(label) + 1) % 4}\n" for path, label in lines))
    InputBatch(wrong, batch_size=250, crop=1, mirror=False)

    def workout(x, t):
        logits = student.classify(x), peer.classify(x)
        peer.backprop(t, distill=logits[0])
        return student.backprop(follower.batch_feature(x), distill=True)

    BatchTrain(workout, epochs=1)
    assert warnings(capsys) == []
