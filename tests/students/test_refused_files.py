"""Files that are no student's, or another one's, are refused in one sentence."""

import pytest
import torch
from helpers import small
from one_sentence import refused
from small_modules import seeded, student
from torch import nn

from deelish import CaffeNet, Network, Student, Teacher
from deelish.errors import DeelishError, FileError


@pytest.mark.parametrize("name", ["student.hdf5", "student.pth", "student"])
def test_a_file_extension_that_it_does_not_write(session, tmp_path, name):
    error = r"is saved as .safetensors, and exported as .onnx; give one of these"
    refused(FileError, error, lambda: student().save(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_of_a_student(session, tmp_path):
    rows = small().save(tmp_path / "rows.safetensors")
    refused(FileError, r"holds no student; .*Network.load", lambda: Student.load(rows))
    text = tmp_path / "list.txt"
    text.write_text("a 1\n")
    refused(FileError, r"is no .safetensors, which student.save\(\)", lambda: Student.load(text))
    missing = tmp_path / "missing.safetensors"
    refused(FileError, r"no such file", lambda: Student.load(missing))
    path = student().save(tmp_path / "student.safetensors")
    data = path.read_bytes()
    path.write_bytes(data[:-9])
    refused(FileError, r"is no whole safetensors file", lambda: Student.load(path, seeded()))


def test_a_students_file_opened_otherwise(session, tmp_path):
    path = student().save(tmp_path / "student.safetensors")
    error = r"weights of a module of your own, Small; give one like it, Student.load\(.*module="
    refused(FileError, error, lambda: Student.load(path))
    refused(FileError, error, lambda: Teacher(path))
    error = r"holds a student made from a module; open it with Student.load\("
    refused(FileError, error, lambda: Network.load(path))
    with pytest.raises(DeelishError):
        CaffeNet(path)


@pytest.mark.parametrize(
    ("module", "error"),
    [
        (seeded(channels=9), r"'conv1.weight' is float32 \(6, 3, 3, 3\) in the file, .* \(9, 3"),
        (nn.Linear(2, 2), r"lacks 'bias', unlike Small; give the module that it was saved from"),
    ],
)
def test_a_module_that_the_file_is_not_of(session, tmp_path, module, error):
    path = student().save(tmp_path / "student.safetensors")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    refused(FileError, error, lambda: Student.load(path, module=module))
    assert all(torch.equal(module.state_dict()[n], value) for n, value in before.items())
