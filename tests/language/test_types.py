"""What an editor and mypy see: the names of losses, hints and options, and a script's mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from deelish.distillation.array_losses import ARRAY_LOSSES, OPTIONS, ArrayLossName
from deelish.distillation.configured_loss import COMMON, LossOptions
from deelish.distillation.hints import HINTS, HintName, HintOptions
from deelish.distillation.losses import LOSSES, LossName

ROOT = Path(__file__).resolve().parents[2]


def test_the_names_are_those_of_the_tables():
    assert get_args(LossName) == tuple(LOSSES)
    assert get_args(HintName) == tuple(HINTS)
    assert get_args(ArrayLossName) == tuple(ARRAY_LOSSES)


def test_the_options_are_those_of_all_losses_and_hints():
    assert set(get_type_hints(LossOptions)) == {
        *COMMON,
        *OPTIONS,
        *(o for k in LOSSES.values() for o in k.options),
    }
    assert set(get_type_hints(HintOptions)) == {
        *("student", "teacher", "kind", "weight"),
        *(option for kind in HINTS.values() for option in kind.options),
    }


RIGHT = """
from deelish import CNN, BatchTrain, Compare, InputBatch
from deelish.network.inputs import ImageTensor
from deelish.network.tensors import LabelTensor
from deelish.networks import GoogLeNet, NetworkInNetwork

teacher, student = GoogLeNet("x.caffemodel"), NetworkInNetwork(labels=10)
InputBatch(train="a", val="b", views=4)


def workout(x: ImageTensor, t: LabelTensor) -> tuple[float, float]:
    student.classify(x)
    logits = teacher.batch_feature(x)
    student.backprop(logits, distill=True)
    student.backprop(t, distill=logits, hint=("a", "b"))
    student.backprop(t, distill=logits, hint=dict(student="a", teacher="b", kind="attention"))
    student.backprop(t, distill=logits, loss=lambda s, t: ((s - t) ** 2).mean())
    CNN.backprop(t, distill=logits, weight=lambda epoch: min(1, epoch / 20))
    made = student.backprop(t, distill=logits, loss="kd", temperature=4)
    return made.loss, made.accuracy


BatchTrain(workout, epochs=3, optimizer="sgd", momentum=0.9)
Compare(teacher, student, "data/test.txt")
"""
# Lines of which each has one mistake.
WRONG = (
    'student.backprop(t, distill=logits, loss="kdd")',
    "student.backprop(t, distill=logits, T=4)",
    "student.backprop(t, distill=teacher)",
    'student.backprop(t, distill="kd")',
    'student.backprop(t, distill=logits, hint="hidden")',
    'student.backprop(t, distill=logits, hint=dict(student="a", teacher="b", kind="fitnt"))',
    "GoogLeNet(num_classes=10)",
    "InputBatch()",
    "CNN.clasify()",
)


def test_mypy_passes_a_right_script_and_finds_each_mistake(tmp_path):
    pytest.importorskip("mypy")
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RIGHT.lstrip())
    start = (
        "from deelish import CNN, InputBatch\n"
        "from deelish.networks import GoogLeNet\n"
        "teacher, student, t = GoogLeNet(), GoogLeNet(), [0]\n"
        "logits = teacher.batch_feature()\n"
    )
    wrong.write_text(start + "\n".join(WRONG) + "\n")
    # The cache of `make test`, with which this takes a second.
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"]
    paths = {**os.environ, "MYPYPATH": str(ROOT)}
    made = subprocess.run(
        [*command, right, wrong], cwd=ROOT, env=paths, capture_output=True, text=True, check=False
    )
    found = [line for line in made.stdout.splitlines() if ": error: " in line]
    assert [line for line in found if "right.py" in line] == []
    lines = [int(line.split(":")[1]) for line in found if "wrong.py" in line]
    assert lines == [number + 5 for number in range(len(WRONG))], made.stdout + made.stderr
