"""A teacher that changes between epochs: its logits are computed again, and no others are used."""

import copy

import numpy as np
import pytest
from helpers import write_set
from models_of_others import PIXELS, Usual
from torch import nn

from deelish import BatchTrain, Deel, InputBatch, Layer, Network, Teacher
from deelish.distillation.teacher_cache.folder import logits_files

pytestmark = pytest.mark.usefixtures("folder")
ROUNDED = {"rtol": 2**-10, "atol": 1e-3}


def some_numbers(module):
    """Between those that are looked at for each batch."""
    module.score.weight.detach().numpy()[1, 6:40] += 8


def all_numbers(module):
    for value in module.parameters():
        value.data.mul_(1.5)


def activation(module):
    module.drop = nn.Tanh()


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 16)


def pupil():
    rows = [Layer("score", "InnerProduct", num_output=4)]
    return Network(rows, in_size=8, order="L", mean=(0.0,), name="Pupil")


def exact(module, x):
    """The logits of a copy, which was looked at never before."""
    return Teacher(copy.deepcopy(module), **PIXELS).logits(x).numpy()


@pytest.mark.parametrize("change", [some_numbers, all_numbers, activation])
@pytest.mark.parametrize("views", [1, None])
def test_a_teacher_that_changes_after_an_epoch_is_computed_again(change, views, images):
    with Deel(seed=1):
        module, student = Usual(), pupil()
        teacher = Teacher(module, **PIXELS)
        InputBatch(images, batch_size=16, views=views)

        def workout(x, t):
            logits = teacher.batch_feature(x)
            np.testing.assert_allclose(logits.value, exact(module, x), **ROUNDED)
            student.classify(x)
            return student.backprop(t, distill=logits)

        BatchTrain(workout, checkout=lambda: change(module), epochs=3)


def test_an_update_within_an_epoch_is_seen_at_the_next_batch(images, folder):
    with Deel(seed=1):
        module, student = Usual(), pupil()
        teacher = Teacher(module, **PIXELS)
        InputBatch(images, batch_size=4, views=1)

        def workout(x, t):
            logits = teacher.batch_feature(x)
            np.testing.assert_allclose(logits.value, exact(module, x), **ROUNDED)
            student.classify(x)
            all_numbers(module)
            return student.backprop(t, distill=logits)

        BatchTrain(workout, epochs=1)
    assert [file.count for file in logits_files(folder)] == [4] * 4


def test_what_a_changed_teacher_made_is_not_given_to_a_later_session(images):
    def run(module, change=None):
        made = []
        with Deel(seed=1):
            teacher, student = Teacher(module, **PIXELS), pupil()
            InputBatch(images, batch_size=16, views=1)

            def workout(x, t):
                logits = teacher.batch_feature(x)
                made.append((logits.value, exact(module, x)))
                student.classify(x)
                return student.backprop(t, distill=logits)

            BatchTrain(workout, checkout=change, epochs=2)
        return made

    module = Usual()
    run(module, change=lambda: some_numbers(module))
    for logits, right in run(Usual()):
        np.testing.assert_allclose(logits, right, **ROUNDED)


class Counting(Usual):
    runs = 0

    def forward(self, x):
        self.runs = self.runs + 1
        return super().forward(x) + self.runs // 1000


def test_a_teacher_that_cannot_be_described_is_computed_each_time_and_named(images, folder, capsys):
    with Deel(seed=1):
        module, student = Counting(), pupil()
        teacher = Teacher(module, **PIXELS)
        InputBatch(images, batch_size=8, views=1)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t, distill=teacher.batch_feature(x))

        BatchTrain(workout, epochs=2)
    printed = capsys.readouterr().out
    assert logits_files(folder) == []
    assert printed.count("Counting: its logits are not cached, since its forward() changes") == 1
    assert "key=" in printed


def test_with_a_key_they_are_cached(images, folder):
    with Deel(seed=1):
        module, student = Counting(), pupil()
        teacher = Teacher(module, **PIXELS, key="v1")
        InputBatch(images, batch_size=8, views=1)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t, distill=teacher.batch_feature(x))

        BatchTrain(workout, epochs=2)
        assert module.runs == 4, "a grey image, two batches, and the first image alone"
    assert [file.count for file in logits_files(folder)] == [16]
