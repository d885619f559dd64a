"""The speed of students: its sides do the same work, and its table holds the ratios."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from deelish.distillation.wrapped import WrappedModel

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# A git checkout of pytorch-image-models, whose train.py is in no wheel.
CHECKOUT = os.environ.get("DEELISH_TIMM")
BATCH, BATCHES, STUDENT = 2, 2, "mobilenetv4_conv_small"


@pytest.fixture
def part(monkeypatch):
    """A function that gives a module of the benchmark by its name."""
    pytest.importorskip("timm")
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def archive(material):
    path = material / "data" / "imagenet-500.tar"
    if not path.is_file():
        pytest.skip("data/imagenet-500.tar is not in the shared material")
    return path


@pytest.fixture
def setting(part, archive, tmp_path):
    """A small run, whose photographs are written."""
    made = part("speed.setting").Setting(BATCH, 1, 0, tmp_path, {})
    part("student_sides.photographs").Photographs(made, archive, BATCHES)
    return made


def test_the_list_and_the_class_folders_hold_the_same_photographs(part, setting):
    photographs = part("student_sides.photographs")
    lines = photographs.list_of(setting).read_text().splitlines()
    listed = {(Path(path), int(label)) for path, label in (line.rsplit() for line in lines)}
    paths = photographs.folders_of(setting).glob("*/*.jpg")
    assert listed == {(path, int(path.parent.name)) for path in paths}
    assert len(listed) == BATCH * BATCHES


def test_more_batches_than_photographs_are_refused(part, archive, tmp_path):
    setting = part("speed.setting").Setting(300, 1, 0, tmp_path, {})
    with pytest.raises(SystemExit, match=r"names 400 photographs.*need 600; choose fewer"):
        part("student_sides.photographs").Photographs(setting, archive, 2)


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.long)])
def test_the_hand_written_loop_trains_on_an_epoch(part, setting, precision):
    work = part("student_sides.hand_written").Train(setting, STUDENT, precision, workers=1)
    before = [value.clone() for value in work.teacher.state_dict().values()]
    start = work.student.conv_stem.weight.detach().clone()
    images, seconds = work.round()
    assert images == BATCH * BATCHES
    assert seconds > 0
    assert not torch.equal(work.student.conv_stem.weight, start)
    after = work.teacher.state_dict().values()
    assert all(map(torch.equal, after, before))


def test_train_py_and_the_hand_written_loop_have_the_same_loss(part, setting):
    if CHECKOUT is None:
        pytest.skip("DEELISH_TIMM names no checkout of pytorch-image-models")
    ours = part("student_sides.hand_written").Train(setting, STUDENT, "float32", workers=1)
    theirs = part("student_sides.timm_train").Train(setting, STUDENT, "float32", 1, CHECKOUT)
    assert theirs.round()[0] == BATCH * BATCHES
    task = theirs.keywords["task"]
    # In evaluation mode, as BatchNorm sees the images of both alike.
    student = theirs.model.eval()
    ours.student.load_state_dict(student.state_dict())
    ours.teacher.load_state_dict(task.teacher.model.state_dict())
    ours.student.eval()
    pixels, labels = next(iter(ours.batches))
    x = (pixels.float() - ours.mean) / ours.std
    expected = task(x, labels)["loss"].item()
    assert ours.update(pixels, labels) == pytest.approx(expected, rel=1e-4)


def test_the_hand_written_loss_is_the_formula(part, setting):
    work = part("student_sides.hand_written").Train(setting, STUDENT, "float32", workers=1)
    pixels, labels = next(iter(work.batches))
    work.student.eval()
    with torch.no_grad():
        x = (pixels / 255 - channels(0.485, 0.456, 0.406)) / channels(0.229, 0.224, 0.225)
        student, teacher = work.student(x), work.teacher(x)
    # In logarithms and float64: an untrained student may give a class less than float32 can hold.
    log_p, log_q = (F.log_softmax(logits.double() / 4, 1) for logits in (teacher, student))
    divergence = (log_p.exp() * (log_p - log_q)).sum(1).mean()
    true = F.log_softmax(student.double(), 1)[range(BATCH), labels]
    expected = 16 * divergence - true.mean()
    assert work.update(pixels, labels) == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(("views", "passes"), [(None, BATCHES), (1, 0)])
def test_from_the_second_round_on_only_cached_logits_need_no_teacher(
    part, setting, monkeypatch, views, passes
):
    monkeypatch.setenv("DEELISH_CACHE", str(setting.folder / "cache"))
    from student_sides import ours

    # No hook of the model: with one its logits would not be cached.
    logits, calls = WrappedModel.logits, []

    def counted(self, images):
        calls.append(len(images))
        return logits(self, images)

    monkeypatch.setattr(WrappedModel, "logits", counted)
    work = ours.Train(setting, STUDENT, "float32", taught=True, views=views)
    work.round()
    calls.clear()
    assert work.round()[0] == BATCH * BATCHES
    assert len(calls) == passes


def channels(*values):
    return torch.tensor(values).reshape(1, 3, 1, 1)


@pytest.mark.long
def test_it_runs_and_ends_in_one_object(archive, part):
    command = [sys.executable, str(FOLDER / "students.py"), str(archive), "--json"]
    small = ["--rounds", "1", "--batches", "1", "--batch", "2", "--threads", "1", "--workers", "1"]
    one = ["--students", STUDENT, "--precisions", "float32"]
    done = subprocess.run([*command, *small, *one], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "timm's train.py: not run, as no checkout of pytorch-image-models" in done.stdout
    ratios = json.loads(done.stdout.splitlines()[-1])["float32"][STUDENT]
    assert ratios.pop("deelish_vs_timm") is None
    assert set(ratios) == {"deelish_vs_hand_written", "cached_vs_labels"}


def test_a_ratio_is_the_median_within_rounds(part):
    table, found = part("student_sides.table"), part("speed.sides").Found
    sides = {name: found("float32", rates=[20.0, 30.0, 1.0]) for name in (table.FRESH, table.TIMM)}
    sides[table.TIMM].rates = [10.0, 20.0, 0.8]
    sides[table.HAND] = found(absent="there is no package torchvision")
    ratios = table.ratios(sides)
    assert ratios["deelish_vs_timm"] == 1.5
    assert ratios["deelish_vs_hand_written"] is None
    text = "\n".join(table.lines("float32", {STUDENT: sides}))
    assert "there is no package torchvision" in text
    assert "MobileNetV4-small" in text
