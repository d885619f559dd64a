"""A student learns what a hand-written loop of PyTorch learns from the same batches."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import once
from small_modules import PIXELS, seeded

from deelish import BatchTrain, Student, Teacher

MATRIX = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)

OPTIMIZERS = [
    ("sgd", {"lr": 0.1}),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "nesterov": True}),
    ("adamw", {"lr": 0.003, "weight_decay": 0.5}),
]
KINDS = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}


def by_hand(module, kind, options, batches, distil):
    """Updates of a module, with weight decay on matrices alone, as timm has it."""
    rest = {key: value for key, value in options.items() if key != "weight_decay"}
    decay = options.get("weight_decay", 0)
    matrices = [value for value in module.parameters() if value.dim() > 1]
    others = [value for value in module.parameters() if value.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": decay},
        {"params": others, "weight_decay": 0},
    ]
    optimizer = KINDS[kind](groups, **rest)
    module.train()
    losses = []
    for pixels, labels in batches:
        values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        logits = module(values)
        loss = F.cross_entropy(logits, torch.from_numpy(labels))
        if distil:
            taught = torch.from_numpy(3 * values.mean((2, 3)).numpy() @ MATRIX)
            divergence = F.kl_div(
                F.log_softmax(logits / 2, 1), F.softmax(taught / 2, 1), reduction="batchmean"
            )
            loss = 0.5 * loss + 0.5 * 4 * divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("distil", [False, True])
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
def test_three_updates_are_those_of_a_loop_by_hand(sets, kind, options, distil):
    module = seeded(3)
    twin = copy.deepcopy(module)
    student = Student(module, **PIXELS)
    source = lambda values: 3 * values.mean((2, 3)) @ MATRIX  # noqa: E731
    teacher = Teacher(source, size=8, mean=0, scale=1 / 255, crop=1, labels=4)
    batches, losses = [], []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        if not distil:
            outcome = student.backprop(t)
        else:
            outcome = student.backprop(t, distill=logits, temperature=2)
        batches.append((x.pixels(student.preprocessing).copy(), t.value.copy()))
        losses.append(outcome.loss)
        return outcome

    BatchTrain(workout, epochs=1, optimizer=kind, schedule="constant", warmup=0, **options)
    # The last batch is of the validation, which changes nothing.
    assert len(batches) == 4
    expected = by_hand(twin, kind, options, batches[:3], distil)
    np.testing.assert_allclose(losses[:3], expected, rtol=1e-5)
    for name, value in twin.state_dict().items():
        difference = (module.state_dict()[name].double() - value.double()).abs().max()
        assert difference <= 1e-6, name


def test_an_image_is_given_to_the_module_as_the_preprocessing_says(sets):
    """RGB in NCHW, minus the mean, times the scale."""
    given = []

    class Watching(type(seeded())):
        def forward(self, x):
            given.append(x.detach().clone())
            return super().forward(x)

    student = Student(Watching(), size=8, crop=1, mean=(1, 2, 3), scale=(0.1, 0.2, 0.3))
    seen = []

    def workout(x, t):
        student.classify(x)
        seen.append((x.pixels(student.preprocessing), given[-1].numpy()))
        return student.backprop(t)

    once(workout)
    for pixels, values in seen:
        expected = (pixels - np.array([1, 2, 3.0])) * np.array([0.1, 0.2, 0.3])
        np.testing.assert_allclose(values, expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-5)
