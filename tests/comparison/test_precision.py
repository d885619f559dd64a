"""What is compared is computed in one type, whatever training and teachers compute in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comparison.corners import LABELS, by_hand, known, listed, softmax
from helpers import small

from deelish import Average, Compare, Deel, Ensemble, Teacher
from deelish.engines.torch import engine as torch_engine


class Wide(torch.nn.Module):
    """Logits that bfloat16 rounds visibly, with a note of the type that each call computed in."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(64, 4)
        self.types = set()

    def forward(self, x):
        made = self.linear(x.flatten(1))
        self.types.add(made.dtype)
        return made


def foreign(module):
    pixels = {"size": 8, "order": "L", "mean": 0, "scale": 1 / 255, "crop": 224 / 256}
    return Teacher(module, labels=LABELS, name="Foreign", crop_mode="squash", **pixels)


@pytest.fixture
def reduced(monkeypatch):
    """A session on a processor whose teachers compute in bfloat16."""
    monkeypatch.setattr(torch_engine, "processor_has_bfloat16", lambda: True)
    with Deel(seed=1, precision="auto") as deel:
        assert deel.engine.autocast_dtype == "bfloat16"
        yield deel


def made_of(kind, student):
    module = Wide()
    teachers = {
        "module": lambda: foreign(module),
        "network": lambda: Teacher(known(small("Inner", labels=LABELS))),
        "ensemble": lambda: Ensemble(foreign(module), known(small("Second", labels=LABELS))),
        "average": lambda: Average(student),
    }
    return teachers[kind](), module


@pytest.mark.parametrize("kind", ["module", "network", "ensemble", "average"])
def test_a_teacher_of_any_kind_is_measured_in_float32(reduced, sets, kind):
    student = known(small("Student", labels=LABELS))
    teacher, module = made_of(kind, student)
    report = Compare(teacher, student, sets[0])
    assert {report[key]["kind"] for key in ("teacher", "student")} == {"float32"}
    assert module.types <= {torch.float32}
    assert any("of all networks in float32" in note for note in report.notes)


def test_the_divergence_is_that_of_float32(reduced, sets):
    module, student = Wide(), known(small("Student", labels=LABELS))
    report = Compare(foreign(module), student, sets[0])
    p = softmax(exact(module, student, sets))
    q = softmax(by_hand(student, listed(sets[0])[0]))
    expected = (p * np.log(p / q)).sum(1).mean()
    assert report["student"]["kl"] == pytest.approx(expected, rel=1e-5)


def exact(module, student, sets):
    """The module's logits for the pixels that the student sees, in float64."""
    found = []
    for path in listed(sets[0])[0]:
        pixels = student.Input(str(path)).pixels(student.preprocessing)
        values = torch.from_numpy(student.preprocessing.apply(pixels)).double()
        linear = module.linear
        made = values.flatten(1) @ linear.weight.double().T + linear.bias.double()
        found.append(made.detach().numpy())
    return np.concatenate(found)


def test_a_precision_that_the_session_names_holds_for_all_and_is_reported(sets):
    with Deel(seed=1, precision="bfloat16"):
        student = known(small("Student", labels=LABELS))
        module = Wide()
        report = Compare(foreign(module), student, sets[0])
    assert {report[key]["kind"] for key in ("teacher", "student")} == {"bfloat16"}
    assert torch.bfloat16 in module.types
    assert any("of all networks in bfloat16" in note for note in report.notes)


def test_a_module_of_another_type_is_named(sets):
    with Deel(seed=1):
        student = known(small("Student", labels=LABELS))
        report = Compare(foreign(Wide().bfloat16()), student, sets[0])
    assert report["teacher"]["kind"] == "bfloat16"
    words = "Foreign in bfloat16, Student in float32, so that part of each difference is rounding"
    assert any(words in note for note in report.notes)
