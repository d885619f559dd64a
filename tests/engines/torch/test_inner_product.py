"""InnerProduct in PyTorch against a product of matrices."""

import numpy as np
import pytest
from one_layer import drawn, gradients_hold, run

rng = np.random.default_rng(0)


@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("transpose", [False, True])
def test_inner_product_reads_an_image_in_caffes_order(axis, transpose):
    x = rng.normal(size=(3, 4, 3, 5))
    args = {"num_output": 7, "axis": axis, "transpose": transpose}
    p = drawn(rng, "InnerProduct", x.shape, **args)
    (y,) = run("InnerProduct", x, p=p, **args)
    weight = p["weight"] if transpose else p["weight"].T
    wanted = x.reshape(*x.shape[:axis], -1) @ weight + p["bias"]
    assert np.allclose(y, wanted, atol=1e-5)


def test_gradients():
    args = {"num_output": 3, "axis": 2, "transpose": True}
    p = drawn(rng, "InnerProduct", (2, 2, 3), **args)
    assert gradients_hold("InnerProduct", [rng.normal(size=(2, 2, 3))], p, **args)
