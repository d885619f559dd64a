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

pytest.importorskip("timm", reason="timm is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

CLASSES, IMAGES, TEMPERATURE = 10, 8, 4.0
# The largest difference of a file of ONNX, as a fraction of the largest logit.
TOLERANCE = 1e-4
COLOURS = np.random.default_rng(1).normal(size=(3, CLASSES)) * 8
ALL = os.environ.get("DEELISH_FAMILIES") == "all"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Images of smooth colours, each with another mean; the list is beside them."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(IMAGES)]
    for path in paths:
        few = rng.integers(0, 256, (4, 4, 3)) * rng.uniform(0.2, 1, 3)
        Image.fromarray(few.astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC).save(path)
    (folder / "train.txt").write_text("".join(f"{path.name} 0\n" for path in paths))
    return paths


@pytest.mark.parametrize(
    "family",
    [family for family in FAMILIES if ALL or family.name in QUICK],
    ids=lambda family: family.name,
)
def test_a_family_learns_is_saved_and_exported(family, paths, tmp_path, record_property):
    start = time.process_time()
    with Deel(precision="float32"):
        student = Student(f"timm/{family.model}", labels=CLASSES, size=family.size, crop=1.0)
        row = [family.name, family.model, family.size, f"{student.parameters / 1e6:.1f}"]
        assert student.classify(paths).value.shape == (IMAGES, CLASSES)
        make_logits_differ(student, paths)
        before, after = losses_around_one_update(student, paths)
        assert after < before
        logits = student.classify(paths).value
        loaded = Student.load(student.save(tmp_path / "student.safetensors"))
        assert np.array_equal(loaded.classify(paths).value, logits)
        try:
            apart = difference(student, student.export(tmp_path / "student.onnx"), paths)
            exported = "yes"
        except Exception as error:
            apart, exported = float("nan"), str(error)
        seconds = time.process_time() - start
        record_property("family", [*row, f"{seconds:.0f}", exported, f"{apart:.1e}"])
        assert apart <= TOLERANCE, exported


def make_logits_differ(student, paths):
    """Let fresh weights say something of an image, so that a comparison proves something.

    Layers that begin at zero are drawn, and BatchNorm takes its statistics from the images.
    """
    module, generator = student.module.module, torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in module.named_parameters():
            if not value.any() and not name.endswith("bias"):
                value.normal_(0, 0.1, generator=generator)
    take_statistics(student, paths)
    logits = student.classify(paths).value
    spread = logits.std(0).max()
    assert spread > 1e-3 * np.abs(logits).max()


def take_statistics(student, paths):
    """Give BatchNorm the statistics of the images: the mean of some passes, as it runs in depth."""
    norms = [p for p in student.module.module.modules() if isinstance(p, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
    values = torch.from_numpy(inputs(student, paths))
    student.module.train()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        student.module.module(values)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    student.module.eval()
    student.version += 1


def inputs(student, paths):
    """The images as the student's input: float32 (n, 3, size, size)."""
    side = (student.preprocessing.size,) * 2
    pixels = [np.asarray(Image.open(path).resize(side)) for path in paths]
    return student.preprocessing.apply(np.stack(pixels))


def losses_around_one_update(student, paths):
    """The loss of `kd` on the images in evaluation mode, before one update and after it."""
    teacher = Teacher(
        lambda x: x.mean((2, 3)) @ COLOURS, size=32, mean=0, scale=1 / 255, labels=CLASSES, key="1"
    )
    target = teacher.classify(paths).value
    InputBatch(paths[0].parent / "train.txt", batch_size=IMAGES, crop=1.0, mirror=False)

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    before = kd(student.classify(paths).value, target)
    BatchTrain(workout, epochs=1, lr=1e-4, warmup=0)
    take_statistics(student, paths)
    return before, kd(student.classify(paths).value, target)


def kd(student, teacher):
    """T^2 KL(teacher || student), Hinton, Vinyals and Dean 2015, in double precision."""
    own, target = (log_softmax(x.astype(np.float64) / TEMPERATURE) for x in (student, teacher))
    return TEMPERATURE**2 * (np.exp(target) * (target - own)).sum(1).mean()


def log_softmax(values):
    shifted = values - values.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def difference(student, path, paths):
    """The largest difference between onnxruntime and PyTorch, as a fraction of the largest logit.

    The batch has another size than the exporter saw.
    """
    values = inputs(student, paths[:5])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(["logits"], {"data": values})
    with torch.no_grad():
        ours = student.module.module(torch.from_numpy(values)).numpy()
    return float(np.abs(theirs - ours).max() / np.abs(ours).max())
