"""Reads inner links of a chain while it runs: what they make, or what goes into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.inference import no_such_layer
from deelish.engines.learning import INPUT_OF
from deelish.errors import TrainingError

chainer = import_chainer()


def links_of(link: Any) -> dict[str, Any]:
    """A link and all links in it by name: "conv1", "block.0.conv"; its own name is empty."""
    return {path.strip("/").replace("/", "."): part for path, part in link.namedlinks()}


@contextmanager
def recording(name: str, link: Any, layers: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Within the block the chain records these links as it runs, each its first time.

    Args:
        name: what errors call the chain.
        link: the chain.
        layers: names of its links; with `INPUT_OF` before the name, what goes into the link.

    Raises:
        PlanError: there is no such link.
    """
    outputs: dict[str, Any] = {}
    links, hooks = links_of(link), []
    for layer in dict.fromkeys(layers):
        part = links.get(layer.removeprefix(INPUT_OF))
        if part is None or not layer:
            no_such_layer(name, layer, links)
        hooks.append((part, _Recorder(layer, outputs)))
    for part, hook in hooks:
        part.add_hook(hook, hook.name)
    try:
        yield outputs
    finally:
        for part, hook in hooks:
            part.delete_hook(hook.name)


def recorded(name: str, layer: str, outputs: dict[str, Any]) -> Any:
    """What a link made.

    Raises:
        TrainingError: it did not run, or made no array.
    """
    if layer not in outputs or not is_array(outputs[layer]):
        made = f"makes {type(outputs[layer]).__name__}" if layer in outputs else "does not run"
        raise TrainingError(f"{name}: layer {layer!r} {made}; choose another")
    return outputs[layer]


def is_array(value: Any) -> bool:
    """Whether it is a variable of Chainer, or an array of NumPy or CuPy."""
    return isinstance(value, (chainer.Variable, *chainer.get_array_types()))


class _Recorder(chainer.LinkHook):  # type: ignore[misc, name-defined]
    """Records what a link returns, or what it is given."""

    def __init__(self, layer: str, outputs: dict[str, Any]) -> None:
        super().__init__()
        # One link may have several hooks, each under a name of its own.
        self.name = f"deelish {layer}"
        self._layer, self._outputs = layer, outputs

    def forward_preprocess(self, args: Any) -> None:
        if self._layer.startswith(INPUT_OF):
            self._outputs.setdefault(self._layer, args.args[0] if args.args else None)

    def forward_postprocess(self, args: Any) -> None:
        if not self._layer.startswith(INPUT_OF):
            self._outputs.setdefault(self._layer, args.out)
