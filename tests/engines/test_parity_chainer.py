"""Every layer kind in Chainer against PyTorch and NumPy: tops, gradients, what training counts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from engines.cases import CASES

from deelish.engines.call import Call
from deelish.engines.numpy_ops import OPS as NUMPY
from deelish.engines.torch_ops import OPS as TORCH

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@pytest.fixture(scope="module")
def ops(chainer):
    from deelish.engines.chainer_ops import OPS

    return OPS


def listed(made):
    return list(made) if isinstance(made, list | tuple) else [made]


def in_torch(case, moving):
    """Tops, gradients and weights of a case; gradients by the bottoms of these places."""
    bottoms = [torch.from_numpy(array) for array in case.bottoms()]
    weights = {name: torch.from_numpy(array) for name, array in case.weights().items()}
    leaves = {place: bottoms[place] for place in moving}
    leaves |= {name: weights[name] for name in case.learnt}
    for leaf in leaves.values():
        leaf.requires_grad_()
    how = Call(torch.Generator() if case.training else None, case.tops, torch.device("cpu"))
    tops = listed(TORCH[case.kind](bottoms, held(weights), case.args, how))
    arrays = [top.detach().numpy() for top in tops]
    projected = [
        (top * torch.from_numpy(by)).sum()
        for top, by in zip(tops, case.projections(arrays), strict=True)
        if top.requires_grad
    ]
    if projected:
        sum(projected).backward()
    gradients = {
        name: None if leaf.grad is None else leaf.grad.numpy() for name, leaf in leaves.items()
    }
    return arrays, gradients, {name: weight.detach().numpy() for name, weight in weights.items()}


def in_chainer(chainer, ops, case, moving):
    """The same in Chainer."""
    bottoms = [
        chainer.Variable(array, requires_grad=place in moving)
        for place, array in enumerate(case.bottoms())
    ]
    weights = {
        name: chainer.Parameter(array) if name in case.learnt else array
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
    gradients = {place: bottoms[place].grad for place in moving}
    gradients |= {name: weights[name].grad for name in case.learnt}
    return arrays, gradients, {name: getattr(w, "array", w) for name, w in weights.items()}


def in_numpy(case):
    """The tops in NumPy."""
    how = Call(np.random.default_rng(0) if case.training else None, case.tops, "cpu")
    return listed(NUMPY[case.kind](case.bottoms(), held(case.weights()), case.args, how))


def held(weights):
    return SimpleNamespace(**{"bias": None, **weights})


def assert_close(got, wanted, share, what, least=0):
    """Equal but for a share of the largest number, and of no less than `least`.

    The lowest float, that a window of nothing has for its maximum, does not count as one.
    """
    assert np.shape(got) == np.shape(wanted), what
    sizes = np.abs(wanted)
    largest = sizes[sizes < 1e30].max(initial=least)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=share * largest, err_msg=str(what))


@every_case
def test_the_tops_are_those_of_torch_and_numpy(chainer, ops, case):
    tops, _, weights = in_chainer(chainer, ops, case, case.moving)
    others, _, counted = in_torch(case, case.moving)
    assert all(top.dtype == np.float32 for top in tops)
    # A batch of one less its own mean leaves nothing but torch's noise.
    least = 1 if case.kind == "BatchNorm" else 0
    for top, other, plain in zip(tops, others, in_numpy(case), strict=True):
        assert_close(top, other, 1e-5, "torch", least)
        assert_close(top, plain, 1e-5, "numpy", least)
    for name, weight in weights.items():
        assert_close(weight, counted[name], 1e-5, name)


@every_case
def test_the_gradients_are_those_of_torch(chainer, ops, case):
    _, gradients, _ = in_chainer(chainer, ops, case, case.moving)
    _, wanted, _ = in_torch(case, case.moving)
    for name, gradient in wanted.items():
        if gradient is None:
            assert gradients[name] is None or not gradients[name].any(), name
        else:
            assert_close(gradients[name], gradient, 1e-4, name)


@pytest.mark.parametrize("case", [c for c in CASES if c.learnt], ids=lambda case: case.id)
def test_weights_learn_where_the_bottoms_have_no_gradient(chainer, ops, case):
    _, gradients, _ = in_chainer(chainer, ops, case, [])
    _, wanted, _ = in_torch(case, [])
    for name, gradient in wanted.items():
        assert_close(gradients[name], gradient, 1e-4, name)


def test_no_kind_of_torch_is_left_out(ops):
    assert set(ops) == set(TORCH) == {case.kind for case in CASES}
