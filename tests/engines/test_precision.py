"""Reduced precision: what it may change, what stays exact, and what is asked of the device."""

import itertools
import re

import numpy as np
import pytest
import torch
from engines.cases import CASES
from engines.results import assert_close, in_numpy, in_torch, largest
from helpers import small, trained, write_set
from hinted import FACTS, weights

from deelish import BatchTrain, Deel, InputBatch, Layer, Network, Teacher
from deelish.engines import open_engine, precision
from deelish.errors import EngineError
from deelish.networks import NetworkInNetworkCIFAR10

# Rounding moves a number over a kink, makes two of a maximum equal, or moves a large one by 1.
JUMPING = re.compile("SPP|ReLU6-3x5-0:beyond6|(Sigmoid|Softmax)-3x5-0:far")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_layer_runs_in_bfloat16_and_is_trained(case):
    got = in_torch(case, reduced=True)
    for number, (ours, theirs) in enumerate(zip(got.tops, in_numpy(case).tops, strict=True)):
        assert ours.shape == theirs.shape
        # What is found is elsewhere where rounding makes two numbers equal.
        if case.kind == "ArgMax" or (case.kind == "Pooling" and number == 1):
            assert np.array_equal(ours, ours.round()) or "out_max_val" in case.given
            continue
        there = np.abs(theirs) < 1e30
        # bfloat16 has 8 binary digits.
        assert_close(ours[there], theirs[there], 0.03 * largest(theirs), "top")
    for name, exact in in_torch(case).gradients.items():
        if JUMPING.match(case.id):
            assert np.isfinite(got.gradients[name]).all()
        else:
            assert_close(got.gradients[name], exact, 0.1 * largest(exact), f"gradient by {name}")


def images(count=4, size=32):
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8))


def test_auto_teaches_in_what_the_processor_has_and_runs_in_float32(monkeypatch):
    outputs = {}
    for has in (True, False):
        monkeypatch.setattr(
            "deelish.engines.torch.engine.processor_has_bfloat16", lambda has=has: has
        )
        session = Deel(precision="auto")
        assert session.engine.autocast_dtype == ("bfloat16" if has else None)
        network = NetworkInNetworkCIFAR10()
        network.untrained.clear()
        outputs[has] = (network.batch_feature(images()).value, network.classify(images()).value)
    exact = outputs[False][1]
    assert np.array_equal(outputs[False][0], exact)
    assert np.array_equal(outputs[True][1], exact)
    worst = np.abs(outputs[True][0] - exact).max() / np.abs(exact).max()
    assert 0 < worst < 0.03


def test_features_at_the_prompt_are_exact(monkeypatch):
    features = []
    for has in (True, False):
        monkeypatch.setattr(
            "deelish.engines.torch.engine.processor_has_bfloat16", lambda has=has: has
        )
        Deel(precision="auto")
        features.append(NetworkInNetworkCIFAR10().feature(images(), layer="cccp4").value)
    assert np.array_equal(*features)


def test_a_network_wrapped_as_a_teacher_computes_in_the_type_of_its_key(monkeypatch):
    monkeypatch.setattr("deelish.engines.torch.engine.processor_has_bfloat16", lambda: True)
    Deel(precision="auto")
    network = NetworkInNetworkCIFAR10()
    network.untrained.clear()
    wrapped = Teacher(network).batch_feature(images()).value
    assert np.array_equal(wrapped, network.batch_feature(images()).value)
    assert not np.array_equal(wrapped, network.classify(images()).value)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_precision_that_is_named_is_for_inference_and_training(tmp_path, capsys, dtype):
    train = write_set(tmp_path, "train", 64)
    Deel(precision=dtype)
    network = small()
    InputBatch(train, batch_size=8, crop=1.0, mirror=False)

    def workout(x, t):
        network.classify(x)
        return network.backprop(t)

    assert BatchTrain(workout, epochs=10, lr=0.01)[-1]["accuracy"] > 0.9
    assert f"compute in {dtype}" in capsys.readouterr().out
    output = network.classify(images(size=8))
    assert output.value.dtype == np.float32
    assert not np.array_equal(output.value, exact_output(network))
    assert all(weight.dtype == torch.float32 for weight in network.module.parameters())


def states_of_a_training(train, dtype, rows, batch_size, lr=0.01, scale=1 / 255):
    """The weights before a training and after each of its updates; {layer/name: array}."""
    Deel(seed=1, precision=dtype)
    network = Network([*rows, Layer("prob", "Softmax")], **FACTS | {"scale": scale})
    InputBatch(train, batch_size=batch_size, crop=1.0, mirror=False)
    states = [weights(network)]

    def workout(x, t):
        network.classify(x)
        outcome = network.backprop(t)
        states.append(weights(network))
        return outcome

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=lr)
    return states


def test_gradients_that_float16_would_round_to_0_move_the_weights_as_in_float32(tmp_path):
    """Behind weights of a millionth the gradients are below float16's least number, 2**-24."""
    train = write_set(tmp_path, "train", 64)
    fast, millionth = ({"lr_mult": 1e6},), {"type": "gaussian", "std": 1e-6}
    rows = [
        Layer("hidden", "InnerProduct", num_output=16, bias_term=False, param=fast),
        Layer("score", "InnerProduct", num_output=4, bias_term=False, weight_filler=millionth),
    ]
    moved = {}
    for dtype in ("float32", "float16"):
        before, after = states_of_a_training(train, dtype, rows, batch_size=64)
        moved[dtype] = {name: after[name] - before[name] for name in before}
    for name, exact in moved["float32"].items():
        assert largest(exact) > 1e-4
        assert_close(moved["float16"][name], exact, 0.02 * largest(exact), name)


def test_an_update_whose_gradients_overflow_float16_is_left_out(tmp_path):
    """Pixels up to 255 make them too large for the first scale, which falls until they fit."""
    train = write_set(tmp_path, "train", 32)
    rows = [Layer(name, "InnerProduct", num_output=4) for name in ("hidden", "score")]
    moved = {}
    for dtype in ("float32", "float16"):
        states = states_of_a_training(train, dtype, rows, batch_size=1, lr=1e-6, scale=1.0)
        moved[dtype] = [
            any((old[name] != new[name]).any() for name in old)
            for old, new in itertools.pairwise(states)
        ]
        assert all(np.isfinite(array).all() for state in states for array in state.values())
    assert (moved["float32"][0], moved["float16"][0]) == (True, False)
    assert any(moved["float16"])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_scores_are_not_rounded_to_reduced_precision(dtype):
    """At a temperature of 20 the eight digits of bfloat16 would say little of small differences."""
    Deel(precision=dtype)
    for network in (small(), NetworkInNetworkCIFAR10()):
        size = network.preprocessing.size
        values = network.classify(images(size=size)).value.copy()
        assert (torch.from_numpy(values).to(getattr(torch, dtype)).float().numpy() != values).any()


def exact_output(network):
    x = network.Input(images(size=8))
    with torch.inference_mode():
        return network.module(
            torch.from_numpy(network.preprocessing.apply(x.pixels(network.preprocessing)))
        ).numpy()


def test_training_in_bfloat16_repeats_to_the_bit_and_says_so_once(tmp_path, capsys):
    train = write_set(tmp_path, "train", 32)
    states = []
    for _ in range(2):
        session = Deel(precision="bfloat16")
        network = small(dropout=0.3)
        InputBatch(train, batch_size=8)
        trained(network)
        trained(network)
        states.append(session.engine.state(network.module))
    for layer, blobs in states[0].items():
        for name, array in blobs.items():
            assert np.array_equal(array, states[1][layer][name])
    assert capsys.readouterr().out.count("compute in bfloat16") == 2


def test_cached_logits_of_one_precision_are_not_given_for_another():
    prints = set()
    for name in ("float32", "bfloat16"):
        Deel(precision=name)
        prints.add(NetworkInNetworkCIFAR10().fingerprint())
    assert len(prints) == 2


def test_a_precision_that_is_not_there_is_refused(chainer):
    with pytest.raises(EngineError, match=r"precision='half'.: is not known; choose from auto, fl"):
        Deel(precision="half")
    with pytest.raises(EngineError, match=r"engine='chainer', precision='bfloat16'.*in float32; l"):
        open_engine("chainer", -1, "bfloat16")
    assert open_engine("chainer", -1, "auto").autocast_dtype is None


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile\n", True),
        ("flags\t\t: fpu avx512f\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("nothing of the kind\n", False),
    ],
)
def test_what_the_processor_has_is_read_from_its_flags(monkeypatch, tmp_path, text, has):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(precision, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr(precision.platform, "system", lambda: "Linux")
    assert precision.processor_has_bfloat16() == has
    monkeypatch.setattr(precision.platform, "system", lambda: "Darwin")
    assert not precision.processor_has_bfloat16()


def torch_teacher(**session):
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(4)
    module = torch.nn.Sequential(*layers)
    module(torch.zeros(1, 3, 12, 12))
    with Deel(**session):
        return Teacher(module, size=12, order="RGB", mean=127.5, scale=1 / 64, crop=1.0)


def test_a_torch_module_of_ones_own_teaches_in_the_sessions_type_too():
    exact, reduced = torch_teacher(precision="float32"), torch_teacher(precision="bfloat16")
    pictures = images(size=12)
    wanted, got = (teacher.batch_feature(pictures).value for teacher in (exact, reduced))
    worst = np.abs(got - wanted).max() / np.abs(wanted).max()
    assert 0 < worst < 0.03
    assert reduced._model._module[0].weight.dtype == torch.float32
    assert reduced.fingerprint() != exact.fingerprint()


class Strict(torch.nn.Module):
    """Takes nothing but float32, as code with a library of its own may."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3, 4))

    def forward(self, x):
        output = x.mean((2, 3)) @ self.weight
        if output.dtype != torch.float32:
            raise TypeError("needs float32")
        return output


def test_a_torch_module_that_cannot_compute_in_a_half_type_teaches_in_float32(capsys):
    with Deel(precision="bfloat16"):
        teacher = Teacher(Strict(), size=8, order="RGB", mean=0.0, scale=1.0, crop=1.0)
        pictures = images(size=8)
        sums = np.stack(pictures).mean((1, 2)).sum(1)
        for _ in range(2):
            output = teacher.batch_feature(pictures).value
            np.testing.assert_allclose(output, np.stack([sums] * 4, 1), rtol=1e-5)
    said = "Strict: cannot compute in bfloat16 (needs float32); it teaches in float32"
    assert capsys.readouterr().out.count(said) == 1
