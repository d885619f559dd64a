"""OpenVINO's process: logits of any number of images, one sentence for its errors, its end."""

import importlib.util
import os
import signal

import numpy as np
import pytest
from models_of_others import small_network
from one_sentence import refused

from deelish import Deel
from deelish.engines.openvino.process import OpenVinoProcess
from deelish.engines.openvino.settings import settings_of
from deelish.errors import TrainingError

pytest.importorskip("onnx", reason="the package onnx is not installed")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="the package openvino is not installed"
)

SHAPE = (4, 3, 8, 8)
EXACT = settings_of(1, None)


@pytest.fixture
def network(tmp_path):
    with Deel(seed=1, precision="float32"):
        made = small_network()
        made.export(tmp_path / "small.onnx")
        yield made


@pytest.fixture
def process(network, tmp_path):
    made = OpenVinoProcess("Small")
    made.load(tmp_path / "small.onnx", "score", SHAPE, EXACT)
    yield made
    made.close()


def values_of(count, seed=0):
    return np.random.default_rng(seed).normal(0, 60, (count, *SHAPE[1:])).astype(np.float32)


def assert_alike(made, expected):
    """Equal to rounding in float32, as a fraction of the largest."""
    made, expected = (each.reshape(len(each), -1) for each in (made, expected))
    np.testing.assert_allclose(made, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_any_number_of_images_has_the_logits_of_the_network(network, process, count):
    values = values_of(count, count)
    expected = network.run({"data": values}, "score")["score"]
    assert_alike(process.run(values), expected)


def test_a_larger_batch_and_another_model_take_the_place_of_the_first(network, process, tmp_path):
    with Deel(seed=2, precision="float32"):
        other = small_network()
        other.export(tmp_path / "other.onnx")
    process.run(values_of(2))
    process.load(tmp_path / "other.onnx", "score", (50, *SHAPE[1:]), EXACT)
    values = values_of(50)
    expected = other.run({"data": values}, "score")["score"]
    assert_alike(process.run(values), expected)


def test_earlier_logits_stay_as_they_were(process):
    first = process.run(values_of(4))
    before = first.copy()
    assert not np.allclose(process.run(values_of(4, 1)), before)
    np.testing.assert_array_equal(first, before)


def test_what_it_cannot_run_is_one_sentence_and_it_goes_on(process, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    bad = [
        (tmp_path / "bad.onnx", "score", SHAPE),
        (tmp_path / "none.onnx", "score", SHAPE),
        (tmp_path / "small.onnx", "nothing", SHAPE),
        (tmp_path / "small.onnx", "score", (4, 5, 8, 8)),
    ]
    for given in bad:
        refused(
            TrainingError,
            r"^Small: OpenVINO cannot run it \(.+\); leave runtime= out$",
            lambda given=given: process.load(*given, EXACT),
        )
    process.load(tmp_path / "small.onnx", "score", SHAPE, EXACT)
    assert process.run(values_of(4)).shape == (4, 5)


def test_its_crash_is_one_sentence(process):
    os.kill(process._process.pid, signal.SIGSEGV)
    process._process.wait()
    refused(
        TrainingError,
        r"^Small: the process of OpenVINO ended with -11, .* leave runtime= out, or start",
        lambda: process.run(values_of(4)),
    )
    assert not process.close.alive


def test_settings_name_threads_and_type():
    assert settings_of(3, "bfloat16")["INFERENCE_NUM_THREADS"] == 3
    assert settings_of(3, "bfloat16")["INFERENCE_PRECISION_HINT"] == "bf16"
    assert {settings_of(1, each)["INFERENCE_PRECISION_HINT"] for each in (None, "float32")} == {
        "f32"
    }
