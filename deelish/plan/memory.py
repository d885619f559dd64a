"""Which blobs share memory, and what overwriting it in place means, by Caffe's rules."""

from __future__ import annotations

from deelish.errors import PlanError
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS


class Memory:
    """Follows the rows in order: who read each blob last, and which blobs share memory."""

    def __init__(self) -> None:
        self._readers: dict[str, str] = {}
        self._homes: dict[str, str] = {}

    def enter(self, layer: Layer) -> Layer:
        """Take a complete row in; the same row, with the blobs that it overwrites too.

        Raises:
            PlanError: it overwrites a blob that another row has read, which Caffe refuses.
        """
        written = [top for top in layer.tops if top in layer.bottoms]
        for top in written:
            if top in self._readers:
                raise PlanError(
                    f"{layer.label}: overwrites {top!r}, which {self._readers[top]} read before;"
                    " give it a top of its own"
                )
        for bottom in layer.bottoms:
            self._readers[bottom] = layer.label
        for top in layer.tops:
            self._readers.pop(top, None)
            if top not in written:
                self._homes[top] = self._home(layer.bottoms[0]) if _shares(layer) else top
        if not written:
            return layer
        homes = {self._home(top) for top in written}
        echoes = [name for name in self._homes if self._home(name) in homes and name not in written]
        echoes += [home for home in homes if home not in (*written, *echoes)]
        return layer.echoing(echoes) if echoes else layer

    def _home(self, blob: str) -> str:
        return self._homes.get(blob, blob)


def _shares(layer: Layer) -> bool:
    alone = len(layer.bottoms) == len(layer.tops) == 1
    return KINDS[layer.type].shares in (("always", "alone") if alone else ("always",))
