"""Compare: its numbers against NumPy on each image alone, its rows, its table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from comparison.corners import LABELS, by_hand, corners, known, listed, softmax
from helpers import small

from deelish import Compare, Deel, InputBatch, Network
from deelish.errors import DataError
from deelish.network.predictor import Predictor


def test_the_numbers_are_those_of_each_image_alone(sets, each_engine):
    with Deel(seed=1):
        teacher, student = (known(small(name, outputs=9)) for name in ("Teacher", "Student"))
        report = Compare(teacher, student, sets[0], batch_size=7)
        paths, labels = listed(sets[0])
        theirs, ours = by_hand(teacher, paths), by_hand(student, paths)
    row, p, q = report["student"], softmax(theirs), softmax(ours)
    first = q.argmax(1)
    assert row["accuracy"] == pytest.approx((first == labels).mean())
    assert report["teacher"]["accuracy"] == pytest.approx((p.argmax(1) == labels).mean())
    assert row["agreement"] == pytest.approx((first == p.argmax(1)).mean())
    fives = [set(np.argsort(-each)[:5].tolist()) for each in p]
    among = np.mean([one in five for one, five in zip(first.tolist(), fives, strict=True)])
    assert row["agreement_at_5"] == pytest.approx(among)
    assert row["kl"] == pytest.approx((p * np.log(p / q)).sum(1).mean(), rel=1e-4)
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (q.max(1) > low) & (q.max(1) <= low + 1 / 15)
        error += abs((first == labels)[inside].sum() - q.max(1)[inside].sum()) / len(labels)
    assert row["ece"] == pytest.approx(error, abs=1e-6)


def test_costs_are_those_of_the_network(sets, teacher, student, tmp_path):
    row = Compare(teacher, student, sets[0])["student"]
    assert row["parameters"] == student.parameters == 64 * 16 + 16 + 16 * 4 + 4
    assert row["multiply_adds"] == 64 * 16 + 16 * 4
    assert f"{row['multiply_adds']:,}" in student.summary().splitlines()[-1]
    assert row["file_bytes"] == student.save(tmp_path / "x.safetensors").stat().st_size
    assert row["memory_bytes"] == 4 * (row["parameters"] + 64 + 16)
    assert min(row["ms_1"], row["ms_32"]) > 0


def test_a_network_agrees_with_itself(sets, teacher):
    report = Compare(teacher, teacher, sets[0])
    row = report["student"]
    assert (row["agreement"], row["agreement_at_5"], row["kl"]) == (1, 1, 0)
    assert {report["teacher"][key] for key in ("agreement", "agreement_at_5", "kl")} == {None}


def test_several_students(sets, teacher, student):
    report = Compare(teacher, [student, teacher], sets[0])
    keys = ["teacher", "student 1", "student 1 int8", "student 2", "student 2 int8"]
    assert list(report.rows) == keys
    assert [report[key]["name"] for key in keys[::2]] == ["Teacher", "Student", "Teacher"]
    assert report["student 2"]["agreement"] == 1
    with pytest.raises(
        DataError, match=r"no row 'student'; it has: teacher, student 1, student 1 "
    ):
        report["student"]


def test_networks_of_other_sizes_see_the_same_images(sets):
    with Deel():
        net, large = corners(), known(small("Large", in_size=16, labels=LABELS))
        report = Compare(net, large, sets[0])
        paths, labels = listed(sets[0])
        right = by_hand(large, paths).argmax(1) == labels
    assert report["teacher"]["accuracy"] == 1
    assert report["student"]["accuracy"] == right.mean()


def test_the_views_are_those_of_the_training(sets, teacher, student):
    own = Compare(teacher, student, sets[0])["student"]["kl"]
    whole = Compare(teacher, student, sets[0], crop=1)["student"]["kl"]
    InputBatch(sets[1], sets[0], crop=1)
    after = Compare(teacher, student, sets[0])
    assert after["student"]["kl"] == whole != own
    assert "centre views, crop fraction: 1;" in after.notes[0]


def test_a_device(sets, teacher, student):
    report = Compare(teacher, student, sets[0], fits="arduino-nano-33-ble")
    assert report["student"]["fits"] is True
    assert report["student int8"]["fits"] is None
    assert repr(report).splitlines()[14].split() == [
        "fits",
        "arduino-nano-33-ble",
        "yes",
        "yes",
        "-",
    ]
    assert "half of the device's memory, file up to a tenth" in report.notes[-1]
    with Deel():
        big = known(small("Big", in_size=128, labels=LABELS))
        assert Compare(big, big, sets[0], fits="arduino-nano-33-ble")["student"]["fits"] is False


def test_the_table_and_json(sets, teacher, student):
    report = Compare(teacher, student, sets[0])
    lines = repr(report).splitlines()
    assert lines[0].split() == ["teacher", "student", "student", "int8"]
    cells = [f"{report[key]['accuracy'] * 100:.2f}" for key in ("teacher", "student")]
    assert lines[2].split() == ["accuracy", cells[0], "%", cells[1], "%", "-"]
    assert max(map(len, lines)) <= 100
    # Lines are broken where the path of the list leaves room.
    assert "nothing was chosen on them" in " ".join(repr(report).split())
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["rows"]["student"]["accuracy"] == report["student"]["accuracy"]
    assert sum(each["images"] for each in data["rows"]["student"]["reliability"]) == 24


class Bare(Predictor):
    """A predictor that is no network."""

    name, parameters, classes = "Bare", None, 4

    def __init__(self, network):
        self.labels, self.context = network.labels, network.context
        self.preprocessing, self.logits = network.preprocessing, network.logits

    def logits(self, images):
        """The network's."""

    def fingerprint(self):
        return None


def test_a_teacher_that_is_no_network(sets, teacher, student):
    report = Compare(Bare(teacher), Bare(student), sets[0], train=sets[1], fits="pixel-6a")
    row = report["teacher"]
    assert row["accuracy"] == Compare(teacher, student, sets[0])["teacher"]["accuracy"]
    names = ("parameters", "multiply_adds", "file_bytes", "memory_bytes", "fits")
    assert {row[key] for key in names} == {None}
    assert row["ms_1"] > 0
    assert report["student int8"]["missing"] == "only a network or a student is written as int8"


def test_a_saved_network_compares_as_before(sets, teacher, student, tmp_path):
    before = Compare(teacher, student, sets[0])["student"]
    again = Network.load(student.save(tmp_path / "s.hdf5"))
    after = Compare(teacher, again, sets[0])["student"]
    changing = {"ms_1", "ms_32"}
    assert {key: before[key] for key in before if key not in changing} == {
        key: after[key] for key in after if key not in changing
    }
