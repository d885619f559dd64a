"""A convolution whose gradients are compared with those of float64."""

import numpy as np
import torch
import torch.nn.functional as F

from deelish.engines import open_engine
from deelish.engines.torch.layers import convolution_gradients
from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill


def built(shape, args, *more, outputs):
    row = Layer("conv", "Convolution", num_output=outputs, **args)
    # Scores are computed in float32: here they are those of the pooling.
    pool = Layer("pool", "Pooling", global_pooling=True)
    plan = Plan([row, *more, pool], {"data": shape})
    values = {
        layer: {name: fill(blob, (0,), layer + name) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    return open_engine("torch", -1).build(plan, values)


def gradients(module, shape, args, is_rectified, type=torch.float32):
    """Ours in a type, and those of the same rounded numbers in float64.

    Of the image, the weights and the bias, if there is one.
    """
    draw = np.random.default_rng(3).normal(0, 1, shape).astype(np.float32)
    x, child = torch.from_numpy(draw).requires_grad_(), module.weights_of("conv")
    learnt = [x, *(each for each in (child.weight, child.bias) if each is not None)]
    with torch.autocast("cpu", torch.bfloat16, enabled=type == torch.bfloat16):
        y = module({"data": x}, ["conv"])["conv"]
    projection = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(type)
    ours = torch.autograd.grad((y * projection).sum(), learnt)
    exact = [each.detach().to(type).double().requires_grad_() for each in learnt]
    names = [args.get(name, value) for name, value in [("stride", 1), ("pad", 0), ("dilation", 1)]]
    names = [tuple(each) if isinstance(each, list) else each for each in names]
    made = F.conv2d(*exact[:2], exact[2] if exact[2:] else None, *names, args.get("group", 1))
    if is_rectified:
        # Where rounding decides the sign, its own counts.
        made = made * (y > 0)
    return ours, torch.autograd.grad((made * projection.double()).sum(), exact)


def watched(monkeypatch):
    """A list of the shapes of images that go one of our ways from now on."""
    seen, way = [], convolution_gradients.gradients_of_weights

    def of_weights(gradient, x, *others):
        seen.append(tuple(x.shape))
        return way(gradient, x, *others)

    monkeypatch.setattr(convolution_gradients, "gradients_of_weights", of_weights)
    return seen
