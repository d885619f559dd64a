"""Where the session chooses, a student of depthwise convolutions computes in float32."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deelish import Deel, Student
from deelish.engines.precision import processor_has_bfloat16

PIXELS = {"size": 16, "mean": 127.5, "scale": 1 / 127.5}


class Watched(nn.Module):
    """Notes the type that its convolution computes in."""

    def __init__(self, groups):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.conv = nn.Conv2d(8, 8, 3, groups=groups)
        self.norm = nn.BatchNorm2d(8)
        self.score = nn.Linear(8, 4)
        self.types = []

    def forward(self, images):
        maps = self.conv(self.first(images))
        self.types.append(maps.dtype)
        return self.score(self.norm(maps).mean((2, 3)))


def trained_type(precision, groups):
    with Deel(precision=precision) as session:
        module = Watched(groups)
        student = Student(module, **PIXELS)
        values = {student.data_blob: torch.zeros(2, 3, 16, 16)}
        blobs = [student.logits_blob]
        made = session.engine.run(student.module, values, blobs, training=True, reduced=True)
        assert made[student.logits_blob].dtype == torch.float32
    return module.types[-1]


@pytest.mark.skipif(not processor_has_bfloat16(), reason="this processor has no bfloat16")
def test_the_session_chooses_float32_for_depthwise_convolutions(capsys):
    assert trained_type("auto", groups=1) == torch.bfloat16
    assert "computes in float32" not in capsys.readouterr().out
    assert trained_type("auto", groups=8) == torch.float32
    assert "Watched: computes in float32" in capsys.readouterr().out


def test_a_precision_that_is_named_holds():
    assert trained_type("bfloat16", groups=8) == torch.bfloat16
    assert trained_type("float32", groups=1) == torch.float32
