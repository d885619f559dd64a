"""Where an int8 file rounds activations: at the inputs and outputs of what it computes in int8."""

from __future__ import annotations

import torch
from torch import fx

from deelish.engines.torch.int8.folding import FoldedLayer, nodes_of_images
from deelish.engines.torch.int8.rounding import Activation

_aten = torch.ops.aten
# Beside convolutions and linear layers: what onnxruntime, LiteRT and others compute in int8.
_COMPUTED = (
    *(_aten.add.Tensor, _aten.add_.Tensor, _aten.mul.Tensor, _aten.mul_.Tensor),
    *(_aten.cat.default, _aten.matmul.default, _aten.conv_transpose2d.input),
    *(_aten.avg_pool2d.default, _aten.adaptive_avg_pool2d.default),
    *(_aten.mean.dim, _aten.mean.default),
)
# They cut the range of the layer before, in one step with it.
_CUTS = (
    *(_aten.relu.default, _aten.relu_.default, _aten.relu6.default, _aten.relu6_.default),
    *(_aten.hardtanh.default, _aten.hardtanh_.default, _aten.clamp.default, _aten.clamp_.default),
    *(_aten.clamp_min.default, _aten.clamp_min_.default),
)
# They move numbers, and make none.
_MOVES = (
    *(_aten.max_pool2d.default, _aten.flatten.using_ints, _aten.reshape.default),
    *(_aten.view.default, _aten.permute.default, _aten.transpose.int, _aten.squeeze.dim),
    *(_aten.dropout.default, _aten.contiguous.default, _aten.clone.default),
)


def place(module: fx.GraphModule) -> list[Activation]:
    """Put an `Activation` behind each value that an int8 file holds in 8 bits; all of them."""
    graph = module.graph
    made: list[Activation] = []
    for node in _rounded_values(module):
        name = f"activation_{len(made)}"
        made.append(Activation())
        module.add_module(name, made[-1])
        with graph.inserting_after(node):
            new = graph.call_module(name, (node,))
        for user in [each for each in node.users if each is not new]:
            user.replace_input_with(node, new)
    graph.lint()
    module.recompile()
    return made


def _rounded_values(module: fx.GraphModule) -> list[fx.Node]:
    """The values of 8 bits: what such layers make and what they read, each once."""
    of_images, found = nodes_of_images(module.graph), []
    held: set[fx.Node] = set()
    for node in module.graph.nodes:
        if node not in of_images or not _is_float(node):
            continue
        if node.target in _MOVES and node.all_input_nodes[0] in held:
            held.add(node)
        elif _is_rounded(module, node):
            held.add(node)
            found.append(node)
    return found


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _is_rounded(module: fx.GraphModule, node: fx.Node) -> bool:
    readers = list(node.users)
    if node.target in _CUTS:
        return True
    if _computes(module, node):
        # A cut that follows has the range, and is rounded in its place.
        return not (len(readers) == 1 and readers[0].target in _CUTS)
    return any(_computes(module, reader) for reader in readers)


def _computes(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(module.get_submodule(str(node.target)), FoldedLayer)
    return node.target in _COMPUTED
