"""Which layers exist: phase, level and stages against include and exclude rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deelish.formats.caffe.read import CaffeLayer, read_definition


def layer(**rules: Any) -> CaffeLayer:
    return CaffeLayer(
        "x", "ReLU", (), (), rules.get("include", []), rules.get("exclude", []), {}, []
    )


@pytest.mark.parametrize(
    ("rule", "phase", "level", "stages", "met"),
    [
        ({}, "TEST", 3, ["a"], True),
        ({"phase": "TRAIN"}, "TRAIN", 0, [], True),
        ({"phase": "TRAIN"}, "TEST", 0, [], False),
        ({"min_level": 2}, "TEST", 1, [], False),
        ({"min_level": 2}, "TEST", 2, [], True),
        ({"max_level": 2}, "TEST", 2, [], True),
        ({"max_level": 2}, "TEST", 3, [], False),
        ({"max_level": -1}, "TEST", 0, [], False),
        ({"min_level": -2, "max_level": -1}, "TEST", -2, [], True),
        ({"stage": ["a"]}, "TEST", 0, [], False),
        ({"stage": ["a"]}, "TEST", 0, ["b", "a"], True),
        ({"stage": ["a", "b"]}, "TEST", 0, ["a"], False),
        ({"stage": ["a", "b"]}, "TEST", 0, ["a", "b", "c"], True),
        ({"not_stage": ["a", "b"]}, "TEST", 0, ["b"], False),
        ({"not_stage": ["a", "b"]}, "TEST", 0, ["c"], True),
        ({"stage": ["a"], "not_stage": ["b"]}, "TEST", 0, ["a", "b"], False),
        ({"phase": "TEST", "stage": ["a"]}, "TRAIN", 0, ["a"], False),
    ],
)
def test_one_rule(
    rule: dict[str, Any], phase: str, level: int, stages: list[str], met: bool
) -> None:
    assert layer(include=[rule]).runs_in(phase, level, stages) is met
    assert layer(exclude=[rule]).runs_in(phase, level, stages) is not met


def test_any_of_several_rules_counts() -> None:
    rules = [{"phase": "TRAIN"}, {"stage": ["deploy"]}]
    assert layer(include=rules).runs_in("TRAIN")
    assert layer(include=rules).runs_in("TEST", stages=["deploy"])
    assert not layer(include=rules).runs_in("TEST")
    assert not layer(exclude=rules).runs_in("TRAIN")
    assert layer(exclude=rules).runs_in("TEST")


def test_a_layer_without_rules_always_exists() -> None:
    assert layer().runs_in("TRAIN", -5, ["a"])


def test_caffe_kept_the_same_layers(material: Path) -> None:
    folder = material / "caffe-golden" / "phase_rules"
    net = read_definition(folder / "net.prototxt")
    kept = [[row.name, row.type] for row in net.layers if row.runs_in("TEST", *net.state)]
    layers = json.loads((folder / "meta.json").read_text())["layers"]
    assert kept == [row for row in layers if row[1] != "Split"]
    assert len(kept) < len(net.layers)


def test_the_nets_own_state(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        'state { phase: TEST level: 2 stage: "a" stage: "b" }\n'
        'layer { name: "x" type: "ReLU" include { min_level: 2 stage: "b" } }'
    )
    net = read_definition(path)
    assert net.state == (2, ("a", "b"))
    assert net.layers[0].runs_in("TEST", *net.state)
    assert not net.layers[0].runs_in("TEST")
