"""Values of an exported graph that no image changes, computed once and stored as its buffers.

Converters compute some of them again at each image: the matrix of an LRN, weights that a module
standardises as it runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

# Of their first argument they use the shape and the type alone.
_SHAPED = ("new_full", "new_zeros", "new_ones", "full_like", "zeros_like", "ones_like")


def with_constants(module: fx.GraphModule) -> fx.GraphModule:
    """The module, changed in place: what follows from its weights alone is in buffers."""
    found = _Found(module)
    for node in list(module.graph.nodes):
        found.look(node)
    found.store()
    return module


class _Found:
    def __init__(self, module: fx.GraphModule) -> None:
        self._module = module
        self._values: dict[fx.Node, Any] = {}

    def look(self, node: fx.Node) -> None:
        """Compute a node where all that it reads is known."""
        if node.op == "get_attr":
            self._values[node] = _attribute(self._module, str(node.target))
            return
        if not _is_pure(node):
            return
        given = list(node.args)
        if node.target._schema.name.removeprefix("aten::") in _SHAPED:  # type: ignore[union-attr]
            like = given[0].meta.get("val")  # type: ignore[union-attr]
            if not isinstance(like, Tensor) or not all(isinstance(s, int) for s in like.shape):
                return
            given[0] = torch.empty(like.shape, dtype=like.dtype)  # type: ignore[call-overload]
        if all(each in self._values for each in _nodes(given, node.kwargs)):
            args, kwargs = fx.map_arg((tuple(given), dict(node.kwargs)), self._values.__getitem__)
            with torch.no_grad():
                self._values[node] = node.target(*args, **kwargs)  # type: ignore[operator]

    def store(self) -> None:
        """Put a buffer in the place of each computed node that others read."""
        graph = self._module.graph
        for number, (node, value) in enumerate(self._values.items()):
            read_later = any(user not in self._values for user in node.users)
            if node.op == "get_attr" or not isinstance(value, Tensor) or not read_later:
                continue
            name = f"constant_{number}"
            self._module.register_buffer(name, value.detach().clone())
            with graph.inserting_before(node):
                stored = graph.get_attr(name)
            stored.meta = dict(node.meta)
            node.replace_all_uses_with(stored)
        graph.eliminate_dead_code()
        self._module.recompile()


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def _nodes(*given: Any) -> list[fx.Node]:
    found: list[fx.Node] = []
    fx.map_arg(given, found.append)
    return found


def _is_pure(node: fx.Node) -> bool:
    """Whether it is an operator that changes nothing and draws nothing."""
    target: Any = node.target
    if node.op != "call_function" or not isinstance(target, torch._ops.OpOverload):
        return False
    drawn = torch.Tag.nondeterministic_seeded in target.tags
    return not (target._schema.is_mutable or drawn) and bool(node.args)
