"""The last links of a chain: found by running it, replaced by others of another width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.recording import links_of
from deelish.errors import TrainingError

chainer = import_chainer()
L = chainer.links

# Runs the chain on its example images: the number of its logits.
Run = Callable[[], int]


def last_layers(link: Any, run: Run) -> list[str]:
    """The linear link or convolution that makes the logits, by name; empty where there is none.

    It is the last one that runs with as many outputs as there are logits.
    """
    hook = _Widths()
    with hook:
        classes = run()
    names = {id(part): name for name, part in links_of(link).items()}
    found = [names[key] for key, width in hook.widths.items() if width == classes and key in names]
    return found[-1:]


def put_like(title: str, link: Any, names: list[str], classes: int) -> list[str]:
    """Put new links in the place of these, as `LearningModel.put_like` says."""
    for name in names:
        put(link, name, _like(title, name, part_of(title, link, name), classes))
    return names


def put_linear(link: Any, name: str, weight: np.ndarray, bias: np.ndarray) -> Callable[[], None]:
    """Put a link with weight (outputs, inputs) and bias in the place of another linear one.

    Returns:
        A function that puts the old link back.
    """
    (outputs, inputs), part = weight.shape, links_of(link)[name]
    made = L.Linear(inputs, outputs)
    if isinstance(part, L.Convolution2D):
        made = L.Convolution2D(inputs, outputs, 1)
    made.W.array[...] = weight.reshape(made.W.shape)
    made.b.array[...] = bias
    put(link, name, made)
    return lambda: put(link, name, part)


def is_linear(part: Any) -> bool:
    """Whether a link is linear, or a 1 x 1 convolution, with a bias."""
    if isinstance(part, L.Convolution2D):
        plain = part.W.shape[2:] == (1, 1) and part.groups == 1
        sides = part.stride, part.pad
        return bool(plain and part.b is not None and sides == ((1, 1), (0, 0)))
    return isinstance(part, L.Linear) and part.b is not None


def part_of(title: str, link: Any, name: str) -> Any:
    """A link of a chain by name.

    Raises:
        TrainingError: there is none.
    """
    links = links_of(link)
    if not name or name not in links:
        raise TrainingError(f"{title}: head={name!r} is no link of it; give one that it prints")
    return links[name]


def put(link: Any, name: str, made: Any) -> None:
    """Put a link in the place of another one of a chain."""
    links = links_of(link)
    parent, own, old = links[name.rpartition(".")[0]], name.rpartition(".")[2], links[name]
    made.to_device(old.device)
    if isinstance(parent, chainer.ChainList):
        # In a Sequential there are functions, too, which have a place and no name.
        place = next(number for number, part in enumerate(parent) if part is old)
        parent[place] = made
    else:
        delattr(parent, own)
        with parent.init_scope():
            setattr(parent, own, made)


def width_of(part: Any) -> int | None:
    """How many outputs a linear link or a convolution has; None of any other."""
    return int(part.W.shape[0]) if isinstance(part, L.Linear | L.Convolution2D) else None


def _like(title: str, name: str, part: Any, classes: int) -> Any:
    """A new link like this one with so many outputs, with the initial weights of Chainer.

    Raises:
        TrainingError: it is neither linear nor a convolution.
    """
    if isinstance(part, L.Linear):
        return L.Linear(part.W.shape[1], classes, nobias=part.b is None)
    if isinstance(part, L.Convolution2D) and part.groups == 1:
        sides = {"stride": part.stride, "pad": part.pad, "dilate": part.dilate}
        return L.Convolution2D(
            part.W.shape[1], classes, part.W.shape[2:], nobias=part.b is None, **sides
        )
    raise TrainingError(
        f"{title}: its link {name!r} is a {type(part).__name__}, and only a linear link or a"
        " convolution is replaced; give a chain with as many outputs as labels"
    )


class _Widths(chainer.LinkHook):  # type: ignore[misc, name-defined]
    """The widths of linear links and convolutions, in the order in which they last ran."""

    name = "deelish widths"

    def __init__(self) -> None:
        super().__init__()
        self.widths: dict[int, int] = {}

    def forward_postprocess(self, args: Any) -> None:
        width = width_of(args.link)
        if width is not None:
            self.widths.pop(id(args.link), None)
            self.widths[id(args.link)] = width
