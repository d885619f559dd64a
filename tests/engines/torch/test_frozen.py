"""A frozen teacher gives the logits of its module, and is never frozen where that is not safe."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deelish.engines.torch.frozen import FEWEST, FrozenTeacher


class Net(nn.Module):
    """A small convolutional network; `after` is what its forward does to the logits."""

    def __init__(self, after=lambda logits: logits, norm=True):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.norm = nn.BatchNorm2d(16) if norm else nn.Identity()
        self.score = nn.Linear(16, 5)
        self.after = after
        self.runs = 0

    def forward(self, images):
        self.runs += 1
        maps = torch.relu(self.norm(self.conv(images)))
        return self.after(self.score(maps.mean((2, 3))))


def images(count=FEWEST):
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def logits(frozen, net, values, version=0):
    with torch.inference_mode():
        return frozen.forward(values, net, version)


def module(**options):
    net = Net(**options).eval()
    with torch.no_grad():
        if isinstance(net.norm, nn.BatchNorm2d):
            net.norm.running_mean.normal_(generator=torch.Generator().manual_seed(2))
            net.norm.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(3))
    return net


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_a_frozen_module_gives_its_logits(dtype):
    net = module()
    frozen = FrozenTeacher(net, dtype)
    with torch.inference_mode():
        expected = net(images())
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is not None):
        made = [logits(frozen, net, images()) for _ in range(3)]
    runs = net.runs
    tolerance = 1e-5 if dtype is None else 2e-2
    assert (made[0].float() - expected).abs().max() <= tolerance * expected.abs().max()
    assert torch.equal(made[0], made[2])
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is not None):
        logits(frozen, net, images())
    assert net.runs == runs


def test_weights_that_change_are_frozen_again():
    net = module()
    frozen = FrozenTeacher(net, None)
    logits(frozen, net, images(), version=0)
    with torch.no_grad():
        net.norm.bias += 1
        net.score.bias += 1
        expected = net(images())
    torch.testing.assert_close(logits(frozen, net, images(), version=1), expected)


def test_other_shapes_and_small_batches_run_as_they_are():
    net = module()
    frozen = FrozenTeacher(net, None)
    logits(frozen, net, images())
    for count in (FEWEST - 1, FEWEST + 1):
        runs = net.runs
        with torch.inference_mode():
            assert torch.equal(logits(frozen, net, images(count)), net(images(count)))
        assert net.runs == runs + 2


def test_the_shape_of_a_full_batch_is_frozen_whichever_comes_first():
    net = module()
    frozen, values = FrozenTeacher(net, None), images(FEWEST + 4)

    def runs_of(count):
        before = net.runs
        with torch.inference_mode():
            frozen.forward(values[:count], net, 0, FEWEST + 4)
        return net.runs - before

    assert [runs_of(FEWEST), runs_of(FEWEST)] == [1, 1]
    runs_of(FEWEST + 4)
    assert [runs_of(FEWEST + 4), runs_of(FEWEST)] == [0, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"norm": False},
        {"after": lambda x: x + torch.rand(())},
        {"after": lambda x: x * 2 if x.sum() > 0 else x},
        {"after": lambda x: x * float(x[0, 0])},
    ],
    ids=["no BatchNorm", "random", "a branch on the images", "a number of the first image"],
)
def test_a_module_that_cannot_be_frozen_safely_runs_as_it_is(options):
    net = module(**options)
    frozen = FrozenTeacher(net, None)
    logits(frozen, net, images())
    runs = net.runs
    logits(frozen, net, images())
    assert net.runs == runs + 1
