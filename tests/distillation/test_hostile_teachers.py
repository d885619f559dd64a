"""A model that fails a check is refused in one sentence, at the first batch or a later one."""

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


def logits_of(source, count=6):
    return Teacher(source, **WHOLE).batch_feature(eights(count)).value


@pytest.mark.parametrize("model", [TrainsItself, MovesItsStatistics, WritesBehindTheCounter])
def test_a_model_that_changes_in_inference_is_refused(model):
    with pytest.raises(
        TrainingError,
        match=f"^{model.__name__}: its weights or running statistics changed during inference",
    ):
        logits_of(model())


def test_a_model_that_trains_itself_later_is_refused_then():
    module = TrainsItself()
    teacher = Teacher(module, **WHOLE)
    module.forward = lambda x: Usual.forward(module, x)
    teacher.batch_feature(eights())
    del module.forward
    with pytest.raises(TrainingError, match="changed during inference"):
        teacher.batch_feature(eights())


def test_a_model_that_leaves_evaluation_mode_is_refused():
    with pytest.raises(TrainingError, match="FlipsItself: gives one image two different outputs"):
        logits_of(FlipsItself(), 1)
    with pytest.raises(
        TrainingError, match=r"StaysInTraining: eval\(\) leaves the module in train"
    ):
        logits_of(StaysInTraining().train())


def test_a_model_whose_logits_depend_on_the_other_images_is_refused():
    with pytest.raises(
        TrainingError, match="two different outputs, once among 6 and once alone; take"
    ):
        logits_of(LooksAtTheBatch())


def test_a_random_function_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(TrainingError, match="gives one image two different outputs"):
        logits_of(lambda values: rng.normal(size=(len(values), 4)))


def test_logits_with_a_gradient_are_refused():
    with pytest.raises(TrainingError, match="its output has a gradient, though it ran without"):
        logits_of(KeepsGradients())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda logits: {"logits": logits, "loss": None},
        lambda logits: SimpleNamespace(logits=logits),
        lambda logits: logits[:, :, None, None],
    ],
)
def test_logits_inside_a_models_output_are_found(wrap):
    np.testing.assert_array_equal(logits_of(Returns(wrap)), logits_of(Usual()))


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
            r"its output for 6 images is \(6,\), where logits \(6, classes\) are needed",
        ),
        (lambda y: y[:, :, None].repeat(1, 1, 7), r"its output for 6 images is \(6, 4, 7\)"),
        (lambda y: y[:5], r"its output for 6 images is \(5, 4\)"),
        (lambda y: y * float("nan"), "its output holds NaN or infinity, where finite logits"),
        (lambda y: y[:, : len(y)], "gives 4 logits an image for a batch and 1 for its first image"),
    ],
)
def test_an_output_that_is_not_logits_is_refused(wrap, message):
    with pytest.raises(TrainingError, match="^Returns: " + message):
        logits_of(Returns(wrap))


def test_logits_that_become_infinite_later_are_refused_then():
    module = Usual()
    teacher = Teacher(module, **WHOLE)
    teacher.batch_feature(eights())
    with torch.no_grad():
        module.score.bias[0] = float("inf")
    with pytest.raises(TrainingError, match="its output holds NaN or infinity"):
        teacher.batch_feature(eights())


@pytest.mark.parametrize("made", [["a"], [[1, 2]] * 6, np.ones((6, 4), int)])
def test_a_function_must_return_floats(made):
    with pytest.raises(TrainingError, match=r"returned a list|numbers of int64, where finite"):
        logits_of(lambda values: made)


def test_a_model_that_fails_is_refused_in_one_sentence():
    module = nn.Sequential(nn.Flatten(), nn.Linear(10, 4))
    with pytest.raises(
        TrainingError,
        match=r"^Sequential: the torch module fails on images \(6, 3, 8, 8\) \(.*10x4",
    ) as caught:
        logits_of(module)
    assert "\n" not in str(caught.value)


def test_an_uninitialised_module_is_refused():
    with pytest.raises(TrainingError, match=r"Sequential: 0\.weight.* has no shape yet; load its"):
        Teacher(nn.Sequential(nn.LazyLinear(4)), **WHOLE)


def test_an_uninitialised_chainer_link_is_refused(chainer):
    with pytest.raises(TrainingError, match="Linear: /W holds no array yet; load its weights"):
        Teacher(chainer.links.Linear(4), **WHOLE)


def distil(tmp_path, teacher_for):
    """One epoch of a student with the teacher that `teacher_for` makes for it."""
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)
    student = small()
    teacher = teacher_for(student)

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    return once(workout)


def test_probabilities_are_refused(tmp_path):
    module = Returns(lambda logits: logits.softmax(1))
    with pytest.raises(TrainingError, match="the output of Returns is probabilities, since its"):
        distil(tmp_path, lambda student: Teacher(module, **WHOLE))


def test_a_student_cannot_teach_itself(tmp_path):
    with pytest.raises(TrainingError, match="the student's own logits were given as the teacher's"):
        distil(tmp_path, Teacher)


def test_an_untrained_network_cannot_teach(tmp_path):
    with pytest.raises(TrainingError, match="the teacher Raw was never loaded nor trained; give"):
        distil(tmp_path, lambda student: Teacher(small("Raw")))


def test_in_training_a_teacher_gives_logits_by_batch_feature(tmp_path):
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16)
    teacher = Teacher(Usual(), **WHOLE)
    with pytest.raises(
        TrainingError, match=r"Usual: is a teacher .* logits = teacher\.batch_feature"
    ):
        once(lambda x, t: teacher.classify(x))
