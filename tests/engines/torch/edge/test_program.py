"""The exported program of a network: its logits, the names of its layers, its constants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deelish import Deel, Layer, Network
from deelish.engines.torch.edge.place import place_in, program_in
from deelish.engines.torch.edge.program import program_of_module, program_of_rows
from deelish.engines.torch.edge.rows import RowsModule
from deelish.engines.torch.layers import OPS
from deelish.errors import FileError

ROWS = [
    Layer("conv", "Convolution", num_output=4, kernel_size=3),
    Layer("lrn", "LRN", local_size=3),
    Layer("flat", "Flatten"),
    Layer("relu", "ReLU", bottom="flat", top="flat"),
    Layer("score", "InnerProduct", bottom="lrn", top="score", num_output=3),
]


class Standardised(nn.Module):
    """A convolution whose weights are standardised as it runs, and dropout."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2))

    def forward(self, x):
        weight = self.conv.weight
        weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / weight.std()
        maps = nn.functional.conv2d(x, weight, self.conv.bias)
        return self.head(maps.mean((2, 3)))


@pytest.fixture
def rows(tmp_path):
    """The program of a network, what its modules are called, and the network."""
    with Deel(seed=1):
        network = Network(ROWS, in_size=8)
        values = network.engine.state(network.module)
        names = program_of_rows(tmp_path, network.plan, values, (3, 8, 8))
        yield program_in(tmp_path), names, network


def operators(program):
    """The operators of a program, by PyTorch's names."""
    return [str(n.target) for n in program.graph.nodes if n.op == "call_function"]


def image():
    return torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, 3, 8, 8)).astype("f4"))


def test_the_logits_of_rows_also_behind_blobs_that_share_memory(rows):
    program, _, network = rows
    ours = network.run({"data": image().numpy()}, ["score"])["score"]
    assert np.allclose(program.module()(image()).detach().numpy(), ours, atol=1e-5)


def test_the_matrix_of_lrn_is_a_constant(rows):
    assert not [name for name in operators(rows[0]) if "tri" in name or "full" in name]


def test_an_error_about_an_operation_names_the_layer(rows):
    program, names, _ = rows
    error = RuntimeError("Lowering not found: aten.rsqrt.default")
    assert names[place_in(program, error)] == "layer 'lrn' (LRN)"
    node = next(n.name for n in program.graph.nodes if "linear" in str(n.target))
    outer = ValueError("failed")
    outer.__cause__ = RuntimeError(f"While executing %{node} = call_function")
    assert names[place_in(program, outer)] == "layer 'score' (InnerProduct)"
    assert place_in(program, ValueError("no memory")) == ""


def test_a_module_is_exported_in_evaluation_mode_and_stays_as_it_is(tmp_path):
    module = Standardised().to(memory_format=torch.channels_last)
    weight, pointer = module.conv.weight, module.conv.weight.data_ptr()
    names = program_of_module(tmp_path, "Mine", module.train(), None, (3, 8, 8))
    assert module.conv.weight is weight
    assert weight.data_ptr() == pointer
    assert weight.is_contiguous(memory_format=torch.channels_last)
    program = program_in(tmp_path)
    assert torch.allclose(program.module()(image()), module.eval()(image()), atol=1e-6)
    assert not [name for name in operators(program) if "std" in name]
    assert all(value.is_contiguous() for value in program.state_dict.values())
    error = RuntimeError("Lowering not found: aten.linear.default")
    assert names[place_in(program, error)] == "module 'head.1'"


def test_a_module_that_cannot_be_exported_is_one_sentence(tmp_path):
    class Branching(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)) if float(x.sum()) > 0 else x.amax((2, 3))

    with pytest.raises(FileError, match=r"^Mine: PyTorch cannot export it \(.*\); write") as caught:
        program_of_module(tmp_path, "Mine", Branching(), None, (3, 8, 8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "args",
    [
        {"type": "LRN", "local_size": 3, "alpha": 0.3},
        {"type": "LRN", "local_size": 3, "norm_region": "WITHIN_CHANNEL"},
        {"type": "Pooling", "pool": "AVE", "kernel_size": 3, "stride": 2},
        {"type": "Pooling", "pool": "AVE", "kernel_size": 3, "stride": 2, "pad": 1},
        {"type": "Pooling", "pool": "AVE", "global_pooling": True},
        {"type": "Pooling", "pool": "MAX", "kernel_size": 3, "stride": 2},
    ],
)
def test_what_runtimes_read_in_several_ways_is_written_plainly(args):
    args = dict(args)
    rows = [Layer("odd", args.pop("type"), bottom="data", top="odd", **args)]
    with Deel(seed=1):
        network = Network([*rows, Layer("score", "InnerProduct", num_output=3)], in_size=8)
        values = network.engine.state(network.module)
        plain = RowsModule(network.plan, values).eval()
        images = image().repeat(2, 1, 1, 1)
        ours = network.run({"data": images.numpy()}, ["score"])["score"]
    assert np.allclose(plain(images).detach().numpy(), ours, atol=1e-5)


def test_lrn_of_large_pixels_in_float16():
    """Some runtimes make what is below 6.1e-5 a zero, and the square of 300 is infinite."""
    with Deel():
        network = Network([Layer("odd", "LRN", alpha=1e-4)], in_size=8)
        plain = RowsModule(network.plan, {}).eval()
        images = image() * 300
        ours = network.run({"data": images.numpy()}, ["odd"])["odd"]
    halved = plain(images.half()).float().numpy()
    assert np.allclose(halved, ours.reshape(1, -1), rtol=5e-3, atol=0.05)


def test_an_operation_that_a_script_put_in_place_of_ours_is_written(monkeypatch):
    with Deel():
        network = Network([Layer("odd", "LRN")], in_size=8)
        plain = RowsModule(network.plan, {}).eval()
        monkeypatch.setitem(OPS, "LRN", lambda x, p, a, c: x[0] + 7)
        assert torch.allclose(plain(image()), (image() + 7).flatten(1))
