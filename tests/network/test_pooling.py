"""Means of features over positions or tokens: shapes, numbers and refusals."""

import numpy as np
import pytest
from differences import engine_of

from deelish.errors import TrainingError
from deelish.network.pooling import mean_over_positions


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 5), ()), ((3, 4, 5), (1,)), ((3, 5, 2, 4), (2, 3)), ((1, 5, 1, 1), (2, 3))],
)
def test_positions_and_tokens_are_averaged(each_engine, shape, axes):
    engine = engine_of(each_engine)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    made = engine.numpy(mean_over_positions(engine, engine.array(values), shape[0], "'x' of Y"))
    np.testing.assert_allclose(made, values.mean(axes) if axes else values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 2, 2, 2), (12, 5)])
def test_other_axes_are_refused_in_one_sentence(each_engine, shape):
    engine = engine_of(each_engine)
    blob = engine.array(np.zeros(shape, np.float32))
    with pytest.raises(TrainingError, match=r"'x' of Y makes \(.*name another layer"):
        mean_over_positions(engine, blob, 3, "'x' of Y")
