"""From an index of a list to pixels: read, digest, decode, choose the view, mix, render."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from deelish.errors import DataError
from deelish.images.augmentation.recipe import Augmentation
from deelish.images.bad_images import RAISE, Note, damage_line
from deelish.images.cache.base import ImageCache
from deelish.images.decoding.decode import check_bytes, decode_for, read_file
from deelish.images.decoding.decoded_image import DecodedImage, LazyImage
from deelish.images.pixels import Pixels, pack, packed
from deelish.images.reading_threads import InFlight
from deelish.images.ready_images import ReadyImages, cut_all
from deelish.images.sample import Location, Sample
from deelish.images.shards.members import Member
from deelish.images.views.batch_entry import BatchEntry, SampleView
from deelish.images.views.choosing import ViewRule
from deelish.images.views.mixing import Mixture
from deelish.images.views.view import View, content_seed, file_digest, view_seed
from deelish.images.views.window import ViewedImage
from deelish.plan.rendering import DEFAULT_RENDERING, Rendering

# For each rendering, the row of the batch that an image is rendered into: uint8 (size, size, 3).
# Pixels that were put elsewhere first would go through memory twice, for 4 % of an image's time.
PixelRows = Mapping[Rendering, Pixels]
# The draws of a mixture must differ from those of the view at the same index.
MIXING = 1


@dataclass(frozen=True)
class ReadOptions:
    """How the images of a list are read.

    mirror, views, padding: see `ViewRule`.  mix: None, MIXUP or CUTMIX.  cache: of decoded images;
    it changes no pixel.  augmentation: of training views; not with CENTRE.
    """

    mirror: bool | str = True
    views: int | str | None = None
    mix: str | None = None
    cache: ImageCache | None = None
    augmentation: Augmentation | None = None
    padding: float = 0.0


class ReadImage(NamedTuple):
    """An image of a batch, or None, and what was found wrong on the way to it."""

    entry: BatchEntry | None
    notes: tuple[Note, ...]


class Reader:
    """Reads the images of a list. Its results depend on no state, so threads share it.

    A fresh view depends on seed, epoch and index. A recorded view, and what it is mixed with,
    depends on the content of the file and the number of the view.

    in_flight: what is being read.
    """

    def __init__(
        self, samples: Sequence[Sample], seed: int, options: ReadOptions, on_bad_image: str
    ) -> None:
        self._samples = samples
        self._seed = seed
        self._options = options
        self._on_bad_image = on_bad_image
        self._ready = ReadyImages(samples, options.cache)
        augmentation = options.augmentation
        # An augmentation may mirror views by itself.
        mirror = options.mirror if augmentation is None or not augmentation.flips else False
        self._rule = ViewRule(seed, options.views, mirror, options.padding)
        self.in_flight = InFlight()

    def read(self, index: int, epoch: int, training: bool, rows: PixelRows) -> ReadImage:
        """The image at an index, rendered into the rows; decoded once for each scale they need.

        Unless bad images raise, an image whose partner cannot be read stays unmixed.
        Raises DataError with the list's line.
        """
        image, lazy = self._open_view(index, epoch, training, rows)
        entry, lazies = BatchEntry(image), [lazy]
        notes = self._damage_notes(index, lazy)
        if training and self._options.mix is not None:
            mixture, other = self._mixture(self._options.mix, index, epoch, image.digest)
            try:
                partner, lazy = self._open_view(other, epoch, training, rows)
            except DataError as error:
                if self._on_bad_image == RAISE:
                    raise
                notes.append(Note(other, str(error), used=False))
            else:
                entry = BatchEntry(image, (mixture, partner))
                lazies.append(lazy)
                notes += self._damage_notes(other, lazy)
        try:
            _render(entry, lazies, rows)
        except DataError as error:
            raise DataError(f"{image.sample.where}: {image.sample.path}: {error}") from error
        return ReadImage(entry, tuple(notes))

    def read_ready(
        self, indices: Sequence[int], epoch: int, training: bool, rows: Mapping[Rendering, Pixels]
    ) -> list[ReadImage] | None:
        """The images at these indices, as `read` gives them, where all are ready; else None.

        rows: for each rendering those of the images.
        """
        options = self._options
        if training and (options.mix is not None or options.augmentation is not None):
            return None
        ready = self._ready.of(indices, rows)
        if ready is None:
            return None
        images = [image for _, image in ready]
        digests = [image.digest if options.views is not None else None for image in images]
        known = [digest for digest in digests if digest is not None]
        if training:
            views = self._rule.many(indices, epoch, known or None)
        else:
            views = [View.centre()] * len(images)
        cut_all(images, views, rows)
        return [
            ReadImage(BatchEntry(SampleView(sample, view, digest)), ())
            for (sample, _), view, digest in zip(ready, views, digests, strict=True)
        ]

    def _damage_notes(self, index: int, image: LazyImage) -> list[Note]:
        """The note of an image that was decoded in spite of its damage, if it was."""
        if not image.damage:
            return []
        sample = self._samples[index]
        return [Note(index, damage_line(sample.where_and_path, image.damage), used=True)]

    def read_again(self, entry: BatchEntry, rendering: Rendering, row: Pixels) -> None:
        """What was read before, rendered otherwise; raises DataError for a changed file."""
        images = [entry.image] if entry.mixed is None else [entry.image, entry.mixed[1]]
        lazies = []
        for image in images:
            lazy, digest = self._open(image.sample, [image.view.decoding_size(rendering)])
            if digest != image.digest:
                raise DataError(
                    f"{image.sample.where}: {image.sample.path} has changed since this batch was"
                    " read; start the training again"
                )
            lazies.append(lazy)
        _render(entry, lazies, {rendering: row})

    def _open_view(
        self, index: int, epoch: int, training: bool, rows: PixelRows
    ) -> tuple[SampleView, LazyImage]:
        """The view of the image at an index, and the image, decoded for the rows."""
        sample = self._samples[index]
        augmentation = self._options.augmentation if training else None
        crops = augmentation is not None and augmentation.crops
        sizes = {None if crops else rendering.resize_size for rendering in rows}
        lazy, digest = self._open(sample, sizes)
        view = self._view(index, epoch, training, digest)
        if augmentation is not None and crops:
            height, width, _ = lazy.at(None).pixels.shape
            view = replace(view, box=augmentation.box(width, height, view.seed))
        return SampleView(sample, view, digest, augmentation), lazy

    def _open(
        self, sample: Sample, sizes: Collection[int | None]
    ) -> tuple[LazyImage, bytes | None]:
        """The image; where views are recorded, the digest of the bytes that it was decoded from.

        sizes: what it will be decoded for.
        """
        lazy = LazyImage(lambda resize_size: self._decoded(sample, resize_size))
        try:
            # An image that no row needs is checked nevertheless.
            digests = {lazy.at(size).digest for size in sizes or [DEFAULT_RENDERING.resize_size]}
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

    def _decoded(self, sample: Sample, resize_size: int | None) -> DecodedImage:
        recorded, cache = self._options.views is not None, self._options.cache
        location = sample.location
        read = self.in_flight.begin(sample)
        try:
            if cache is None:
                return decode_at(location, resize_size, recorded)
            image = cache.get(location, resize_size)
            if image is None:
                image = decode_at(location, resize_size, recorded or cache.digests)
                cache.put(location, resize_size, image)
            return image
        finally:
            self.in_flight.end(read)

    def _view(self, index: int, epoch: int, training: bool, digest: bytes | None) -> View:
        return self._rule.view(index, epoch, digest) if training else View.centre()

    def _mixture(
        self, kind: str, index: int, epoch: int, digest: bytes | None
    ) -> tuple[Mixture, int]:
        """How an image is mixed, and the index of its partner, any other of the list."""
        if digest is None:
            seed = view_seed(self._seed, epoch, index, MIXING)
        else:
            seed = content_seed(digest, self._rule.number(epoch), b"mixing")
        fraction, *values = np.random.Generator(np.random.PCG64(seed)).random(4).tolist()
        other = int(fraction * (len(self._samples) - 1))
        return Mixture.draw(kind, *values), other + (other >= index)


def decode_at(
    location: Location, resize_size: int | None = None, with_digest: bool = False
) -> DecodedImage:
    """The image of a file or of a member of a shard, as `decode_for` gives it.

    with_digest: add the digest of its bytes.
    """
    if isinstance(location, Member):
        check_bytes(location.where, location.size)
        data: bytes | None = location.read()
        image = decode_for(location.where, resize_size, data)
    else:
        data = read_file(location) if with_digest else None
        image = decode_for(location, resize_size, data)
    if with_digest and data is not None:
        return image._replace(digest=file_digest(data))
    return image


def _render(entry: BatchEntry, lazies: Sequence[LazyImage], rows: PixelRows) -> None:
    """Put the pixels of each rendering into its row; each resize is done once."""
    image = ViewedImage(lazies[0], entry.image.view)
    if entry.mixed is None:
        for rendering, row in rows.items():
            pack(entry.image.augmented(image.window(rendering)), row)
        return
    mixture, other = entry.mixed
    partner = ViewedImage(lazies[1], other.view)
    for rendering, row in rows.items():
        first = entry.image.augmented(image.window(rendering))
        second = other.augmented(partner.window(rendering))
        row[:] = mixture.apply(packed(first), packed(second))
