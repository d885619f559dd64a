"""Folds normalisation into the layer before it: what an int8 file rounds are the folded weights.

Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
Only Inference", section 3.2. The statistics are the running ones, as in evaluation; weight, scale
and shift stay the student's own parameters, and learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

_aten = torch.ops.aten
# Each takes (input, weight, bias, ...), its outputs along the first axis of the weights.
WEIGHTED = (
    _aten.conv1d.default,
    _aten.conv2d.default,
    _aten.conv2d.padding,
    _aten.linear.default,
)
_SUMS = (_aten.add.Tensor, _aten.add_.Tensor)
_DIFFERENCES = (_aten.sub.Tensor, _aten.sub_.Tensor)
_PRODUCTS = (_aten.mul.Tensor, _aten.mul_.Tensor)
_QUOTIENTS = (_aten.div.Tensor, _aten.div_.Tensor)
_NORM = _aten.batch_norm.default
_IDENTITIES = (_aten.dropout.default, _aten.contiguous.default, _aten.clone.default)

Rounding = Callable[[Tensor], Tensor]


class FoldedLayer(nn.Module):
    """A convolution or a linear layer with what follows it by channel, its weights rounded.

    Args:
        op: PyTorch's operator.
        rest: its arguments behind the bias.
        steps: the operators that follow; each has its operands among the inputs.
        rounded: from the folded weights to those of 8 bits.
    """

    def __init__(self, op: Any, rest: tuple[Any, ...], steps: list[Any], rounded: Rounding) -> None:
        super().__init__()
        self._op, self._rest, self._steps, self._rounded = op, rest, steps, rounded

    def forward(self, x: Tensor, weight: Tensor, bias: Any, operands: list[Any]) -> Tensor:
        """The output for x, as the folded layer of an int8 file makes it."""
        factor = weight.new_ones(len(weight))
        shift = weight.new_zeros(len(weight)) if bias is None else bias
        given = iter(operands)
        for op in self._steps:
            times, plus = _affine(op, given)
            factor, shift = factor * times, shift * times + plus
        folded = weight * factor.reshape(-1, *[1] * (weight.dim() - 1))
        made: Tensor = self._op(x, self._rounded(folded), shift, *self._rest)
        return made


def _affine(op: Any, given: Iterator[Any]) -> tuple[Any, Any]:
    """(factor, shift) by channel of one operator, from its operands."""
    if op is _NORM:
        weight, bias, mean, variance, eps = (next(given) for _ in range(5))
        factor = (variance + eps).rsqrt()
        factor = factor if weight is None else factor * weight
        return factor, -mean * factor if bias is None else bias - mean * factor
    value = next(given)
    value = value.reshape(-1) if isinstance(value, Tensor) else value
    if op in _PRODUCTS:
        return value, 0.0
    if op in _QUOTIENTS:
        return 1 / value, 0.0
    return 1.0, value if op in _SUMS else -value


def fold(module: fx.GraphModule, rounded: Rounding) -> list[fx.Node]:
    """Replace each weighted layer, with what follows it by channel, by a `FoldedLayer`.

    Returns:
        The nodes of the new layers.
    """
    graph = module.graph
    made: list[fx.Node] = []
    of_images = nodes_of_images(graph)
    for node in list(graph.nodes):
        if node.target not in WEIGHTED or node.args[0] not in of_images:
            continue
        if not isinstance(node.args[1], fx.Node) or node.args[1] in of_images:
            continue
        chain = list(_chain(node, of_images))
        given: list[Any] = [*node.args, None]
        x, weight, bias, rest = given[0], given[1], given[2], tuple(node.args[3:])
        steps = [each.target for each, _ in chain]
        operands = [value for _, values in chain for value in values]
        last = chain[-1][0] if chain else node
        name = f"folded_{len(made)}"
        module.add_module(name, FoldedLayer(node.target, rest, steps, rounded))
        with graph.inserting_after(last):
            new = graph.call_module(name, (x, weight, bias, operands))
        new.meta = dict(last.meta)
        last.replace_all_uses_with(new)
        for each, _ in reversed(chain):
            graph.erase_node(each)
        graph.erase_node(node)
        made.append(new)
    graph.lint()
    module.recompile()
    return made


def nodes_of_images(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that depend on the images, and not on the parameters alone."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder" or found.intersection(node.all_input_nodes):
            found.add(node)
    return found


def _chain(node: fx.Node, of_images: set[fx.Node]) -> Iterator[tuple[fx.Node, list[Any]]]:
    """The nodes behind a layer that multiply and shift its channels, with their operands."""
    current = node
    while len(current.users) == 1:
        (user,) = current.users
        operands = _operands(user, current, of_images)
        if operands is None:
            return
        yield user, operands
        current = user


def _operands(user: fx.Node, before: fx.Node, of_images: set[fx.Node]) -> list[Any] | None:
    """What a node needs beside the layer's output; None where it cannot be folded."""
    if user.target is _NORM:
        _, weight, bias, mean, variance, training, _, eps, *_ = user.args
        return None if training else [weight, bias, mean, variance, eps]
    if user.target not in (*_SUMS, *_DIFFERENCES, *_PRODUCTS, *_QUOTIENTS) or user.kwargs:
        return None
    first, second = user.args
    other = second if first is before else first
    swapped = first is not before and user.target in (*_DIFFERENCES, *_QUOTIENTS)
    if swapped or other is before or other in of_images or not _is_by_channel(other, before):
        return None
    return [other]


def _is_by_channel(value: Any, layer: fx.Node) -> bool:
    """Whether a value has one number, or one for each channel of a layer's output."""
    if not isinstance(value, fx.Node):
        return isinstance(value, int | float)
    shape, output = value.meta["val"].shape, layer.meta["val"].shape
    if shape.numel() == 1:
        return True
    # Shapes are aligned at their last axes. Of two axes, and of tokens, the channels are last.
    behind = 0 if layer.target is _aten.linear.default else len(output) - 2
    at = len(shape) - 1 - behind
    return at >= 0 and shape[at] == shape.numel()
