"""A student's forward pass in evaluation mode as a graph of PyTorch's operators."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from deelish.engines.torch.onnx_export import IMAGES, MOST_IMAGES
from deelish.errors import TrainingError, first_line


class _Outputs(nn.Module):
    """A network from one tensor to a tuple of its blobs."""

    def __init__(self, module: nn.Module, data: str, names: Sequence[str]) -> None:
        super().__init__()
        self.module, self.data, self.names = module, data, names

    def forward(self, values: Tensor) -> tuple[Tensor, ...]:
        made = self.module({self.data: values}, self.names)
        return tuple(made[name] for name in self.names)


def graph_of(
    name: str, module: nn.Module, data: str, names: Sequence[str], example: Tensor
) -> fx.GraphModule:
    """The graph from images to blobs, any number of images; its parameters are the module's own.

    Args:
        name: what errors call the module.
        module: what the engine runs; it is left in evaluation mode.
        data: the name of its input.
        names: the blobs that it returns.
        example: an input; its first two images are shown to the module.

    Raises:
        TrainingError: its forward pass depends on the values of the images, or cannot be followed.
    """
    module.eval()
    images = example[:IMAGES].detach().clone()
    batch = torch.export.Dim("batch", min=1, max=MOST_IMAGES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                _Outputs(module, data, names),
                (images,),
                dynamic_shapes=({0: batch},),
                strict=False,
            )
            made = program.module()
    except Exception as error:
        raise TrainingError(
            f"{name}: cannot learn in int8, since PyTorch cannot follow its forward pass"
            f" ({first_line(error)}); train it without int8=, and quantise it afterwards"
        ) from error
    _inline(made)
    return made


def _inline(module: fx.GraphModule) -> None:
    """Put what runs without autocast among the other nodes: all of the graph is in float32."""
    graph = module.graph
    for node in list(graph.nodes):
        if node.target is torch.ops.higher_order.wrap_with_autocast:
            _put_in(module, node)
        elif node.target == "_guards_fn":
            # It holds the sizes to those of the example.
            graph.erase_node(node)
    graph.lint()
    module.recompile()


def _put_in(module: fx.GraphModule, node: fx.Node) -> None:
    *_, part, values = _split(node)
    inner: fx.GraphModule = getattr(module, str(part.target))
    copies: dict[fx.Node, Any] = {}
    given = iter(values)
    with module.graph.inserting_before(node):
        for each in inner.graph.nodes:
            if each.op == "placeholder":
                copies[each] = next(given)
            elif each.op != "output":
                copies[each] = module.graph.node_copy(each, lambda old: copies[old])
    outputs = inner.graph.output_node().args[0]
    for user in list(node.users):
        # Each output is taken from the tuple that the part returns.
        index: int = user.args[1]  # type: ignore[assignment]
        user.replace_all_uses_with(copies[outputs[index]])  # type: ignore[index]
        module.graph.erase_node(user)
    module.graph.erase_node(node)


def _split(node: fx.Node) -> tuple[Any, ...]:
    """(device, dtype, enabled, cached, the part, its inputs) of a region of autocast."""
    device, dtype, enabled, cached, part, *values = node.args
    return device, dtype, enabled, cached, part, values
