"""A teacher that a script changes in the process has another fingerprint, however it is changed."""

import copy
import types

import numpy as np
import pytest
import torch
from models_of_others import PIXELS, Usual
from torch import nn
from torch.nn.utils import parameters_to_vector, prune, vector_to_parameters

from deelish import Deel, Student
from deelish.language.teachers import Teacher


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def by_data(module):
    for value in module.parameters():
        value.data.mul_(0.5)


def by_other_data(module):
    module.score.weight.data = torch.zeros_like(module.score.weight)


def by_vector(module):
    vector = parameters_to_vector(module.parameters()).detach()
    vector_to_parameters(vector * 0.5, module.parameters())


def by_numpy(module):
    """One number of one weight, between those that are looked at for each batch."""
    module.conv.weight.detach().numpy()[2, 1, 1, 1] += 1


def by_half(module):
    module.half().float()


def by_fused_optimizer(module):
    optimizer = torch.optim.AdamW(module.parameters(), 0.1, fused=True)
    module(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()


def by_pruning(module):
    prune.l1_unstructured(module.score, "weight", 0.5)


def by_buffer(module):
    module.bn.running_mean.data[1] += 1


def by_activation(module):
    module.activation = nn.Tanh()


def by_attribute(module):
    module.temperature = 3.0


def by_inner_attribute(module):
    module.conv.stride = (2, 2)


def by_hook(module):
    module.score.register_forward_hook(lambda part, given, made: made * 2)


def by_hook_before(module):
    module.register_forward_pre_hook(lambda part, given: (given[0] * 2,))


def by_forward(module):
    module.forward = types.MethodType(lambda self, x: Usual.forward(self, x) * 2, module)


def by_list(module):
    module.unregistered[0].weight.data.mul_(2)


class Changeable(Usual):
    def __init__(self):
        super().__init__()
        self.activation = nn.ReLU()
        self.temperature = 1.0
        self.unregistered = [nn.Linear(4, 4)]

    def forward(self, x):
        return self.activation(super().forward(x)) / self.temperature


CHANGES = [
    *(by_data, by_other_data, by_vector, by_numpy, by_half, by_fused_optimizer, by_pruning),
    *(by_buffer, by_activation, by_attribute, by_inner_attribute, by_hook, by_hook_before),
    *(by_forward, by_list),
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_a_torch_module_is_seen(change):
    module = Changeable()
    teacher = Teacher(module, **PIXELS)
    before = teacher.fingerprint()
    assert teacher.fingerprint() == teacher.known_fingerprint() == before
    change(module)
    assert teacher.fingerprint() != before


# Those that change nearly all numbers, or which parts there are.
QUICK = [by_data, by_other_data, by_vector, by_half, by_fused_optimizer, by_activation, by_hook]


@pytest.mark.parametrize("change", QUICK)
def test_updates_are_seen_at_the_next_batch(change):
    module = Changeable()
    teacher = Teacher(module, **PIXELS)
    before = teacher.fingerprint()
    change(module)
    assert teacher.known_fingerprint() != before


def test_what_was_changed_back_has_the_first_fingerprint():
    module = Changeable()
    teacher = Teacher(module, **PIXELS)
    before, state = teacher.fingerprint(), copy.deepcopy(module.state_dict())
    by_data(module)
    assert teacher.fingerprint() != before
    module.load_state_dict(state)
    assert teacher.fingerprint() == teacher.known_fingerprint() == before


def test_a_student_that_its_owner_trains_without_deelish():
    student = Student(Usual(), **PIXELS, crop=1)
    before = student.fingerprint()
    by_data(student.module.module)
    assert student.known_fingerprint() != before
    by_numpy(student.module.module)
    seen = student.fingerprint()
    assert seen != before
    assert student.known_fingerprint() == seen


def test_a_student_whose_hook_counts_its_runs_has_none_in_the_end():
    student, runs = Student(Usual(), **PIXELS, crop=1), []
    student.module.module.register_forward_hook(lambda *_: runs.append(1))
    prints = []
    for _ in range(8):
        student.classify(np.zeros((2, 8, 8, 3), np.uint8))
        prints.append(student.fingerprint())
    assert prints[-1] is None
    assert len(set(prints)) <= 6
    assert student.undescribed.startswith("its forward() changes what it holds; give Teacher(")


def test_a_frozen_teacher_never_gives_the_logits_of_weights_that_were_updated():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)
    for change in (by_data, by_other_data, by_half, by_fused_optimizer):
        module = Changeable().eval()
        teacher = Teacher(module, **PIXELS, crop=1)
        for _ in range(2):
            teacher.batch_feature(pixels)
        change(module)
        module.eval()
        fresh = Teacher(copy.deepcopy(module), **PIXELS, crop=1)
        np.testing.assert_allclose(
            teacher.batch_feature(pixels).value, fresh.batch_feature(pixels).value, atol=1e-5
        )
