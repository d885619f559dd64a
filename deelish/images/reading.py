"""From an index of a list to pixels: read, digest, decode, choose the view, mix, render."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deelish.errors import DataError
from deelish.images.cache.base import ImageCache
from deelish.images.decoding.decode import check_bytes, decode_for, read_file
from deelish.images.decoding.decoded_image import DecodedImage, LazyImage
from deelish.images.pixels import Pixels, pack, packed
from deelish.images.sample import Location, Sample
from deelish.images.shards.members import Member
from deelish.images.views.batch_entry import BatchEntry, SampleView
from deelish.images.views.mixing import Mixture
from deelish.images.views.view import (
    CENTRE,
    DEFAULT_VIEW_SIZE,
    View,
    content_seed,
    cut,
    file_digest,
    resized,
    view_seed,
)

# (size, resize_size): the side of a view, and of the resized square that the view is cut from.
ViewSize = tuple[int, int]
# For each view size, the row of the batch that an image is rendered into: uint8 (size, size, 3).
# Pixels that were put elsewhere first would go through memory twice, for 4 % of an image's time.
PixelRows = Mapping[ViewSize, Pixels]
# An image that cannot be used, and why.
BadImage = tuple[Sample, str]
# The draws of a mixture must differ from those of the view at the same index.
MIXING = 1


@dataclass(frozen=True)
class ReadOptions:
    """How the images of a list are read.

    mirror: whether views may be mirrored.  views: None for fresh ones in every epoch, K for K
    recorded ones an image, CENTRE for the middle.  mix: None, MIXUP or CUTMIX.  cache: of decoded
    images; it changes no pixel.
    """

    mirror: bool = True
    views: int | str | None = None
    mix: str | None = None
    cache: ImageCache | None = None


class ReadImage(NamedTuple):
    """An image of a batch; bad_partner is what it could not be mixed with."""

    entry: BatchEntry
    bad_partner: BadImage | None


class Reader:
    """Reads the images of a list. Its results depend on no state, so threads share it.

    A fresh view depends on seed, epoch and index. A recorded view, and what it is mixed with,
    depends on the content of the file and the number of the view.
    """

    def __init__(
        self, samples: Sequence[Sample], seed: int, options: ReadOptions, skip_bad: bool
    ) -> None:
        self._samples = samples
        self._seed = seed
        self._options = options
        self._skip_bad = skip_bad

    def read(self, index: int, epoch: int, training: bool, rows: PixelRows) -> ReadImage:
        """The image at an index, rendered into the rows; decoded once for each scale they need.

        Where bad images are skipped, an image whose partner cannot be read stays unmixed.
        Raises DataError with the list's line.
        """
        sample = self._samples[index]
        resize_sizes = {resize_size for _, resize_size in rows}
        lazy, digest = self._open(sample, resize_sizes)
        image = SampleView(sample, self._view(index, epoch, training, digest), digest)
        entry, lazies, bad_partner = BatchEntry(image), [lazy], None
        if training and self._options.mix is not None:
            mixture, other = self._mixture(self._options.mix, index, epoch, digest)
            partner = self._samples[other]
            try:
                lazy, digest = self._open(partner, resize_sizes)
            except DataError as error:
                if not self._skip_bad:
                    raise
                bad_partner = (partner, str(error))
            else:
                view = self._view(other, epoch, training, digest)
                entry = BatchEntry(image, (mixture, SampleView(partner, view, digest)))
                lazies.append(lazy)
        _render(entry, lazies, rows)
        return ReadImage(entry, bad_partner)

    def read_again(self, entry: BatchEntry, view_size: ViewSize, row: Pixels) -> None:
        """What was read before, at another size; raises DataError for a file that has changed."""
        images = [entry.image] if entry.mixed is None else [entry.image, entry.mixed[1]]
        lazies = []
        for image in images:
            lazy, digest = self._open(image.sample, [view_size[1]])
            if digest != image.digest:
                raise DataError(
                    f"{image.sample.where}: {image.sample.path} has changed since this batch was"
                    " read; start the training again"
                )
            lazies.append(lazy)
        _render(entry, lazies, {view_size: row})

    def _open(self, sample: Sample, resize_sizes: Iterable[int]) -> tuple[LazyImage, bytes | None]:
        """The image; where views are recorded, the digest of the bytes that it was decoded from."""
        lazy = LazyImage(lambda resize_size: self._decoded(sample.location, resize_size))
        try:
            # An image that no row needs is checked nevertheless.
            digests = {lazy.at(side).digest for side in resize_sizes or [DEFAULT_VIEW_SIZE[1]]}
        except DataError as error:
            # Without a line, the sample is in a folder or a shard, and the error names its path.
            raise type(error)(f"{sample.where}: {error}" if sample.line else str(error)) from error
        if self._options.views is None:
            return lazy, None
        digest, *others = digests
        if others:
            raise DataError(
                f"{sample.where}: {sample.path} has changed since it was first read; start the"
                " training again"
            )
        return lazy, digest

    def _decoded(self, location: Location, resize_size: int) -> DecodedImage:
        recorded, cache = self._options.views is not None, self._options.cache
        if cache is None:
            return _decode(location, resize_size, recorded)
        image = cache.get(location, resize_size)
        if image is None:
            image = _decode(location, resize_size, recorded or cache.digests)
            cache.put(location, resize_size, image)
        return image

    def _view(self, index: int, epoch: int, training: bool, digest: bytes | None) -> View:
        if not training or self._options.views == CENTRE:
            return View.centre()
        mirror = self._options.mirror
        if digest is None:
            return View.random(view_seed(self._seed, epoch, index), mirror)
        return View.recorded(digest, self._number(epoch), mirror)

    def _number(self, epoch: int) -> int:
        """The number of the recorded view that an epoch, counted from 1, shows."""
        views = self._options.views
        return (epoch - 1) % views if isinstance(views, int) else 0

    def _mixture(
        self, kind: str, index: int, epoch: int, digest: bytes | None
    ) -> tuple[Mixture, int]:
        """How an image is mixed, and the index of its partner, any other of the list."""
        if digest is None:
            seed = view_seed(self._seed, epoch, index, MIXING)
        else:
            seed = content_seed(digest, self._number(epoch), b"mixing")
        fraction, *values = np.random.Generator(np.random.PCG64(seed)).random(4).tolist()
        other = int(fraction * (len(self._samples) - 1))
        return Mixture.draw(kind, *values), other + (other >= index)


def _decode(location: Location, resize_size: int, with_digest: bool) -> DecodedImage:
    if isinstance(location, Member):
        check_bytes(location.where, location.size)
        data: bytes | None = location.read()
        pixels, scale = decode_for(location.where, resize_size, data)
    else:
        data = read_file(location) if with_digest else None
        pixels, scale = decode_for(location, resize_size, data)
    digest = file_digest(data) if with_digest and data is not None else None
    return DecodedImage(pixels, scale, digest)


def _render(entry: BatchEntry, lazies: Sequence[LazyImage], rows: PixelRows) -> None:
    """Put the pixels of each view size into its row; each resize is done once."""
    images: dict[int, list[Pixels]] = {}
    for (_, resize_size), row in rows.items():
        if resize_size not in images:
            decoded = [lazy.at(resize_size).pixels for lazy in lazies]
            images[resize_size] = [resized(pixels, resize_size) for pixels in decoded]
        _mix(entry, images[resize_size], row)


def _mix(entry: BatchEntry, images: Sequence[Pixels], row: Pixels) -> None:
    window = cut(images[0], entry.image.view, len(row))
    if entry.mixed is None:
        pack(window, row)
    else:
        mixture, partner = entry.mixed
        other = cut(images[1], partner.view, len(row))
        row[:] = mixture.apply(packed(window), packed(other))
