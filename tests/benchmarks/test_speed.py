"""The speed table: its sides do the same work, and its last line holds the ratios."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deelish import *
from deelish.plan import Plan

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
BATCH, SIZE = 2, 64


@pytest.fixture
def part(monkeypatch):
    """A function that gives a module of the benchmark by its name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return lambda name: importlib.import_module(f"speed.{name}")


@pytest.fixture
def setting(part, tmp_path, monkeypatch):
    """A small run, whose networks and images are written."""
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    sizes = {"googlenet": SIZE, "nin": SIZE}
    made = part("setting").Setting(BATCH, 1, 0, tmp_path, sizes)
    with Deel():
        part("models").Models(made)
        part("files").Files(made)
        yield made


@pytest.mark.long
def test_every_side_does_its_work(part, setting, monkeypatch):
    # It takes half a minute for each network, and needs a compiler.
    monkeypatch.setattr(torch, "compile", lambda network: network)
    absent = part("work").Absent
    for row in part("rows").ROWS.values():
        for side in row.sides:
            module, name = side.job.split(":")
            if name == "OpenVINO":
                # It ends a process in which torch has computed.
                (found,) = part("sides").measure([side], setting, 1).values()
                assert found.rates or "no package" in found.absent, found
                continue
            try:
                work = getattr(part(module), name)(setting, **side.options)
            except (absent, ModuleNotFoundError):
                continue
            images, seconds = work.round()
            assert images in (BATCH, 8 * BATCH), side
            assert seconds > 0


@pytest.mark.parametrize(("name", "size"), [("googlenet", 224), ("nin", 227), ("nin", SIZE)])
def test_the_plain_networks_give_the_logits_of_deelishs(part, tmp_path, name, size):
    with Deel(seed=1, precision="float32"):
        ours = part("models").made(name, size)
        path = ours.save(tmp_path / "network.safetensors")
        x = np.random.default_rng(0).normal(0, 70, (1, 3, size, size)).astype(np.float32)
        (expected,) = ours.run({"data": x}, ours.plan.logits).values()
    with torch.no_grad():
        logits = part("plain").load(name, size, path).eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(logits, expected.reshape(1, 1000), atol=1e-4)


@pytest.mark.parametrize(
    "options", [{}, pytest.param({"teacher": "googlenet"}, marks=pytest.mark.long)]
)
def test_a_step_moves_the_weights_equally_on_all_sides(part, setting, options, monkeypatch):
    without_dropout(part, setting)
    start = first_filters(Network.load(setting.file("nin", ".safetensors")).module)

    def moved(job, network_of, **more):
        work = part(job).Train(setting, "nin", **options, **more)
        work.step()
        return first_filters(network_of(work)) - start

    def student(work):
        return work.networks[0].module

    ours = moved("ours", student, precision="float32")
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    close(moved("by_torch", lambda work: work.network), ours)
    close(moved("by_expert", lambda work: work.network, precision="float32"), ours)
    if options:
        close(moved("by_hand", lambda work: work.student), moved("ours", student))


def first_filters(module):
    return module.conv1.weight.detach().numpy().copy()


def without_dropout(part, setting):
    """Write the student again, without dropout, so that a step draws nothing."""
    plan = part("models").made("nin", SIZE).plan
    rows = [layer for layer in plan.layers if layer.type != "Dropout"]
    student = Network(
        Plan(rows, plan.inputs), in_size=SIZE, order="BGR", mean=(104, 117, 123), scale=1
    )
    student.save(setting.file("nin", ".safetensors"))


def close(one, other):
    largest = float(abs(other).max())
    assert largest > 0
    assert float(abs(one - other).max()) <= 1e-3 * largest


def test_the_ratios_are_medians_over_pairs_of_rounds(part):
    table, found = part("table"), part("sides").Found
    rounds = {"deelish": [20.0, 30.0, 40.0], "PyTorch": [10.0, 10.0, 10.0]}
    rounds["PyTorch, expert"] = [10.0, 20.0, 16.0]
    rounds["deelish, teacher by OpenVINO"] = [30.0, 80.0, 24.0]
    sides = {name: found("bfloat16", rates=rates) for name, rates in rounds.items()}
    sides["deelish on Chainer"] = found(absent="there is no package chainer")
    sides["by hand, deelish's modules"] = found("bfloat16", rates=[20.4, 30.6, 40.8])
    waited = [{"waited": waited} for waited in (0.5, 0.1, 0.2, 0.3)]
    epoch = {"deelish": found("bfloat16", rates=[1.0], notes=waited)}
    ratios = table.ratios({"distill": sides, "epoch": epoch}, None, None)
    assert ratios.pop("distill_vs_plain") == 3
    assert ratios.pop("distill_vs_expert") == 2
    assert ratios.pop("distill_by_openvino_vs_expert") == 3
    assert ratios.pop("overhead") == pytest.approx(0.02)
    assert ratios.pop("jpeg_wait_first") == 0.5
    assert ratios.pop("jpeg_wait_later") == 0.2
    assert set(ratios.values()) == {None}


@pytest.mark.long
def test_it_runs_and_ends_in_one_object():
    script = [sys.executable, str(FOLDER / "speed.py"), "--rows", "decode", "--json"]
    small = ["--rounds", "1", "--batch", "2", "--threads", "1", "--seconds", "0", "--size", "64"]
    done = subprocess.run([*script, *small], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ratios = json.loads(done.stdout.splitlines()[-1])
    assert ratios.pop("decode_per_core") > 0
    # torch and Pillow round otherwise.
    assert ratios.pop("decode_worst_pixel") <= 1
    assert len(ratios) == 14
    assert set(ratios.values()) == {None}
