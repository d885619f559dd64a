"""Registered layer types: in rows, in Caffe files, in training."""

import numpy as np
import pytest
from helpers import forget, parameters

from deelish import CaffeNet, Deel, Layer, Network, Plan, register_layer
from deelish.engines.custom import CUSTOM
from deelish.errors import EngineError, PlanError
from deelish.plan import Blob
from deelish.plan.layers import KINDS

pytestmark = pytest.mark.usefixtures("each_engine")


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    forget("Mish", "Gain")


def mish(x, p, a, c):
    return x[0] * (a["beta"] * x[0]).exp().log1p().tanh()


def mish_of_chainer(x, p, a, c):
    import chainer.functions as F

    return x[0] * F.tanh(F.log1p(F.exp(a["beta"] * x[0])))


BOTH = {"torch": mish, "chainer": mish_of_chainer}


def gain(x, p, a, c):
    return x[0] * p.gain


def test_a_row_runs_with_its_arguments():
    register_layer("Mish", **BOTH, args={"beta": 1.0})
    x = np.linspace(-2, 2, 8, dtype=np.float32).reshape(1, 8)
    with Deel():
        net = Network(Plan([Layer("m", "Mish", beta=2.0)], {"data": (1, 8)}), in_size=1)
        output = net.run({"data": x})["m"]
    np.testing.assert_allclose(output, x * np.tanh(np.log1p(np.exp(2 * x))), rtol=1e-5)


def test_weights_are_saved_shared_and_trained(tmp_path):
    register_layer(
        "Gain",
        gain,
        chainer=lambda x, p, a, c: x[0] * p.gain.reshape((1, 2)),
        weights=lambda args, bottoms: {"gain": Blob((bottoms[0][1],), 3.0)},
    )
    with Deel():
        net = Network(Plan([Layer("g", "Gain")], {"data": (1, 2)}), in_size=1)
        again = Network.load(net.save(tmp_path / "net.hdf5"))
        output = again.run({"data": np.ones((1, 2), np.float32)})["g"]
        assert [tuple(p.shape) for p in parameters(net)] == [(2,)]
    np.testing.assert_array_equal(output, [[3, 3]])


def test_caffe_files_hold_it_in_binary_and_in_text(tmp_path):
    register_layer("Mish", **BOTH, args={"beta": 1.0}, field=("mish_param", 1151))
    text = tmp_path / "net.prototxt"
    text.write_text(
        'input: "data" input_shape { dim: 1 dim: 4 }\n'
        'layer { name: "m" type: "Mish" bottom: "data" top: "m" mish_param { beta: 0.5 } }\n'
    )
    x = np.ones((1, 4), np.float32)
    with Deel():
        net = CaffeNet(prototxt=text)
        expected = net.run({"data": x})["m"]
        path = net.save(tmp_path / "saved.caffemodel")
        again = CaffeNet(path).run({"data": x})["m"]
    np.testing.assert_allclose(expected, np.tanh(np.log1p(np.exp(0.5))) * x, rtol=1e-6)
    np.testing.assert_array_equal(expected, again)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("ReLU", mish), "'ReLU' is a type of deelish's own; choose another name"),
        (("Mish",), "'Mish' has no function; give torch= or chainer="),
        (("Mish", mish, {"beta": [1]}, ("p", 1151)), "'Mish' has beta=.*a bool, an int"),
        (("Mish", mish, {}, ("relu_param", 1151)), "field 'relu_param' of number 1151 is taken"),
        (("Mish", mish, {}, ("mine_param", 123)), "field 'mine_param' of number 123 is taken by"),
    ],
)
def test_types_that_cannot_be_registered_are_refused(given, words):
    with pytest.raises(PlanError, match=words):
        register_layer(*given)
    assert "Mish" not in KINDS


def test_a_type_without_a_function_for_the_engine_is_named(each_engine):
    register_layer("Mish", **BOTH, args={"beta": 1.0})
    del CUSTOM[each_engine]["Mish"]
    with Deel():
        net = Network(Plan([Layer("m", "Mish")], {"data": (1, 8)}), in_size=1)
        with pytest.raises(EngineError, match=f"'Mish' has no function for {each_engine}; give"):
            net.run({"data": np.ones((1, 8))})
