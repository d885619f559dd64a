"""Modules of PyTorch and Chainer whose output is an image: they learn, teach, and are saved."""

import numpy as np
import pytest
from arrays import entropy, pixels, reconstruction
from hinted import known

from deelish import (
    Average,
    BatchTrain,
    Compare,
    Deel,
    Show,
    Student,
    Teacher,
    TestTimeAugmentation,
)
from deelish.errors import PlanError, TrainingError

BCE = {"loss": "binary_cross_entropy"}


def torch_autoencoder(width=4, channels=1):
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, channels, 3, padding=1),
        nn.Sigmoid(),
    )


def chainer_autoencoder(width=4, channels=1):
    import chainer
    import chainer.functions as F
    import chainer.links as L

    class Autoencoder(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.inner = L.Convolution2D(channels, width, 3, pad=1)
                self.outer = L.Convolution2D(width, channels, 3, pad=1)

        def forward(self, x):
            return F.sigmoid(self.outer(F.relu(self.inner(x))))

    return Autoencoder()


@pytest.fixture
def autoencoder(session):
    return torch_autoencoder if session.engine_name == "torch" else chainer_autoencoder


def student_of(module, **options):
    options = {"size": 8, "order": "L", "mean": 0, "scale": 1 / 255, "crop": 1, **options}
    return Student(module, **options)


def test_a_module_of_images_learns_by_numpys_loss(sets, autoencoder):
    student, seen = student_of(autoencoder()), []
    assert (student.has_classes, student.output_shape) == (False, (1, 8, 8))
    assert "1 x 8 x 8 L -> 1 x 8 x 8 | " in repr(student)

    def workout(x, t):
        p = student.forward(x).value.astype(np.float64)
        made = student.backprop(x, **BCE)
        seen.append((made[0], entropy(p, pixels(student, x)).mean()))
        return made

    first, *_, last = BatchTrain(workout, epochs=5, lr=2e-2)
    np.testing.assert_allclose(*np.array(seen).T, rtol=1e-4)
    assert last["val_loss"] < first["val_loss"]


def test_a_module_of_images_teaches_a_network_and_another_module(sets, autoencoder):
    teacher = Teacher(autoencoder(8), size=8, order="L", mean=0, scale=1 / 255, crop=1)
    assert (teacher.has_classes, teacher.output_shape) == (False, (1, 8, 8))
    for student in (reconstruction(), student_of(autoencoder())):
        seen = []

        def workout(x, t, student=student, seen=seen):
            y, p = teacher.batch_feature(x), student.forward(x).value.astype(np.float64)
            made = student.backprop(y, distill=True, loss="mse")
            seen.append((made[0], ((p - y.value) ** 2).mean()))
            return made

        BatchTrain(workout, epochs=1)
        np.testing.assert_allclose(*np.array(seen).T, rtol=1e-4)


def test_its_average_and_its_file_make_the_same_images(sets, autoencoder, tmp_path):
    student = student_of(autoencoder())
    average = Average(student, decay=0.0)

    def workout(x, t):
        student.forward(x)
        return student.backprop(x, **BCE)

    BatchTrain(workout, epochs=1)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    expected = student.forward(images).value
    np.testing.assert_allclose(average.batch_feature(images).value, expected, atol=1e-6)
    path = student.save(tmp_path / "student.safetensors")
    again = Student.load(path, module=autoencoder())
    assert not again.has_classes
    np.testing.assert_array_equal(again.forward(images).value, expected)
    Show(student.Input(images), again.forward(images), save=tmp_path / "rows.png")
    assert (tmp_path / "rows.png").stat().st_size > 1000


def test_compare_measures_images_of_modules(sets, corners, autoencoder):
    teacher = Teacher(autoencoder(8), size=8, order="L", mean=0, scale=1 / 255, crop=1)
    report = Compare(teacher, student_of(autoencoder()), test=str(corners[1]))
    row = report["student"]
    assert 0 < row["mse"] < 1
    assert row["difference"] > 0
    assert "accuracy" not in row


def test_an_export_makes_the_same_images(corners, tmp_path):
    pytest.importorskip("onnxruntime")
    from deelish.formats.onnx.runtime import open_session

    with Deel(seed=1):
        student = student_of(torch_autoencoder())
        path = student.export(tmp_path / "student.onnx")
        images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
        data = student.preprocessing.apply(images)
        (found,) = open_session(str(path)).run(None, {"data": data})
        np.testing.assert_allclose(found, student.forward(images).value, atol=1e-5)
        # An .onnx file of images is a teacher, too.
        teacher = Teacher(path, size=8, order="L", mean=0, scale=1 / 255, crop=1)
        assert not teacher.has_classes
        np.testing.assert_allclose(teacher.batch_feature(images).value, found, atol=1e-5)


def test_a_function_that_makes_images_teaches(sets):
    pixels_of = {"size": 8, "order": "L", "mean": 0, "scale": 1 / 255, "crop": 1}
    teacher = Teacher(lambda images: images * 0.5, **pixels_of, key="half")
    student = known(reconstruction())

    def workout(x, t):
        y = teacher.batch_feature(x)
        np.testing.assert_allclose(y.value, pixels(student, x) / 2, atol=1e-6)
        student.forward(x)
        return student.backprop(y, distill=True, loss="mse")

    BatchTrain(workout, epochs=1)


def test_what_is_of_classes_is_refused(sets, autoencoder):
    student = student_of(autoencoder())
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(PlanError, match="its output is an array of 1 x 8 x 8 and no logits"):
        student.classify(image)
    with pytest.raises(TrainingError, match="has no classes"):
        TestTimeAugmentation(student)
    with pytest.raises(TrainingError, match=r"where logits \(2, classes\) are needed"):
        student_of(autoencoder(), labels=4)


def test_maps_of_features_are_no_images(session, autoencoder):
    """An output with other channels than the input is that of a module without its classifier."""
    if session.engine_name == "torch":
        module = autoencoder()[:2]
        with pytest.raises(TrainingError, match=r"where logits \(2, classes\) are needed; give"):
            student_of(module)
