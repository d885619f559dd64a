"""The last links of a chain: found by running it, replaced by others of another width."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.recording import links_of
from deelish.engines.learning import NewLayers
from deelish.errors import TrainingError, first_line

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


def replace_last(title: str, link: Any, run: Run, classes: int, given: Iterable[str]) -> NewLayers:
    """Give the chain new last links with so many outputs.

    Args:
        title: what errors call the chain.
        link: the chain, which is changed.
        run: runs it on two images.
        classes: how many outputs the new links have.
        given: the links to replace; empty for the one that `last_layers` finds.

    Raises:
        TrainingError: there is none, it cannot be replaced, or the logits stay as they were.
    """
    before = run()
    names = list(given) or last_layers(link, run)
    if not names:
        raise TrainingError(
            f"{title}: no linear link or convolution makes its {before} logits, so that none can"
            f" be replaced by one of {classes}; name it with head="
        )
    for name in names:
        part = part_of(title, link, name)
        put(link, name, _like(title, name, part, classes))
    try:
        width = run()
    except Exception as error:
        raise TrainingError(
            f"{title}: fails after its link {', '.join(names)} was replaced"
            f" ({first_line(error)}); name all links that make its logits with head="
        ) from error
    if width != classes:
        raise TrainingError(
            f"{title}: gives {width} logits after {', '.join(names)} was replaced by a link of"
            f" {classes} outputs; name the links that make its logits with head="
        )
    return NewLayers(names, before)


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
