"""From a place in a list to pixels: read, digest, decode, choose the view, mix, render."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deelish.errors import DataError
from deelish.images.decoding.decode import check_bytes, decode_for, read_file
from deelish.images.decoding.frames import Frame, Opened
from deelish.images.pixels import Pixels, pack, packed
from deelish.images.sample import Item, Origin
from deelish.images.shards.members import Member
from deelish.images.views.mixing import Mixture
from deelish.images.views.recipes import Recipe, Shot, Showing
from deelish.images.views.view import (
    CENTRE,
    UNSEEN,
    View,
    content_seed,
    cut,
    file_digest,
    resized,
    view_seed,
)

Spec = tuple[int, int]
# By spec, where an image's pixels are put: uint8 (size, size, 3), a row of a batch. Were they put
# elsewhere first, both copies would go through memory, for 4 % of the time that an image takes.
Rows = Mapping[Spec, Pixels]
# Tells the draws of a mixture from those of the view at the same place.
MIXING = 1


class Read(NamedTuple):
    """An image of a batch; fault is a partner that could not be read, and why."""

    recipe: Recipe
    fault: tuple[Item, str] | None


class Reader:
    """Reads the images of a list. Nothing that it holds changes what it gives: threads share it.

    Fresh views follow from seed, epoch and index; recorded ones, and what they are mixed with,
    from the content of the file and the number of the view.
    """

    def __init__(self, items: Sequence[Item], seed: int, showing: Showing, skip: bool) -> None:
        self._items = items
        self._seed = seed
        self._showing = showing
        self._skip = skip

    def read(self, index: int, epoch: int, training: bool, rows: Rows) -> Read:
        """The image at an index, rendered to the rows; decoded once for each scale they want.

        An image whose partner cannot be read stays as it is where bad images are skipped.
        Raises DataError with the list's line.
        """
        item = self._items[index]
        bases = {base for _, base in rows}
        frame, digest = self._open(item, bases)
        shot = Shot(item, self._view(index, epoch, training, digest), digest)
        recipe, frames, fault = Recipe(shot), [frame], None
        if training and self._showing.mix is not None:
            mixture, other = self._mixture(self._showing.mix, index, epoch, digest)
            partner = self._items[other]
            try:
                frame, digest = self._open(partner, bases)
            except DataError as error:
                if not self._skip:
                    raise
                fault = (partner, str(error))
            else:
                view = self._view(other, epoch, training, digest)
                recipe = Recipe(shot, (mixture, Shot(partner, view, digest)))
                frames.append(frame)
        _render(recipe, frames, rows)
        return Read(recipe, fault)

    def again(self, recipe: Recipe, spec: Spec, row: Pixels) -> None:
        """What was read before, at another size; raises DataError for a file that has changed."""
        shots = [recipe.shot] if recipe.mixed is None else [recipe.shot, recipe.mixed[1]]
        frames = []
        for shot in shots:
            frame, digest = self._open(shot.item, [spec[1]])
            if digest != shot.digest:
                raise DataError(
                    f"{shot.item.where}: {shot.item.path} has changed since this batch was read;"
                    " start the training again"
                )
            frames.append(frame)
        _render(recipe, frames, {spec: row})

    def _open(self, item: Item, bases: Iterable[int]) -> tuple[Frame, bytes | None]:
        """The image; where views are recorded, the digest of the bytes that it was decoded from."""
        frame = Frame(lambda base: self._opened(item.origin, base))
        try:
            # One that nobody wants pixels of is looked at nevertheless.
            digests = {frame.at(base).digest for base in bases or [UNSEEN[1]]}
        except DataError as error:
            # For a folder or a shard the sentence has the place already.
            raise type(error)(f"{item.where}: {error}" if item.line else str(error)) from error
        if self._showing.views is None:
            return frame, None
        digest, *others = digests
        if others:
            raise DataError(
                f"{item.where}: {item.path} has changed since it was first read; start the training"
                " again"
            )
        return frame, digest

    def _opened(self, origin: Origin, base: int) -> Opened:
        recorded, cache = self._showing.views is not None, self._showing.cache
        if cache is None:
            return _decoded(origin, base, recorded)
        opened = cache.get(origin, base)
        if opened is None:
            opened = _decoded(origin, base, recorded or cache.digests)
            cache.put(origin, base, opened)
        return opened

    def _view(self, index: int, epoch: int, training: bool, digest: bytes | None) -> View:
        if not training or self._showing.views == CENTRE:
            return View.centre()
        if digest is None:
            return View.random(view_seed(self._seed, epoch, index), self._showing.mirror)
        return View.recorded(digest, self._number(epoch), self._showing.mirror)

    def _number(self, epoch: int) -> int:
        """The recorded view that an epoch, counted from 1, shows."""
        views = self._showing.views
        return (epoch - 1) % views if isinstance(views, int) else 0

    def _mixture(
        self, kind: str, index: int, epoch: int, digest: bytes | None
    ) -> tuple[Mixture, int]:
        """How an image is mixed, and the index of its partner, any other of the list."""
        if digest is None:
            seed = view_seed(self._seed, epoch, index, MIXING)
        else:
            seed = content_seed(digest, self._number(epoch), b"mixing")
        place, *values = np.random.Generator(np.random.PCG64(seed)).random(4).tolist()
        other = int(place * (len(self._items) - 1))
        return Mixture.draw(kind, *values), other + (other >= index)


def _decoded(origin: Origin, base: int, digested: bool) -> Opened:
    if isinstance(origin, Member):
        check_bytes(origin.where, origin.size)
        data: bytes | None = origin.read()
        pixels, scale = decode_for(origin.where, base, data)
    else:
        data = read_file(origin) if digested else None
        pixels, scale = decode_for(origin, base, data)
    digest = file_digest(data) if digested and data is not None else None
    return Opened(pixels, scale, digest)


def _render(recipe: Recipe, frames: Sequence[Frame], rows: Rows) -> None:
    """Put the pixels of each spec into its row; an image is made each base once."""
    whole: dict[int, list[Pixels]] = {}
    for (_, base), row in rows.items():
        if base not in whole:
            whole[base] = [resized(frame.at(base).pixels, base) for frame in frames]
        _mix(recipe, whole[base], row)


def _mix(recipe: Recipe, whole: Sequence[Pixels], row: Pixels) -> None:
    window = cut(whole[0], recipe.shot.view, len(row))
    if recipe.mixed is None:
        pack(window, row)
    else:
        mixture, partner = recipe.mixed
        other = cut(whole[1], partner.view, len(row))
        row[:] = mixture.apply(packed(window), packed(other))
