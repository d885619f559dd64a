"""Which view of an image a batch shows: drawn from the epoch and the index, or recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deelish.images.views.seeds import first_draws, view_seeds
from deelish.images.views.view import CENTRE, View, content_seed, content_seeds, view_seed

# What `mirror=` calls views of which every other one is mirrored.
ALTERNATE = "alternate"
# The draw of the first side must differ from those of the view at the same index, and of a mixture.
_FIRST_SIDE = 2


@dataclass(frozen=True)
class ViewRule:
    """How the views of the training images are chosen.

    seed: of the session.  views: None for a fresh view in every epoch, K for K recorded ones an
    image, CENTRE for the middle.  mirror: True where half of the views are mirrored, by chance;
    ALTERNATE where chance decides on the first one alone, and each further one is mirrored if the
    one before was not (Jordan 2024, section 3.6).  padding: see `View`.
    """

    seed: int
    views: int | str | None = None
    mirror: bool | str = True
    padding: float = 0.0

    def view(self, index: int, epoch: int, digest: bytes | None) -> View:
        """The view of the image at an index in an epoch.

        digest: of its file, on which recorded views depend; None where they are fresh.
        """
        if self.views == CENTRE:
            return View.centre()
        chance = self.mirror is True
        if digest is None:
            view = View.random(view_seed(self.seed, epoch, index), chance, self.padding)
            if self.mirror == ALTERNATE:
                first = view_seed(self.seed, 0, index, _FIRST_SIDE)
                view = replace(view, mirror=bool((first + epoch) % 2))
            return view
        number = self.number(epoch)
        view = View.recorded(digest, number, chance, self.padding)
        if self.mirror == ALTERNATE:
            first = content_seed(digest, 0, b"first side")
            view = replace(view, mirror=bool((first + number) % 2))
        return view

    def many(
        self, indices: Sequence[int], epoch: int, digests: Sequence[bytes] | None
    ) -> list[View]:
        """`view` of each index, several times as fast for many.

        digests: of their files; None where views are fresh.
        """
        if self.views == CENTRE:
            return [View.centre()] * len(indices)
        turn = epoch if digests is None else self.number(epoch)
        seeds = self._seeds(indices, turn, digests, b"view")
        draws = first_draws(seeds, 3)
        if self.mirror == ALTERNATE:
            first = self._seeds(indices, 0, digests, b"first side", _FIRST_SIDE)
            mirrored = (first + np.uint64(turn)) % np.uint64(2) == 1
        else:
            mirrored = (draws[:, 2] < 0.5) & (self.mirror is True)
        left, top, _ = draws.T.tolist()
        columns = zip(seeds.tolist(), left, top, mirrored.tolist(), strict=True)
        return [View(*each, box=None, padding=self.padding) for each in columns]

    def number(self, epoch: int) -> int:
        """The number of the recorded view that an epoch, counted from 1, shows."""
        return (epoch - 1) % self.views if isinstance(self.views, int) else 0

    def _seeds(
        self,
        indices: Sequence[int],
        turn: int,
        digests: Sequence[bytes] | None,
        name: bytes,
        *purpose: int,
    ) -> NDArray[np.uint64]:
        """The seed of each image in a turn, by its index, or by its digest and the draw's name."""
        if digests is None:
            return view_seeds(self.seed, turn, np.array(indices, np.int64), *purpose)
        return content_seeds(digests, turn, name)
