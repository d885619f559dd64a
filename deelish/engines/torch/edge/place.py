"""Where in a program a converter failed: the module of the operation that it cannot take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from deelish.engines.torch.edge.program import FILE

# What torch.fx adds to an error, and what converters call an operator of PyTorch.
_NODE = re.compile(r"While executing %(\w+)")
_OPERATOR = re.compile(r"aten[.:]+(\w+)")


def program_in(folder: Path) -> Any:
    """The program that the folder holds: a torch.export.ExportedProgram."""
    return torch.export.load(folder / FILE)


def place_in(program: Any, error: BaseException) -> str:
    """The path of the module that an error is about; "" where it says nothing that fits.

    Converters name a node of the program or an operator, of which the first one is taken.
    """
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    text = "\n".join(texts)
    names, operators = set(_NODE.findall(text)), set(_OPERATOR.findall(text))
    nodes = list(program.graph.nodes)
    named = [node for node in nodes if node.name in names]
    found = named or [node for node in nodes if _operator(node) in operators]
    return next((path for node in found if (path := _path(node))), "")


def _operator(node: Any) -> str:
    schema = getattr(node.target, "_schema", None)
    return "" if schema is None else schema.name.rpartition("::")[2]


def _path(node: Any) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]) if stack else ""
