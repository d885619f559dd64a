"""Files of students: rebuilt to the bit, nothing unpickled, and what is damaged or foreign."""

import json
import sys

import numpy as np
import pytest
import torch
from helpers import small
from safetensors.numpy import load_file, save_file
from small_modules import PIXELS, Small, photographs, seeded, student
from torch import nn

from deelish import Network, Student, Teacher
from deelish.errors import DeelishError, FileError, MissingPackageError
from deelish.formats.saved_module import KEY


class Shares(nn.Module):
    """One weight under two names, an integer buffer, and a convolution kept channels-last."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm2d(3)
        self.score = nn.Linear(3, 4)
        self.register_buffer("steps", torch.arange(3))

    def forward(self, x):
        maps = self.norm(self.second(self.first(x)))
        return self.score(maps.mean((2, 3)) + self.steps)


def logits(network):
    return network.classify(photographs(3)).value


@pytest.fixture
def saved(session, tmp_path):
    return student().save(tmp_path / "student.safetensors")


def with_header(path, change):
    """The same file with another JSON text; its checksum fits."""
    import zlib

    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        data = json.loads(file.metadata()[KEY])
    data.pop("sealed", None)
    change(data)
    data["checksum"] = zlib.crc32(json.dumps(data["module"]).encode())
    save_file(load_file(path), path, metadata={KEY: json.dumps(data)})
    return path


def test_shared_weights_integers_and_channels_last_come_back_to_the_bit(session, tmp_path):
    first = Student(Shares(), labels=["a", "b", "c", "d"], **PIXELS)
    assert first.module.module.first.weight.is_contiguous(memory_format=torch.channels_last)
    path = first.save(tmp_path / "student.safetensors")
    module = Shares()
    module.steps += 7
    again = Student.load(path, module=module)
    assert np.array_equal(logits(again), logits(first))
    assert (again.labels, again.preprocessing) == (first.labels, first.preprocessing)
    assert module.first.weight is module.second.weight
    assert module.steps.tolist() == [0, 1, 2]


def test_any_program_reads_its_arrays(session, tmp_path):
    made = student()
    arrays = load_file(made.save(tmp_path / "student.safetensors"))
    state = made.module.module.state_dict()
    assert arrays.keys() == state.keys()
    assert all(np.array_equal(arrays[name], state[name].numpy()) for name in state)


def test_nothing_is_unpickled(session, tmp_path, monkeypatch):
    pytest.importorskip("timm", reason="timm is not installed")
    import pickle

    made = Student("timm/test_resnet", labels=3, size=32)
    path = made.save(tmp_path / "student.safetensors")

    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    assert Student.load(path).parameters == made.parameters


def test_a_module_of_ones_own_is_asked_for(session, saved):
    with pytest.raises(FileError, match=r"weights of a module of your own, Small; give one like"):
        Student.load(saved)


def test_a_new_last_layer_is_put_into_the_module_that_is_given(session, tmp_path):
    first = Student(seeded(), labels=7, name="Small", **PIXELS)
    path = first.save(tmp_path / "student.safetensors")
    again = Student.load(path, module=seeded(1))
    assert np.array_equal(logits(again), logits(first))
    assert again.untrained == {"score"}
    # Its own file says so too.
    third = Student.load(again.save(tmp_path / "again.safetensors"), module=seeded(2))
    assert np.array_equal(logits(third), logits(first))


class Deeper(Small):
    def __init__(self):
        super().__init__()
        self.more = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("module", "error"),
    [
        (lambda: Small(channels=5), r"'conv1.weight' is float32 \(6, 3, 3, 3\) in the file"),
        (Deeper, "lacks 'more.bias'"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), "holds '|lacks '"),
    ],
)
def test_another_module_is_refused(session, saved, module, error):
    with pytest.raises(FileError, match=error):
        Student.load(saved, module=module())


# Versions and libraries


@pytest.fixture
def by_name(session, tmp_path):
    pytest.importorskip("timm", reason="timm is not installed")
    made = Student("timm/test_resnet", labels=3, size=32)
    return made, made.save(tmp_path / "student.safetensors")


def test_another_version_of_its_library_makes_it_again(by_name):
    made, path = by_name
    with_header(path, lambda data: data["module"]["made_by"].update(version="0.9.2"))
    assert np.array_equal(logits(Student.load(path)), logits(made))


def test_another_version_that_makes_another_model_is_named(by_name):
    _, path = by_name
    change = {"version": "0.9.2", "name": "test_resnet", "arguments": {"stem_width": 8}}
    with_header(path, lambda data: data["module"]["made_by"].update(change))
    with pytest.raises(FileError, match=r"was made by timm 0\.9\.2, and timm .* makes another"):
        Student.load(path)


def test_without_its_library_the_command_is_given(by_name, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        Student.load(by_name[1])


@pytest.mark.parametrize(
    "made_by",
    [
        {"library": "os", "name": "system"},
        {"library": "timm", "name": "hf-hub:somebody/something"},
        {"library": "timm", "name": "test_resnet", "arguments": {"checkpoint_path": "/x.pth"}},
        {"library": "timm"},
        {"more": 1},
        [],
        "timm",
        7,
    ],
)
def test_a_strangers_file_makes_nothing_but_models_of_the_libraries(by_name, made_by):
    with_header(by_name[1], lambda data: data["module"].update(made_by=made_by))
    with pytest.raises(DeelishError):
        Student.load(by_name[1])


# Damaged and foreign files


def test_every_damage_is_one_sentence(session, saved):
    """Changed bytes of header and arrays, and cut files: an error, or the very same logits."""
    whole, expected = saved.read_bytes(), logits(Student.load(saved, module=seeded(1)))
    rng, sentences = np.random.default_rng(0), []
    header = 8 + int.from_bytes(whole[:8], "little")
    for number in range(150):
        damaged = bytearray(whole)
        end = header if number % 2 else len(whole)
        for place in rng.integers(0, end, rng.integers(1, 4)):
            damaged[place] ^= int(rng.integers(1, 256))
        if number % 5 == 0:
            damaged = damaged[: rng.integers(0, len(whole))]
        saved.write_bytes(damaged)
        try:
            again = Student.load(saved, module=seeded(1))
        except FileError as error:
            sentences.append(str(error))
        else:
            assert np.array_equal(logits(again), expected)
    assert len(sentences) > 140
    assert all(str(saved) in sentence and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(format="new"),
        lambda data: data.pop("format"),
        lambda data: data["module"].update(labels=3),
        lambda data: data["module"].update(preprocessing={"size": -1}),
        lambda data: data["module"].update(preprocessing=None),
        lambda data: data["module"].update(checksums=[]),
        lambda data: data["module"].pop("new_last"),
        lambda data: data["module"].update(new_last=[3]),
        lambda data: data["module"].update(new_last={"classes": "x", "names": 3}),
        lambda data: data["module"].update(untrained=1),
        lambda data: data["module"].update(output={"a": 1}),
    ],
)
def test_a_header_of_other_types_is_refused(session, saved, change):
    with_header(saved, change)
    with pytest.raises(FileError, match=r"student\.safetensors: "):
        Student.load(saved, module=seeded())


def test_a_later_format_is_refused(session, saved):
    with_header(saved, lambda data: data.update(format=2, deelish="9.0"))
    with pytest.raises(FileError, match=r"written by deelish 9\.0 in format 2, .* update deelish"):
        Student.load(saved, module=seeded())


def test_files_of_others_are_refused(session, tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": np.zeros(3, np.float32)}, foreign)
    network = small().save(tmp_path / "network.safetensors")
    for path in (foreign, network):
        with pytest.raises(FileError, match=r"holds no student; .* Network\.load"):
            Student.load(path)
    pickled = tmp_path / "student.pth"
    torch.save(seeded().state_dict(), pickled)
    with pytest.raises(FileError, match=r"is no \.safetensors"):
        Student.load(pickled)
    pickled = pickled.rename(tmp_path / "pickled.safetensors")
    with pytest.raises(FileError, match="is no whole safetensors file"):
        Student.load(pickled)
    with pytest.raises(FileError, match="no such file"):
        Student.load(tmp_path / "none.safetensors")


def test_a_network_of_rows_is_not_read_from_it(session, saved):
    with pytest.raises(FileError, match=r"holds a student made from a module.*Student\.load\("):
        Network.load(saved)
    with pytest.raises(FileError, match=r"Student\.load\("):
        small(modelpath=saved)


def test_a_teacher_is_opened_from_it(by_name):
    made, path = by_name
    teacher = Teacher(path)
    assert np.array_equal(logits(teacher), logits(made))
    assert teacher.preprocessing == made.preprocessing
    assert teacher.fingerprint() == Teacher(made).fingerprint()


def test_a_teacher_of_a_module_of_ones_own_is_asked_for(session, saved):
    with pytest.raises(FileError, match=r"Student\.load\(.*module="):
        Teacher(saved)
