"""A teacher's logits or features for a batch: from the cache, computed where not cached yet."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np

from deelish.common.printing import Once, amount, say
from deelish.distillation.teacher_cache.forms import Logits
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.store import Store, open_store
from deelish.images.dataset import Dataset
from deelish.images.decoding.jpeg import jpeg_decoder
from deelish.images.views.view import PIXELS
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.outputs import FeatureTensor
from deelish.network.predictor import Predictor
from deelish.network.recorded import Recorded, recorded_of
from deelish.sequences.dataset import AnyDataset
from deelish.storage.folder import cache_folder

# Computes the numbers (n, width) of images or sequences.
Compute = Callable[[InputTensor], Logits]


class TeacherCache:
    """What all teachers of a session make of its images or sequences, one store for each.

    Args:
        top: how many of the highest logits to cache; None for all.
        dataset: the images or sequences, whose number says how large a file becomes; None where
            not known.
    """

    def __init__(self, top: int | None = None, dataset: AnyDataset | None = None) -> None:
        self.top = top
        self._dataset = dataset
        self._stores: dict[object, Store] = {}
        self._once = Once()
        # The teachers that were looked at in this epoch.
        self._looked: WeakSet[Predictor] = WeakSet()
        weakref.finalize(self, _close, self._stores)

    def look_again(self) -> None:
        """At the next batch, look at all that the logits of each teacher depend on.

        At every other batch only what costs little to see is looked at.
        """
        self._looked.clear()

    def logits(self, predictor: Predictor, images: InputTensor) -> Any:
        """The engine's tensor (n, classes), or of another output, cached or computed now."""
        store, recorded = self.store_of(predictor, images), recorded_of(images)
        if store is None or recorded is None:
            return predictor.logits(images)
        engine = predictor.engine

        def compute(part: InputTensor) -> Logits:
            made = engine.numpy(predictor.logits(part))
            return made.reshape(len(made), -1)

        rows = _cached(store, recorded, compute, predictor.known_fingerprint)
        return engine.array(rows.reshape(len(rows), *predictor.output_shape))

    def top_of(self, predictor: Predictor, images: InputTensor) -> int | None:
        """How many of the highest logits are cached of these images; None for all, or none."""
        store = None if self.top is None else self.store_of(predictor, images)
        return None if store is None else store.header.form.top

    def features(self, predictor: Predictor, images: ImageTensor, layer: str) -> Any:
        """The engine's tensor (n, channels) of a layer's means over positions.

        None where they are not cached: for fresh views, and where logits are not cached either.
        """
        recorded = self._recorded(predictor, images)
        if recorded is None:
            return None
        identity = _identity(predictor, images, predictor.feature_fingerprint(layer))
        if identity is None:
            return None
        identity["layer"] = layer

        def compute(part: InputTensor) -> Logits:
            content = predictor.feature_of(part, layer, reduced=True)
            made = FeatureTensor(content, predictor.engine, predictor, part, layer)
            return predictor.engine.numpy(made.pooled)

        which = (*identity.values(), cache_folder())
        if which not in self._stores:
            # One image shows how many numbers a record has, and whether there is such a layer.
            width = compute(recorded.part(np.arange(len(images)) == 0)).shape[1]
            self._stores[which] = open_store(identity, width)
            say(size_line(self._stores[which].header, self._dataset))
        store, known = self._stores[which], predictor.known_fingerprint
        return predictor.engine.array(_cached(store, recorded, compute, known))

    def store_of(self, predictor: Predictor, images: InputTensor) -> Store | None:
        """The store for a teacher's logits for these images, opened once.

        None for fresh views, whose pictures have no keys, for a teacher without a fingerprint, and
        for one whose members are cached.
        """
        if self._recorded(predictor, images) is None:
            return None
        identity = _identity(predictor, images, predictor.known_fingerprint())
        if identity is None:
            if predictor.undescribed is not None:
                self._once.say(
                    f"{predictor.name}: its logits are not cached, since {predictor.undescribed}"
                )
            return None
        numbers, top = math.prod(predictor.output_shape), self.top
        if not predictor.has_classes:
            identity["shape"], top = predictor.output_shape, None
        which = (*identity.values(), numbers, cache_folder())
        if which not in self._stores:
            self._stores[which] = open_store(identity, numbers, top)
            # What takes much room: outputs that are no logits, and logits of each token.
            if not predictor.has_classes or images.rows > len(images):
                say(size_line(self._stores[which].header, self._dataset))
        return self._stores[which]

    def _recorded(self, predictor: Predictor, images: InputTensor) -> Recorded | None:
        """The images, if they have keys, and the teacher no members; once an epoch, look at it."""
        if predictor.members:
            return None
        recorded = recorded_of(images)
        if predictor not in self._looked:
            self._looked.add(predictor)
            if recorded is None:
                predictor.notice_changes()
            else:
                predictor.fingerprint()
        return recorded


def _identity(
    predictor: Predictor, images: InputTensor, fingerprint: str | None
) -> dict[str, Any] | None:
    """All that a teacher's numbers depend on beside the images; None where none are cached."""
    if fingerprint is None:
        return None
    known = {"teacher": predictor.name, "fingerprint": fingerprint}
    if not isinstance(images, ImageTensor):
        return {**known, "row": images.noun}
    return {
        **known,
        "base": images.rendering(predictor.preprocessing).resize_size,
        "pixels": (*PIXELS, *jpeg_decoder()),
    }


def _cached(
    store: Store, recorded: Recorded, compute: Compute, known: Callable[[], str | None]
) -> Logits:
    """Numbers float32 (n, width); only those that are not cached are computed.

    They are cached where the teacher's fingerprint, `known`, is the same before and after.

    Fresh ones are rounded to half precision too, so that a first run and a later one are equal to
    the bit.
    """
    keys = recorded.keys
    found, logits = store.get(keys)
    if found.all():
        return logits
    missing, before = recorded.computed(found), known()
    fresh = compute(recorded.part(missing) if found.any() else recorded.whole)
    if known() != before:
        logits[missing] = store.rounded(fresh)
        return logits
    store.put(keys[missing], fresh)
    # Another process may have cached its own meanwhile: take those, as every later run does.
    now, stored = store.get(keys[missing])
    logits[missing] = np.where(now[:, None], stored, store.rounded(fresh))
    return logits


def size_line(header: CacheHeader, dataset: AnyDataset | None) -> str:
    """How much room features, outputs, or logits of tokens take: each, and all of a dataset."""
    each = header.payload_bytes
    layer = "" if header.layer is None else f" at {header.layer!r}"
    line = (
        f"{header.noun} of {header.teacher}{layer}: {header.form.classes:,} numbers,"
        f" {amount(each)} "
    )
    if dataset is None:
        return f"{line}an image"
    (images, validation), views = dataset.counts, dataset.choices.views
    count = views if isinstance(views, int) else 1
    one = dataset.noun[:-1]
    line += f"{'an' if one == 'image' else 'a'} {one}; {images:,} {dataset.noun}"
    line += f", {count} view{'s' if count > 1 else ''}" if isinstance(dataset, Dataset) else ""
    line += f", and {validation:,} for validation" if validation else ""
    return f"{line}: {amount(each * (images * count + validation))}"


def _close(stores: dict[object, Store]) -> None:
    for store in stores.values():
        store.close()
    stores.clear()
