"""Every layer kind in Chainer against PyTorch and NumPy: tops, gradients, changed buffers."""

import numpy as np
import pytest
from engines.cases import CASES
from engines.results import Result, assert_close, held, in_numpy, in_torch, largest, listed

from deelish.engines.call import Call
from deelish.plan.layers import KINDS

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@pytest.fixture(scope="module")
def ops(chainer):
    from deelish.engines.chainer.layers import OPS

    return OPS


def in_chainer(chainer, ops, case, moving):
    """Tops, weights and gradients in Chainer; gradients by the bottoms of these places."""
    bottoms = [
        chainer.Variable(array, requires_grad=place in moving)
        for place, array in enumerate(case.bottoms())
    ]
    weights = {
        name: chainer.Parameter(array) if name in case.trainable else array
        for name, array in case.weights().items()
    }
    generator = np.random.default_rng(0) if case.training else None
    how = Call(generator, case.tops, chainer.get_device("@numpy"))
    tops = listed(ops[case.kind](bottoms, held(weights), case.args, how))
    assert all(isinstance(top, chainer.Variable) for top in tops)
    arrays = [top.array for top in tops]
    projected = [
        chainer.functions.sum(top * by)
        for top, by in zip(tops, case.projections(arrays), strict=True)
    ]
    if projected:
        sum(projected).backward()
    for bottom, array in zip(bottoms, case.bottoms(), strict=True):
        assert np.array_equal(bottom.array, array)
    leaves = {place: bottoms[place] for place in moving}
    leaves |= {name: weights[name] for name in case.trainable}
    return Result(
        arrays,
        {name: getattr(weight, "array", weight) for name, weight in weights.items()},
        {
            name: np.zeros(leaf.shape) if leaf.grad is None else leaf.grad
            for name, leaf in leaves.items()
        },
    )


@every_case
def test_the_tops_are_those_of_torch_and_numpy(chainer, ops, case):
    got, torch, numpy = in_chainer(chainer, ops, case, case.moving), in_torch(case), in_numpy(case)
    assert all(top.dtype == np.float32 for top in got.tops)
    # A batch of one less its own mean leaves nothing but torch's noise.
    least = 1 if case.kind == "BatchNorm" else 0
    for top, other, plain in zip(got.tops, torch.tops, numpy.tops, strict=True):
        assert_close(top, other, 1e-5 * max(largest(other), least), "torch")
        assert_close(top, plain, 1e-5 * max(largest(plain), least), "numpy")
    for name, weight in got.weights.items():
        assert_close(weight, torch.weights[name], 1e-5 * largest(torch.weights[name]), name)


@every_case
def test_the_gradients_are_those_of_torch(chainer, ops, case):
    got = in_chainer(chainer, ops, case, case.moving).gradients
    for name, wanted in in_torch(case).gradients.items():
        assert_close(got[name], wanted, 1e-4 * largest(wanted), name)


@pytest.mark.parametrize("case", [c for c in CASES if c.trainable], ids=lambda case: case.id)
def test_weights_have_gradients_where_the_bottoms_have_no_gradient(chainer, ops, case):
    got = in_chainer(chainer, ops, case, []).gradients
    for name, wanted in in_torch(case, []).gradients.items():
        assert wanted.any(), name
        assert_close(got[name], wanted, 1e-4 * largest(wanted), name)


def test_chainer_has_exactly_the_kinds_of_plans(ops):
    assert set(ops) == set(KINDS)
