"""`Student(fits=...)`: which candidates are measured, which one is taken, and what is refused."""

import re
import sys

import numpy as np
import pytest
from small_modules import PIXELS, seeded

from deelish import Ensemble, Network, Student, Teacher
from deelish.comparison.bench.measuring import unmade_row
from deelish.comparison.choice import choose
from deelish.comparison.choice.candidates import CANDIDATES
from deelish.engines.torch.learning import TorchLearningModel
from deelish.errors import DataError, DeelishError, MissingPackageError, UsageError

timm = pytest.importorskip("timm", reason="the candidates are models of timm")

NAMES = [candidate.name for candidate in CANDIDATES]
MB = 10**6
REFERENCE_MS = 10.0
MADE = {}
PI3 = {"fits": "raspberry-pi-3", "milliseconds": 30}


@pytest.fixture(autouse=True)
def in_session(session):
    return session


@pytest.fixture
def teacher():
    colours = np.random.default_rng(0).normal(size=(3, 4))
    return Teacher(
        lambda batch: batch.mean((2, 3)) @ colours,
        name="Colours",
        size=64,
        order="BGR",
        mean=[104, 117, 123],
        scale=0.5,
        labels=["a", "b", "c", "d"],
    )


@pytest.fixture
def measured(monkeypatch):
    """A table of (CPU ms, MB) by name, in place of a measurement; `seen` names what was asked."""
    table, seen = dict.fromkeys(NAMES, (REFERENCE_MS, 100)), []

    def fake(file, threads):
        assert threads == 1
        seen.append(file.model)
        reference = file.path.stem == "reference"
        row = dict.fromkeys(("busy", "missing")) | {"file_bytes": MB}
        row["cpu_ms"], memory = (REFERENCE_MS, 100) if reference else table[file.model]
        return row | {"memory_bytes": memory * MB}

    def remembered(*given):
        # Nine models take seconds, and nothing changes them.
        if repr(given) not in MADE:
            MADE[repr(given)] = make(*given)
        return MADE[repr(given)]

    make = choose.made
    monkeypatch.setattr(choose, "measured", fake)
    monkeypatch.setattr(choose, "made", remembered)
    monkeypatch.setattr(TorchLearningModel, "onnx", lambda self, values: b"")
    table["seen"] = seen
    return table


def lines_of(capsys):
    """The lines of the table by name, without "timm/"."""
    found = re.findall(r"^timm/(\S+) +(.+)$", capsys.readouterr().out, re.MULTILINE)
    return dict(found)


def test_the_most_accurate_that_fits_is_taken_with_what_the_teacher_takes(
    teacher, measured, capsys
):
    # 30 ms are published for the reference, which takes 10 here.
    measured["timm/mobilenetv4_conv_medium"] = (10.1, 100)
    measured["timm/mobilenetv2_120d"] = (9.9, 537)
    student = Student(**PI3, teacher=teacher)
    lines = lines_of(capsys)
    assert lines["mobilenetv4_conv_medium"].endswith("10.1     30.3  too slow")
    # Half of 1 GiB is 536.9 MB.
    assert lines["mobilenetv2_120d"].endswith("9.9     29.7  too large")
    assert lines["mobilenetv2_140"].endswith("10.0     30.0  fits")
    assert student.name == "mobilenetv2_140"
    assert student.labels == ["a", "b", "c", "d"]
    assert student.preprocessing == teacher.preprocessing
    assert student.made_by["name"] == "mobilenetv2_140"
    assert lines["efficientnet_lite0"].endswith("-        -  less accurate")
    assert list(lines) == [name.removeprefix("timm/") for name in NAMES]


def test_of_about_equally_accurate_ones_the_fastest_is_taken(teacher, measured, capsys):
    for name in NAMES[:3]:
        measured[name] = (20, 100)
    measured["timm/efficientnet_lite0"] = (9, 100)
    measured["timm/mobilenetv2_110d"] = (8, 100)
    student = Student(**PI3, teacher=teacher)
    assert student.name == "mobilenetv2_110d"
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "takes timm/mobilenetv2_110d: the fastest within 0.5 points of the most accurate that fits"
        " raspberry-pi-3 in 30 ms"
    ) in said
    assert "takes 30 ms in int8 on a Raspberry Pi 3B+" in said
    assert "nothing ran on raspberry-pi-3" in said


def test_the_reference_is_measured_before_and_after_each(teacher, measured):
    Student(**PI3, teacher=teacher)
    reference = "timm/mobilenetv2_100"
    assert measured["seen"] == [reference, NAMES[0], reference]


def test_a_machine_that_slows_down_does_not_change_the_guess(
    teacher, measured, monkeypatch, capsys
):
    fake, speed = choose.measured, iter([1, 1.5, 2, 1.0, 1.0])

    def slower(file, threads):
        row = fake(file, threads)
        return {**row, "cpu_ms": row["cpu_ms"] * next(speed)}

    monkeypatch.setattr(choose, "measured", slower)
    Student(**PI3, teacher=teacher)
    assert lines_of(capsys)["mobilenetv4_conv_medium"].endswith("15.0     30.0  fits")


def test_without_milliseconds_memory_alone_counts(teacher, measured, capsys):
    measured[NAMES[0]] = (1000, 300)
    student = Student(fits="raspberry-pi-zero-2", teacher=teacher, labels=3, name="Mine")
    assert (student.name, student.classes, student.labels) == ("Mine", 3, None)
    assert student.made_by["name"] == "mobilenetv2_120d"
    said = capsys.readouterr().out
    assert "ms there" not in said
    assert measured["seen"] == NAMES[:2]


def test_what_is_far_too_slow_by_its_multiply_adds_is_not_measured(measured, capsys):
    teacher = Teacher(lambda x: x.mean((2, 3)), size=224, mean=0, scale=1, labels=3)
    measured["timm/efficientnet_lite0"] = (5, 100)
    Student(fits="raspberry-pi-3", milliseconds=18, teacher=teacher)
    lines = lines_of(capsys)
    # 827, 669 and 582 M multiply-adds, against three times 18 / 30 of 301 M; 385 M are measured.
    assert [line.split()[-3:] for line in lines.values()][:3] == [["too", "much", "work"]] * 3
    assert lines["efficientnet_lite0"].endswith("fits")
    assert measured["seen"][1:2] == ["timm/efficientnet_lite0"]


def test_lines_are_of_the_width_of_a_page_and_a_failure_is_named(
    teacher, measured, monkeypatch, capsys
):
    fake = choose.measured

    def failing(file, threads):
        if file.model == NAMES[0]:
            return unmade_row(file, threads, "onnxruntime cannot run it")
        return {**fake(file, threads), "busy": True}

    monkeypatch.setattr(choose, "measured", failing)
    assert Student(**PI3, teacher=teacher).name == "mobilenetv2_120d"
    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= 100
    assert f"{NAMES[0]} failed: onnxruntime cannot run it" in said
    assert any(line.endswith("10.0*     30.0  fits") for line in said)


def test_grey_teachers_get_students_of_grey_images(measured):
    teacher = Teacher(
        lambda x: x.mean((2, 3)) @ np.ones((1, 2)), size=32, order="L", mean=0, scale=1
    )
    student = Student(**PI3, teacher=teacher)
    assert student.preprocessing.order == "L"
    assert student.classify(np.zeros((40, 40, 3), np.uint8)).shape == (1, 2)


def test_nothing_fits(teacher, measured):
    measured["timm/mobilenetv2_050"] = (2, 150)
    with pytest.raises(DataError) as caught:
        Student(fits="raspberry-pi-3", milliseconds=5, teacher=teacher)
    assert str(caught.value) == (
        "Student(fits='raspberry-pi-3'): no candidate fits raspberry-pi-3 in 5 ms; the nearest is"
        " timm/mobilenetv2_050 with about 6 ms and 150.0 MB of memory; raise milliseconds=, or take"
        " a teacher of smaller images than 64 pixels, or a larger device"
    )


REFUSED = [
    (
        {"fits": "raspberry-pi-2", "teacher": 1},
        DataError,
        "no such device is known; known: arduino",
    ),
    ({"fits": "esp32-s3", "teacher": 1}, DataError, "a process, which esp32-s3 cannot run"),
    (
        {"fits": "pixel-6a", "milliseconds": 9, "teacher": 1},
        DataError,
        "how fast pixel-6a is has not been published",
    ),
    ({**PI3, "milliseconds": 0, "teacher": 1}, DataError, "milliseconds=0): give a number above 0"),
    ({**PI3, "milliseconds": "30"}, DeelishError, "milliseconds='30'"),
    (PI3, DataError, "whose classes and pixels it takes is not known"),
    ({**PI3, "teacher": "timm/resnet18"}, DataError, "teacher=str): whose classes and pixels"),
    ({**PI3, "teacher": 1, "size": 32}, DataError, "size=...): is for a model that you name"),
    ({**PI3, "teacher": 1, "head": "fc"}, DataError, "head=...): is for a model that you name"),
    ({**PI3, "source": "timm/resnet18"}, DataError, "either given or chosen; leave one of both"),
    ({"source": "timm/resnet18", "milliseconds": 3}, DataError, "milliseconds=...): is about a"),
    ({"source": "timm/resnet18", "teacher": 3}, DataError, "teacher=...): is about a choice"),
    ({**PI3, "fits": ["raspberry-pi-3"]}, DeelishError, "fits=...): is of type list; give a text"),
    ({}, UsageError, "lacks source; give a module or the name of a model"),
]


@pytest.mark.parametrize(("given", "kind", "message"), REFUSED)
def test_mistakes(given, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        Student(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"pretrained": 3}, "pretrained=3): give"), ({"labels": "none.txt"}, "none.txt: not found")],
)
def test_mistakes_are_found_before_anything_is_measured(teacher, measured, given, message):
    with pytest.raises(DataError, match=re.escape(message)):
        Student(**PI3, teacher=teacher, **given)
    assert measured["seen"] == []


def test_members_of_an_ensemble_may_take_other_pixels(teacher, measured):
    with pytest.raises(DataError, match="give a Teacher or a network"):
        Student(**PI3, teacher=seeded())
    assert Student(**PI3, teacher=Ensemble(teacher, teacher)).labels == ["a", "b", "c", "d"]


def test_a_student_teaches_too(measured):
    first = Student(seeded(), labels=["a", "b", "c", "d"], **PIXELS)
    assert Student(**PI3, teacher=first).preprocessing == first.preprocessing


@pytest.mark.parametrize(
    ("package", "message"),
    [("timm", "the package timm cannot be imported"), ("onnxruntime", "onnxruntime, which is not")],
)
def test_missing_packages(teacher, measured, monkeypatch, package, message):
    monkeypatch.setitem(sys.modules, package, None)
    if package == "onnxruntime":
        monkeypatch.setattr(type(choose.RUNTIME), "is_installed", False)
    with pytest.raises(MissingPackageError, match=message) as caught:
        Student(**PI3, teacher=teacher)
    assert "pip install" in str(caught.value)


@pytest.mark.long
def test_it_measures_real_candidates(teacher, monkeypatch, capsys, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    monkeypatch.setattr(choose, "CANDIDATES", [CANDIDATES[-2]])
    student = Student(**PI3, teacher=teacher)
    memory, here, there = re.search(
        r"mobilenetv2_050 .* ([\d.]+) MB +([\d.]+)\*? +([\d.]+)  fits", capsys.readouterr().out
    ).groups()
    # 64 pixels, a twelfth of those of the reference, and half its width.
    assert 30 < float(memory) < 200
    assert 0 < float(there) < 15
    assert float(here) > 0
    assert Student.load(student.save(tmp_path / "small.safetensors")).labels == teacher.labels
    assert Network  # The verbs of both are there.
