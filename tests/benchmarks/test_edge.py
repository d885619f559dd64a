"""The memo's Raspberry Pi: memory is really limited, ends are told apart, and values compared."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deelish import Deel, Layer, Network

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
ARM = {name: os.environ.get(f"DEELISH_{name}") for name in ("ARM_ROOT", "ARM_PACKAGES")}
# Programs as those of runtimes, which do what the file's name says.
PROGRAMS = {
    "greedy": "self.held = np.ones(300 * 2**17)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "aborting": "sys.stderr.write('terminate called, what(): std::bad_alloc'); os.abort()",
    "broken": "raise ValueError('no such layer')",
    "slow": "time.sleep(60)",
    "modest": "pass",
}
TEXT = """
import os, signal, sys, time
import numpy as np
class Program:
    def __init__(self, path, threads):
        {does}
    def run(self, values):
        return values.reshape(1, -1)[:, :2]
"""


@pytest.fixture
def part(monkeypatch):
    """A function that gives a module of the benchmark by its name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def limits(part):
    return part("edge_sides.limits")


@pytest.fixture
def job(tmp_path):
    """A function that makes the job of a program of the table above."""
    np.save(tmp_path / "images.npy", np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2))

    def made(name, mib=0):
        (tmp_path / f"{name}.py").write_text(TEXT.format(does=PROGRAMS[name]))
        return {
            "way": "program",
            "arguments": {"folder": str(tmp_path), "name": name, "path": ""},
            "images": str(tmp_path / "images.npy"),
            "logits": str(tmp_path / "logits.npy"),
            "rounds": 1,
            "mib": mib,
        }

    return made


@pytest.fixture
def tiny(tmp_path):
    """A file of a student that every way can load."""
    Deel(seed=3)
    rows = [
        Layer("conv", "Convolution", num_output=6, kernel_size=3, stride=2),
        Layer("relu", "ReLU"),
        Layer("score", "InnerProduct", num_output=5),
        Layer("prob", "Softmax"),
    ]
    return Network(rows, name="Tiny", in_size=16).save(tmp_path / "tiny.safetensors")


def test_memory_is_limited_and_what_was_taken_is_measured(limits, job):
    held = np.ones(500 * 2**17)  # A parent's own memory is not the child's.
    refused = limits.run(job("greedy", mib=200), 60)
    assert (refused.state, refused.reason) == (limits.MEMORY, "out of memory")
    free, modest = limits.run(job("greedy"), 60), limits.run(job("modest", mib=200), 60)
    assert (free.state, modest.state) == (limits.ANSWERED,) * 2
    assert modest.figures["peak_mib"] < 120
    grown = free.figures["peak_mib"] - modest.figures["peak_mib"]
    assert grown == pytest.approx(300, abs=20)
    assert held[-1] == 1


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("killed", "KILLED", "killed by SIGKILL"),
        ("aborting", "MEMORY", "out of memory"),
        ("broken", "OTHER", "ValueError: no such layer"),
        ("slow", "LATE", "over 5 s"),
    ],
)
def test_the_ends_are_told_apart(limits, job, name, state, reason):
    made = limits.run(job(name), 5)
    assert (made.state, made.reason) == (getattr(limits, state), reason)


@pytest.mark.parametrize(
    ("text", "is_memory"),
    [
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 64.0 MiB", True),
        ("cv2.error: (-4:Insufficient memory) Failed to allocate 150994944 bytes", True),
        ("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate", True),
        ("OSError: [Errno 12] Cannot allocate memory", True),
        ("ImportError: libtorch_cpu.so: failed to map segment from shared object", True),
        ("RuntimeError: bad allocation", True),
        ("RuntimeError: can't start new thread", True),
        ("DecodeError: Error parsing message: Arena alloc failed", True),
        ("RuntimeError: Exception from src/core/node.cpp: can't alloc", True),
        ("ValueError: a layer of an unknown kind", False),
    ],
)
def test_what_libraries_say_without_memory_is_known(limits, text, is_memory):
    assert limits.ended(1, text)[0] == (limits.MEMORY if is_memory else limits.OTHER)


def found_of(part, tmp_path, **logits):
    """A network of which a way gives logits [1, 2], and deelish what is given."""
    network = part("edge_sides.measure").Network(
        "net", "Net", "Net", {"files": {".onnx": __file__}, "absent": {}}, tmp_path
    )
    np.save(tmp_path / "net.values.npy", np.arange(1, 13, dtype=np.float32).reshape(1, 3, 2, 2))
    np.save(tmp_path / "net.logits.npy", np.array([logits["expected"]]))
    (tmp_path / "modest.py").write_text(TEXT.format(does="pass"))
    job = ("program", {"folder": str(tmp_path), "name": "modest"})
    return network, part("edge_sides.sides").Way("Modest", ".onnx", job)


class Options:
    rounds, seconds, no_free = 1, 60, False


@pytest.mark.parametrize(
    ("expected", "exact", "right"),
    [
        # The probabilities of logits 1 and 2, which some files end in.
        ([1 / (1 + np.e), np.e / (1 + np.e)], True, True),
        ([5, 6], True, True),
        ([1, 0], True, False),
        ([1, 0], False, True),
    ],
)
def test_float_outputs_are_compared_with_deelishs(part, tmp_path, expected, exact, right):
    network, way = found_of(part, tmp_path, expected=expected)
    made = part("edge_sides.measure").measure(replace(way, exact=exact), network, 200, Options)
    assert (made.limited.state, made.free, made.right) == ("answered", None, right)
    shown = part("edge_sides.table").line("Modest", made, 200)
    assert shown.endswith("yes" if right else "OTHER VALUES than deelish's")


def test_what_fails_is_run_without_a_limit_once_for_all_devices(part, tmp_path, monkeypatch):
    network, way = found_of(part, tmp_path, expected=[0, 1])
    (tmp_path / "modest.py").write_text(TEXT.format(does=PROGRAMS["greedy"]))
    measure, limits, seen = part("edge_sides.measure"), [], []
    run = measure.run
    monkeypatch.setattr(measure, "run", lambda job, *rest: seen.append(job["mib"]) or run(job, 60))
    for mib in (200, 100):
        limits.append(measure.measure(way, network, mib, Options))
    assert seen == [200, 0, 100]
    assert limits[0].free is limits[1].free
    shown = part("edge_sides.table").line("Modest", limits[1], 100)
    assert shown.endswith("no: out of memory *")
    assert f"{limits[0].free.figures['peak_mib']:.0f}" in shown


def test_pages_of_files_beyond_the_memory_are_named(part):
    table, measure = part("edge_sides.table"), part("edge_sides.measure")
    figures = {"cpu_ms": 1.0, "wall_ms": 2.0, "peak_mib": 300.0}
    made = measure.Measured(file=1, limited=measure.Outcome("answered", "", figures))
    assert table.verdict(made, 300) == "yes"
    assert table.verdict(made, 299) == "yes, but mapped files have no room"


def test_what_fails_without_a_limit_too_says_how(part):
    measure = part("edge_sides.measure")
    refused, late = (measure.Outcome(*words, {}) for words in (("memory", "no"), ("late", "5 s")))
    made = measure.Measured(file=10**6, limited=refused, free=late)
    shown = part("edge_sides.table").line("Way", made, 100)
    assert shown.split() == ["Way", "1.0", "no:", "no;", "without", "a", "limit:", "5", "s"]
    made.free = None
    assert part("edge_sides.table").line("Way", made, 100).endswith("1.0  no: no")


def test_missing_packages_and_files_are_named(part):
    ways = part("edge_sides.sides").WAYS
    found = {"absent": {".caffemodel": "a module of PyTorch has no .caffemodel"}}
    assert ways["opencv"].absent(found) == "a module of PyTorch has no .caffemodel"
    nothing = replace(ways["opencv"], packages=("no_such_package",))
    assert nothing.absent(found) == "there is no package no_such_package"


def test_int8_outputs_are_compared_in_steps(part):
    here = np.array([[0, 0.5, 1.5], [2, 0.5, -1]], np.float32)
    there = here + np.array([[0, 0, 0], [0, -1, 1e-8]], np.float32)
    arm = part("edge_sides.arm")
    found = arm.apart(here, there)
    assert found == {"images": 2, "same_classes": 2, "equal": 5 / 6, "steps": 2}
    assert arm.words_of(found).endswith(
        "83.3% of the logits equal, none off by more than 2 steps of int8"
    )
    assert (
        arm.words_of(arm.apart(here, here)) == "2 of 2 images in the same class, all logits equal"
    )


def run(*words):
    command = [sys.executable, str(FOLDER / "edge.py"), "--networks", "nin", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


def check_ways(tiny, ways):
    """Each way answers within the limit, with deelish's values."""
    done = run("--student", tiny, "--rounds", "2", "--json", "--ways", *ways)
    assert done.returncode == 0, done.stderr
    assert "raspberry-pi-3: 824 MiB for a process" in done.stdout
    found = json.loads(done.stdout.splitlines()[-1])["raspberry-pi-3"]["tiny"]
    assert list(found) == list(ways)
    for name, made in found.items():
        if "absent" not in made:
            assert (made["limited"]["state"], made["right"]) == ("answered", True), (name, made)
            assert made["limited"]["cpu_ms"] > 0
    return found


@pytest.mark.long
def test_ways_of_then_and_now_compute_the_same(tiny):
    found = check_ways(tiny, ["opencv", "caffefunction", "chainer", "onnxruntime-int8"])
    assert found.pop("chainer") == {"absent": "an .npz holds no layers, which a class has to"}
    assert not any("absent" in made for made in found.values())


@pytest.mark.long
def test_every_way_computes_the_same(part, tiny):
    check_ways(tiny, list(part("edge_sides.sides").WAYS))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--student", "none.hdf5"], "none.hdf5: there is no such file"),
        (["--qemu", "qemu-aarch64"], "--qemu needs --arm-root and --arm-packages"),
        (
            ["--qemu", "qemu-aarch64", "--arm-root", "none", "--arm-packages", "none"],
            "--arm-root has no usr/bin/python3.13",
        ),
        (["--devices", "pi"], "invalid choice: 'pi'"),
    ],
)
def test_mistakes_on_the_command_line(words, message):
    done = run(*words)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.long
def test_int8_on_arm_gives_the_same_logits(tiny):
    emulator = shutil.which("qemu-aarch64")
    if emulator is None or None in ARM.values():
        pytest.skip("no qemu-aarch64, or DEELISH_ARM_ROOT and DEELISH_ARM_PACKAGES name no Python")
    where = ["--arm-root", ARM["ARM_ROOT"], "--arm-packages", ARM["ARM_PACKAGES"]]
    done = run("--student", tiny, "--qemu", emulator, *where, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["tiny"]
    assert (found["equal"], found["same_classes"]) == (1, found["images"])
