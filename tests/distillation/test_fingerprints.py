"""Fingerprints of teachers: equal for equal teachers, and different after any change."""

import numpy as np
import pytest
import torch
from models_of_others import PIXELS, Usual, eights
from torch import nn

from deelish import Deel
from deelish.language.teachers import Ensemble, Teacher


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def print_of(module, **changes):
    return Teacher(module, **{**PIXELS, "crop": 1.0, **changes}).fingerprint()


def test_two_loads_of_one_model_agree():
    first, second = Usual(seed=1), Usual(seed=2)
    assert print_of(first) != print_of(second)
    second.load_state_dict(first.state_dict())
    assert print_of(first) == print_of(second)
    assert len(print_of(first)) == 64
    assert print_of(first) == print_of(first.train())


@pytest.mark.parametrize("name", list(Usual().state_dict()))
def test_every_parameter_and_buffer_is_covered(name):
    module = Usual()
    teacher = Teacher(module, **PIXELS)
    before = teacher.fingerprint()
    assert teacher.fingerprint() == before
    with torch.no_grad():
        module.state_dict()[name].view(-1)[-1:] += 1
    assert teacher.fingerprint() != before


@pytest.mark.parametrize(
    "change",
    [{"size": 9}, {"order": "BGR"}, {"mean": 1.0}, {"scale": 1.0}, {"crop": 0.9}, {"key": "x"}],
)
def test_preprocessing_and_key_are_covered(change):
    assert print_of(Usual(), **change) != print_of(Usual())


def test_the_structure_is_covered():
    class Other(Usual):
        pass

    relu = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.ReLU())
    tanh = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.Tanh())
    tanh.load_state_dict(relu.state_dict())
    assert print_of(relu) != print_of(tanh)
    other = Other()
    other.load_state_dict(Usual().state_dict())
    assert print_of(other) != print_of(Usual())


def test_the_type_of_weights_is_covered():
    assert print_of(Usual().double()) != print_of(Usual())


def test_the_autocast_dtype_is_covered():
    prints = set()
    for precision in ("float32", "bfloat16", "float16"):
        with Deel(precision=precision):
            prints.add(print_of(Usual()))
    assert len(prints) == 3


def test_the_address_of_a_function_is_not_covered():
    class Holder(Usual):
        def extra_repr(self):
            return repr(self.extra_repr.__func__) + f" at 0x{id(self):x}"

    assert print_of(Holder()) == print_of(Holder())


def test_an_update_between_two_batches_changes_it(session):
    module = Usual()
    teacher = Teacher(module, **PIXELS)
    before = teacher.fingerprint()
    teacher.batch_feature(eights())
    assert teacher.fingerprint() == before
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    assert teacher.fingerprint() != before


def test_a_function_has_a_fingerprint_of_its_key_alone():
    def model(values):
        return np.ones((len(values), 4), np.float32)

    assert print_of(model) is None
    assert print_of(model, key="a") == print_of(model, key="a") != print_of(model, key="b")


def test_an_onnx_file_has_the_fingerprint_of_its_bytes(tmp_path):
    from deelish import Layer, Network

    rows = [Layer("score", "InnerProduct", num_output=3)]
    facts = {"in_size": 8, "mean": (0.0,), "scale": 1.0}
    Network(rows, **facts).export(tmp_path / "first.onnx")
    (tmp_path / "copy.onnx").write_bytes((tmp_path / "first.onnx").read_bytes())
    Network(rows, **facts).export(tmp_path / "other.onnx")
    first, copy, other = (
        Teacher(tmp_path / f"{n}.onnx").fingerprint() for n in ("first", "copy", "other")
    )
    assert first == copy != other
    assert Teacher(tmp_path / "first.onnx", mean=1.0).fingerprint() != first


def test_a_chainer_chain_has_the_fingerprint_of_its_arrays(chainer):
    def chain(weight):
        return chainer.Sequential(
            chainer.links.Linear(192, 4, initialW=weight), chainer.links.BatchNormalization(4)
        )

    assert print_of(chain(0.5)) == print_of(chain(0.5)) != print_of(chain(0.25))
    made = chain(0.5)
    teacher = Teacher(made, **PIXELS)
    before = teacher.fingerprint()
    made[1].avg_mean[2] = 7
    assert teacher.fingerprint() != before


def test_a_network_of_deelish_has_its_own_fingerprint(session):
    from deelish import Layer, Network

    rows = [Layer("score", "InnerProduct", num_output=3)]
    first, second = Network(rows, in_size=8), Network(rows, in_size=8)
    assert Teacher(first).fingerprint() == Teacher(first).fingerprint()
    assert Teacher(first).fingerprint() != Teacher(second).fingerprint()


def test_an_ensemble_has_the_fingerprint_of_its_members():
    first, second = Teacher(Usual(seed=1), **PIXELS), Teacher(Usual(seed=2), **PIXELS)
    keyless = Teacher(lambda values: values[:, :, 0, 0], **PIXELS)
    both = Ensemble(first, second).fingerprint()
    assert both == Ensemble(first, second).fingerprint()
    others = [
        Ensemble(second, first),
        Ensemble(first, first),
        Ensemble(first, second, average="probabilities"),
    ]
    assert both not in [other.fingerprint() for other in others]
    named = [
        [Teacher(Usual(seed=1), labels=list(names), **PIXELS) for names in pair]
        for pair in (("abcd", "abcd"), ("abcd", "dbca"))
    ]
    assert Ensemble(*named[0]).fingerprint() != Ensemble(*named[1]).fingerprint()
    assert (
        Ensemble(Teacher(lambda v: v[:, :, 0, 0], key="a", **PIXELS), keyless).fingerprint() is None
    )
