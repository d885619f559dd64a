"""One layer by itself: its shapes, its weights, and what the engine makes of arrays."""

import types

import numpy as np
import torch

from deelish.engines.torch.layers import OPS, Call
from deelish.plan.layers import KINDS


def full(kind, args):
    """The arguments with the kind's defaults."""
    return {**KINDS[kind].args, **args}


def shapes(kind, *bottoms, tops=1, **args):
    """The shapes of the tops."""
    return KINDS[kind].shape(full(kind, args), bottoms, tops)


def weights(kind, *bottoms, **args):
    """{name: (shape, filler, trainable)} of the layer's arrays, in order."""
    blobs = KINDS[kind].weights(full(kind, args), bottoms)
    return {name: (blob.shape, blob.filler, blob.trainable) for name, blob in blobs.items()}


def drawn(rng, kind, *bottoms, **args):
    """Normal numbers for the layer's arrays, by name."""
    found = weights(kind, *bottoms, **args)
    return {name: rng.normal(size=size) for name, (size, _, _) in found.items()}


def call(kind, bottoms, p=None, tops=1, generator=None, **args):
    """The layer's tops, as a list of tensors, of tensors."""
    given = types.SimpleNamespace(**{"bias": None, **(p or {})})
    how = Call(generator, tops, torch.device("cpu"))
    made = OPS[kind](bottoms, given, full(kind, args), how)
    return [made] if isinstance(made, torch.Tensor) else list(made)


def run(kind, *arrays, p=None, tops=1, generator=None, **args):
    """The layer's tops of arrays: float32, of the shapes that the rule gives; bottoms untouched."""
    bottoms = [torch.from_numpy(np.array(a, dtype=np.float32)) for a in arrays]
    # As the engine keeps images.
    bottoms = [
        b.contiguous(memory_format=torch.channels_last) if b.dim() == 4 else b for b in bottoms
    ]
    held = {name: torch.tensor(value, dtype=torch.float32) for name, value in (p or {}).items()}
    made = call(kind, bottoms, held, tops, generator, **args)
    for bottom, array in zip(bottoms, arrays, strict=True):
        assert np.array_equal(bottom.numpy(), np.asarray(array, dtype=np.float32), equal_nan=True)
    assert all(top.dtype == torch.float32 for top in made)
    expected = shapes(kind, *[tuple(b.shape) for b in bottoms], tops=tops, **args)
    if kind != "Filter":
        assert [tuple(top.shape) for top in made] == expected
    return [top.numpy() for top in made]


def numbers(*shape, seed=0, low=-2.0, high=2.0):
    """Numbers of a uniform draw, float32."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def gradients_hold(kind, arrays, p=None, tops=1, fixed=(), **args):
    """Whether the gradients of bottoms and weights are those of finite differences.

    `fixed` are further bottoms, which have none.
    """
    last = [torch.tensor(np.asarray(a, dtype=np.float64)) for a in fixed]
    names = list(p or {})
    given = [np.asarray(a, dtype=np.float64) for a in (*arrays, *(p or {}).values())]

    def function(*tensors):
        held = dict(zip(names, tensors[len(arrays) :], strict=True))
        return tuple(call(kind, [*tensors[: len(arrays)], *last], held, tops, **args))

    tensors = [torch.tensor(a, requires_grad=True) for a in given]
    return torch.autograd.gradcheck(function, tensors)
