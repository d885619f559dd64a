"""From a place in a list to pixels: read, digest, decode, choose the view, mix, render."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.images.decode import decode, read_file
from deelish.images.lists import Item
from deelish.images.mixing import Mixture
from deelish.images.recipes import Recipe, Shot, Showing
from deelish.images.views import CENTRE, View, content_seed, file_digest, render, view_seed

if TYPE_CHECKING:
    from PIL.Image import Image

Spec = tuple[int, int]
Pixels = NDArray[np.uint8]
# Tells the draws of a mixture from those of the view at the same place.
MIXING = 1


class Read(NamedTuple):
    """An image of a batch; fault is a partner that could not be read, and why."""

    recipe: Recipe
    pixels: dict[Spec, Pixels]
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

    def read(self, index: int, epoch: int, training: bool, specs: Sequence[Spec]) -> Read:
        """The image at an index, decoded once and rendered for each spec.

        An image whose partner cannot be read stays as it is where bad images are skipped.
        Raises DataError with the list's line.
        """
        item = self._items[index]
        image, digest = self._open(item)
        shot = Shot(item, self._view(index, epoch, training, digest), digest)
        recipe, images, fault = Recipe(shot), [image], None
        if training and self._showing.mix is not None:
            mixture, other = self._mixture(self._showing.mix, index, epoch, digest)
            partner = self._items[other]
            try:
                image, digest = self._open(partner)
            except DataError as error:
                if not self._skip:
                    raise
                fault = (partner, str(error))
            else:
                view = self._view(other, epoch, training, digest)
                recipe = Recipe(shot, (mixture, Shot(partner, view, digest)))
                images.append(image)
        return Read(recipe, {spec: _pixels(recipe, images, spec) for spec in specs}, fault)

    def again(self, recipe: Recipe, spec: Spec) -> Pixels:
        """What was read before, at another size; raises DataError for a file that has changed."""
        shots = [recipe.shot] if recipe.mixed is None else [recipe.shot, recipe.mixed[1]]
        images = []
        for shot in shots:
            image, digest = self._open(shot.item)
            if digest != shot.digest:
                raise DataError(
                    f"{shot.item.where}: {shot.item.path} has changed since this batch was read;"
                    " start the training again"
                )
            images.append(image)
        return _pixels(recipe, images, spec)

    def _open(self, item: Item) -> tuple[Image, bytes | None]:
        """The image; where views are recorded, the digest of the bytes that it was decoded from."""
        recorded, keeping = self._showing.views is not None, self._showing.keeping
        try:
            if keeping is None:
                return _decoded(item.path, recorded)
            opened = keeping.get(item.path)
            if opened is None:
                opened = _decoded(item.path, recorded or keeping.digests)
                keeping.put(item.path, *opened)
            return opened if recorded else (opened[0], None)
        except DataError as error:
            # For a folder the place is the path, which the sentence has already.
            raise DataError(f"{item.where}: {error}" if item.line else str(error)) from error

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


def _decoded(path: Path, digested: bool) -> tuple[Image, bytes | None]:
    if not digested:
        return decode(path), None
    data = read_file(path)
    return decode(path, data), file_digest(data)


def _pixels(recipe: Recipe, images: Sequence[Image], spec: Spec) -> Pixels:
    pixels = render(images[0], recipe.shot.view, *spec)
    if recipe.mixed is None:
        return pixels
    mixture, partner = recipe.mixed
    return mixture.apply(pixels, render(images[1], partner.view, *spec))
