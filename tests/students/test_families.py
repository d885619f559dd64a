"""Families of timm as students: forward, an update, files, ONNX; DEELISH_FAMILIES=all for all."""

import os
import time

import numpy as np
import pytest
import torch
from PIL import Image
from students.families import FAMILIES, QUICK
from torch import nn

from deelish import BatchTrain, Deel, InputBatch, Student, Teacher
from deelish.errors import FileError

pytest.importorskip("timm", reason="timm is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

CLASSES = 10
# Of one update by Adam: as far as the first order holds in every family.
LR = 5e-6
# The largest difference of a file of ONNX, as a fraction of the largest logit.
TOLERANCE = 1e-4
# The teacher's logits are the mean colour times these.
COLOURS = np.random.default_rng(1).normal(size=(3, CLASSES)) * 8
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
# Of the quick ones these take 20 to 30 s each: they are for `make long`.
LONG = ("coat", "convit", "mobilenetv3", "vision_transformer")
ALL = os.environ.get("DEELISH_FAMILIES") == "all"


def pictures(folder, size):
    """Images of smooth colours, each with another mean; a list of them is beside them.

    At 32 pixels the last maps are 1 x 1, where BatchNorm sees as many numbers as there are images.
    """
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(16 if size < 128 else 4)]
    for path in paths:
        few = (rng.integers(0, 256, (4, 4, 3)) * rng.uniform(0.2, 1, 3)).astype(np.uint8)
        Image.fromarray(few).resize((size, size), Image.Resampling.BICUBIC).save(path)
    (folder / "train.txt").write_text("".join(f"{path.name} 0\n" for path in paths))
    return paths


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[pytest.mark.long] if family.name in LONG else [])
        for family in FAMILIES
        if ALL or family.name in QUICK
    ],
    ids=lambda family: family.name,
)
def test_a_family_learns_is_saved_and_exported(family, tmp_path, record_property):
    start = time.process_time()
    row = [family.name, family.model, family.size]
    with Deel(precision="float32"):
        paths = pictures(tmp_path, family.size)
        student = Student(f"timm/{family.model}", labels=CLASSES, size=family.size, crop=1.0)
        assert student.classify(paths).value.shape == (len(paths), CLASSES)
        make_logits_differ(student, paths)
        before, after = losses_around_one_update(student, paths)
        assert after < before
        logits = student.classify(paths).value
        loaded = Student.load(student.save(tmp_path / "student.safetensors"))
        assert np.array_equal(loaded.classify(paths).value, logits)
        exported, apart, moved = "yes", float("nan"), 0.0
        try:
            apart, moved = differences(student, student.export(tmp_path / "student.onnx"), paths)
        except FileError as error:
            exported = str(error)
    row += [f"{student.parameters / 1e6:.1f}", f"{time.process_time() - start:.0f}"]
    record_property("family", [*row, exported, f"{apart:.1e}", f"{moved:.1e}"])
    assert apart <= max(TOLERANCE, 10 * moved), exported


def make_logits_differ(student, paths):
    """Let fresh weights tell images apart, so that a comparison proves something.

    What begins at 0 or nearly so is drawn, and BatchNorm takes its statistics from the images.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in student.module.module.named_parameters():
            if value.abs().max() < 1e-4 and not name.endswith("bias"):
                value.normal_(0, 0.02 if value.dim() > 1 else 0.2, generator=generator)
    take_statistics(student, paths)
    logits = student.classify(paths).value
    assert np.ptp(logits, axis=0).max() > 0.05 * np.abs(logits).max()


def take_statistics(student, paths):
    """Give BatchNorm the statistics of the images, those that it has in training."""
    module = student.module.module
    norms = [part for part in module.modules() if isinstance(part, NORMS)]
    hooks = [norm.register_forward_hook(_take) for norm in norms]
    student.module.train()
    with torch.no_grad():
        module(torch.from_numpy(inputs(student, paths)))
    student.module.eval()
    for hook in hooks:
        hook.remove()
    student.version += 1


def _take(norm, given, _):
    axes = [axis for axis in range(given[0].dim()) if axis != 1]
    norm.running_mean.copy_(given[0].mean(axes))
    norm.running_var.copy_(given[0].var(axes, correction=0))


def inputs(student, paths):
    """The images as the student's input: float32 (n, 3, size, size)."""
    return student.preprocessing.apply(np.stack([np.asarray(Image.open(path)) for path in paths]))


def losses_around_one_update(student, paths):
    """The loss of `kd` on the images in evaluation mode, before one update and after it."""
    teacher = Teacher(
        lambda x: x.mean((2, 3)) @ COLOURS, size=32, mean=0, scale=1 / 255, labels=CLASSES
    )
    target = teacher.classify(paths).value
    InputBatch(paths[0].parent / "train.txt", batch_size=len(paths), crop=1.0, mirror=False)

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    before = kd(student.classify(paths).value, target)
    BatchTrain(workout, epochs=1, lr=LR, warmup=0)
    take_statistics(student, paths)
    return before, kd(student.classify(paths).value, target)


def kd(student, teacher):
    """KL(teacher || student) at temperature 1, Hinton, Vinyals and Dean 2015, in doubles."""
    own, target = log_softmax(student), log_softmax(teacher)
    return (np.exp(target) * (target - own)).sum(1).mean()


def log_softmax(values):
    shifted = values.astype(np.float64) - values.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def differences(student, path, paths):
    """How far onnxruntime's logits are from PyTorch's, and how far rounding moves PyTorch's own.

    Both are fractions of the largest logit. The batch has another size than the two images that the
    exporter saw. Rounding is that of the input in its last places: fresh weights with BatchNorm in
    many layers make much of it.
    """
    values = inputs(student, paths[:5])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["logits"], {"data": values})
    rounded = values * np.float32(1 + 2**-22)
    with torch.no_grad():
        ours, moved = (
            student.module.module(torch.from_numpy(v)).numpy() for v in (values, rounded)
        )
    return [float(np.abs(other - ours).max() / np.abs(ours).max()) for other in (theirs, moved)]
