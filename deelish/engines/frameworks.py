"""Which framework an object is of; it imports none, since the object's own is imported already."""

from __future__ import annotations

import sys
from typing import Any

from deelish.errors import TrainingError

# The class of what learns, by the engine that trains it.
CLASSES = {"torch": "nn.Module", "chainer": "Link"}


def is_module(source: object, framework: str) -> bool:
    """Whether it is a torch.nn.Module, or a chainer.Link, as the framework says."""
    found: Any = sys.modules.get(framework)
    for name in CLASSES[framework].split("."):
        found = getattr(found, name, None)
    return isinstance(found, type) and isinstance(source, found)


def check_source(source: object, engine: str) -> None:
    """Refuse what an engine cannot train.

    Raises:
        TrainingError: it is of another framework, or of none.
    """
    got = type(source).__name__
    for framework, kind in CLASSES.items():
        if is_module(source, framework):
            if framework == engine:
                return
            raise TrainingError(
                f"Student({got}): is a {framework}.{kind}, which the engine {engine!r} does not"
                f" train; take Deel(engine={framework!r})"
            )
    raise TrainingError(
        f"Student({got}): takes a torch.nn.Module, a chainer.Link, or the name of a model, such as"
        " 'timm/resnet18' or 'torchvision/resnet18'"
    )
