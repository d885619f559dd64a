"""Pixels made a network's input by PyTorch: NumPy's very numbers, wherever they are made."""

import numpy as np
import pytest
import torch

from deelish.engines import open_engine
from deelish.errors import DataError
from deelish.plan.preprocessing import Preprocessing

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 3), dtype=np.uint8)
RULES = [
    Preprocessing(9, "BGR", (104.0, 117.0, 122.7)),
    Preprocessing(9, "RGB", (127.5,), 1 / 127.5),
    Preprocessing(9, "BGR", (1.5, 2.5, 3.5), (0.3, 1.0, 0.07)),
    Preprocessing(9, "L", (0.0,), 1 / 255),
    Preprocessing(9, "L", (33.3,)),
    Preprocessing(9, "BGR", (104, 117, 123), 2),
    Preprocessing(9, "RGB", (0,)),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.order} {rule.scale_text}")
@pytest.mark.parametrize("gpu", [-1, 0], ids=["cpu", "gpu"])
def test_the_numbers_are_numpys(rule, gpu):
    if gpu == 0 and not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU here")
    engine = open_engine("torch", gpu)
    made = engine.input_of(PIXELS, rule)
    np.testing.assert_array_equal(engine.numpy(made), rule.apply(PIXELS))


@pytest.mark.parametrize("rule", [RULES[3], RULES[4]], ids=lambda rule: rule.scale_text)
@pytest.mark.parametrize("coloured", [0, 1])
def test_grey_pixels_keep_their_values(rule, coloured):
    values = np.arange(243, dtype=np.uint8).reshape(3, 9, 9, 1)
    grey = np.repeat(values, 3, -1)
    grey[2, 8, 8, 1] += coloured * 9
    engine = open_engine("torch", -1)
    np.testing.assert_array_equal(engine.numpy(engine.input_of(grey, rule)), rule.apply(grey))


def test_pixels_that_may_not_be_written_to_stay_as_they_are():
    fixed = PIXELS.copy()
    fixed.flags.writeable = False
    open_engine("torch", -1).input_of(fixed, RULES[0])
    np.testing.assert_array_equal(fixed, PIXELS)


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_pixels_of_another_size_are_refused(engine):
    with pytest.raises(DataError, match=r"uint8 \(3, 9, 9, 3\);.*\(n, 8, 8, 3\)"):
        open_engine(engine, -1).input_of(PIXELS, Preprocessing(8))
