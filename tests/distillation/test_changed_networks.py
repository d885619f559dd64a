"""A network of deelish, or a link of Chainer, that a script changes has another fingerprint."""

import copy

import pytest
import torch
from helpers import forget
from models_of_others import PIXELS, small_network

from deelish import Deel, Layer, Network, register_layer
from deelish.language.teachers import Teacher
from deelish.plan.layers import KINDS


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def by_optimizer(network):
    optimizer = torch.optim.SGD(network.module.parameters(), 0.1)
    network.module(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()


def test_a_network_of_deelish_whose_module_another_optimiser_trains():
    network = small_network()
    teacher, before = Teacher(network), network.fingerprint()
    assert network.known_fingerprint() == before
    by_optimizer(network)
    assert network.known_fingerprint() != before
    assert network.fingerprint() != before
    assert teacher.fingerprint() != Teacher(small_network()).fingerprint()


def test_a_network_of_deelish_in_which_one_number_is_set():
    network = small_network()
    before = network.fingerprint()
    network.module.score.weight.detach().numpy()[0, 1] += 1
    assert network.fingerprint() != before
    assert network.known_fingerprint() == network.fingerprint()


def test_a_network_of_deelish_with_a_hook_has_none():
    network = small_network()
    before = network.fingerprint()
    hook = network.module.score.register_forward_hook(lambda part, given, made: made * 2)
    assert network.fingerprint() is None
    hook.remove()
    assert network.fingerprint() == before


def test_a_chain_of_deelish_that_load_npz_changes(chainer, tmp_path):
    with Deel(seed=1, engine="chainer"):
        network, other = small_network(), small_network()
        chainer.serializers.save_npz(tmp_path / "other.npz", other.module)
        before = network.fingerprint()
        assert before != other.fingerprint()
        chainer.serializers.load_npz(tmp_path / "other.npz", network.module)
        assert network.known_fingerprint() == other.fingerprint()


def long_link(chainer):
    return chainer.Sequential(chainer.links.Linear(192, 4, initialW=0.5))


def test_a_link_that_is_pruned_between_the_samples(chainer):
    link = long_link(chainer)
    teacher = Teacher(link, **PIXELS)
    before = teacher.fingerprint()
    link[0].W.array[1, 5] = 0
    assert teacher.fingerprint() != before


def test_the_attributes_hooks_and_functions_of_a_link_are_seen(chainer):
    class Timer(chainer.LinkHook):
        name = "timer"

    def hooked(link):
        link[0].add_hook(Timer())

    def other_function(link):
        link.append(chainer.functions.tanh)

    def other_attribute(link):
        link[0].factor = 2

    seen = {Teacher(long_link(chainer), **PIXELS).fingerprint()}
    for change in (hooked, other_function, other_attribute):
        link = long_link(chainer)
        change(link)
        seen.add(Teacher(link, **PIXELS).fingerprint())
    assert len(seen) == 4


def test_a_type_whose_function_a_script_has_put_there_has_none(monkeypatch):
    from deelish.engines.torch.layers import OPS

    network = small_network()
    assert network.fingerprint() is not None
    with monkeypatch.context() as patch:
        patch.setitem(OPS, "ReLU", lambda x, p, a, c: x[0] * 2)
        assert network.fingerprint() is None
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, "ReLU", copy.copy(KINDS["ReLU"]))
        assert network.fingerprint() is None
    assert network.fingerprint() is not None


def test_a_registered_type_has_none():
    register_layer("Thrice", torch=lambda x, p, a, c: x[0] * 3)
    try:
        rows = [Layer("thrice", "Thrice"), Layer("score", "InnerProduct", num_output=4)]
        assert Network(rows, in_size=8).fingerprint() is None
    finally:
        forget("Thrice")
