"""What a process group averages of a module, where this process has a part of a batch."""

from __future__ import annotations

import torch
from torch import nn

from deelish.engines.torch.group import TorchGroup


class Alone(TorchGroup):
    """A group whose other processes add nothing."""

    def __init__(self):
        self.sums = []

    def _all_reduce(self, tensor):
        self.sums.append(tensor.clone())


def test_running_statistics_are_averaged_and_counters_are_not():
    module = nn.BatchNorm1d(3)
    module.running_mean.copy_(torch.tensor([3.0, 6.0, 9.0]))
    module.num_batches_tracked.fill_(7)
    group = Alone()
    group.average_buffers(module, 1 / 3)
    torch.testing.assert_close(module.running_mean, torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(module.running_var, torch.full((3,), 1 / 3))
    assert module.num_batches_tracked.item() == 7
    assert [len(each) for each in group.sums] == [6]


def test_a_module_without_buffers_needs_no_sum():
    group = Alone()
    group.average_buffers(nn.Linear(2, 2), 0.5)
    assert group.sums == []
