"""Models that cannot teach are refused in a sentence, at their first batch or one they spoil."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import once, small, write_set
from models_of_others import (
    PIXELS,
    FlipsItself,
    KeepsGradients,
    LooksAtTheBatch,
    MovesItsStatistics,
    Returns,
    StaysInTraining,
    TrainsItself,
    Usual,
    WritesBehindTheCounter,
    eights,
)
from torch import nn

from deelish import Deel, InputBatch
from deelish.errors import TrainingError
from deelish.language.teachers import Teacher

WHOLE = {**PIXELS, "crop": 1.0}


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def answer(source, count=6):
    return Teacher(source, **WHOLE).batch_feature(eights(count)).value


@pytest.mark.parametrize("model", [TrainsItself, MovesItsStatistics, WritesBehindTheCounter])
def test_a_model_that_changes_while_it_answers_is_refused(model):
    with pytest.raises(
        TrainingError,
        match=f"^{model.__name__}: its weights or running statistics changed during inference",
    ):
        answer(model())


def test_a_model_that_begins_to_train_itself_later_is_refused_then():
    module = TrainsItself()
    teacher = Teacher(module, **WHOLE)
    module.forward = lambda x: Usual.forward(module, x)
    teacher.batch_feature(eights())
    del module.forward
    with pytest.raises(TrainingError, match="changed during inference"):
        teacher.batch_feature(eights())


def test_a_model_that_leaves_test_mode_is_refused():
    with pytest.raises(TrainingError, match="FlipsItself: answered the same image in two ways"):
        answer(FlipsItself(), 1)
    with pytest.raises(
        TrainingError, match=r"StaysInTraining: eval\(\) leaves the module in train"
    ):
        answer(StaysInTraining().train())


def test_a_model_whose_answer_hangs_on_the_other_images_is_refused():
    with pytest.raises(TrainingError, match="two ways, once among 6 and once alone; take out what"):
        answer(LooksAtTheBatch())


def test_a_function_that_draws_by_chance_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(TrainingError, match="answered the same image in two ways"):
        answer(lambda values: rng.normal(size=(len(values), 4)))


def test_an_answer_with_a_gradient_is_refused():
    with pytest.raises(TrainingError, match="its output has a gradient, though it ran without"):
        answer(KeepsGradients())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: {"logits": logits, "loss": None},
        lambda logits: SimpleNamespace(logits=logits),
        lambda logits: logits[:, :, None, None],
    ],
)
def test_logits_inside_of_what_a_model_returns_are_found(wrap):
    np.testing.assert_array_equal(answer(Returns(wrap)), answer(Usual()))


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (
            lambda y: (y, y),
            r"returned a tuple of 2 \(Tensor \(6, 4\), Tensor \(6, 4\)\), where one",
        ),
        (lambda y: {"scores": y}, "returned a dict of scores, where one array of logits"),
        (lambda y: None, "returned NoneType, where one array of logits"),
        (
            lambda y: y.sum(1),
            r"answered \(6,\) to 6 images, where logits \(6, classes\) are wanted",
        ),
        (lambda y: y[:, :, None].repeat(1, 1, 7), r"answered \(6, 4, 7\) to 6 images"),
        (lambda y: y[:5], r"answered \(5, 4\) to 6 images"),
        (lambda y: y * float("nan"), "answered with NaN or infinity, where finite logits"),
        (lambda y: y[:, : len(y)], "answered 4 classes to a batch and 1 to its first image"),
    ],
)
def test_what_is_not_logits_is_refused(wrap, message):
    with pytest.raises(TrainingError, match="^Returns: " + message):
        answer(Returns(wrap))


def test_numbers_that_spoil_later_are_refused_then():
    module = Usual()
    teacher = Teacher(module, **WHOLE)
    teacher.batch_feature(eights())
    with torch.no_grad():
        module.score.bias[0] = float("inf")
    with pytest.raises(TrainingError, match="answered with NaN or infinity"):
        teacher.batch_feature(eights())


@pytest.mark.parametrize("made", [["a"], [[1, 2]] * 6, np.ones((6, 4), int)])
def test_what_a_function_returns_must_be_floats(made):
    with pytest.raises(TrainingError, match=r"returned a list|numbers of int64, where finite"):
        answer(lambda values: made)


def test_a_model_that_fails_is_refused_in_one_sentence():
    module = nn.Sequential(nn.Flatten(), nn.Linear(10, 4))
    with pytest.raises(
        TrainingError,
        match=r"^Sequential: the torch module fails on images \(6, 3, 8, 8\) \(.*10x4",
    ) as caught:
        answer(module)
    assert "\n" not in str(caught.value)


def test_a_module_without_weights_yet_is_refused():
    with pytest.raises(TrainingError, match=r"Sequential: 0\.weight.* has no shape yet; load its"):
        Teacher(nn.Sequential(nn.LazyLinear(4)), **WHOLE)


def test_a_chainer_link_without_weights_yet_is_refused(chainer):
    with pytest.raises(TrainingError, match="Linear: /W holds no array yet; load its weights"):
        Teacher(chainer.links.Linear(4), **WHOLE)


def lesson(tmp_path, made):
    """One epoch of a student with what `made` gives for it as its teacher."""
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)
    student = small()
    teacher = made(student)

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    return once(workout)


def test_probabilities_do_not_teach(tmp_path):
    module = Returns(lambda logits: logits.softmax(1))
    with pytest.raises(TrainingError, match="the output of Returns is probabilities, since its"):
        lesson(tmp_path, lambda student: Teacher(module, **WHOLE))


def test_a_student_does_not_teach_itself(tmp_path):
    with pytest.raises(TrainingError, match="the student's own logits were given as the teacher's"):
        lesson(tmp_path, Teacher)


def test_a_network_that_was_never_trained_does_not_teach(tmp_path):
    with pytest.raises(TrainingError, match="the teacher Raw was never loaded nor trained; give"):
        lesson(tmp_path, lambda student: Teacher(small("Raw")))


def test_in_training_a_teacher_is_asked_by_batch_feature(tmp_path):
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16)
    teacher = Teacher(Usual(), **WHOLE)
    with pytest.raises(
        TrainingError, match=r"Usual: is a teacher .* logits = teacher\.batch_feature"
    ):
        once(lambda x, t: teacher.classify(x))
