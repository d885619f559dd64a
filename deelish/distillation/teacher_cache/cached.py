"""A teacher's logits or features for a batch: from the cache, computed where not cached yet."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from deelish.common.printing import amount, say
from deelish.distillation.teacher_cache.forms import Logits
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.store import Store, open_store
from deelish.images.dataset import Dataset
from deelish.images.decoding.jpeg import jpeg_decoder
from deelish.images.views.view import PIXELS
from deelish.network.outputs import FeatureTensor
from deelish.network.predictor import Predictor
from deelish.network.tensors import ImageTensor
from deelish.storage.folder import cache_folder
from deelish.storage.index import Keys

# Computes the numbers (n, width) of images.
Compute = Callable[[ImageTensor], Logits]


class TeacherCache:
    """What all teachers of a session make of its images, one store for each.

    Args:
        top: how many of the highest logits to cache; None for all.
        dataset: the images, whose number says how large a file becomes; None where not known.
    """

    def __init__(self, top: int | None = None, dataset: Dataset | None = None) -> None:
        self.top = top
        self._dataset = dataset
        self._stores: dict[object, Store] = {}
        weakref.finalize(self, _close, self._stores)

    def logits(self, predictor: Predictor, images: ImageTensor) -> Any:
        """The engine's tensor (n, classes), cached or computed now."""
        store = self.store_of(predictor, images)
        if store is None:
            return predictor.logits(images)
        engine = predictor.engine
        made = _cached(store, images, lambda part: engine.numpy(predictor.logits(part)))
        return engine.array(made)

    def features(self, predictor: Predictor, images: ImageTensor, layer: str) -> Any:
        """The engine's tensor (n, channels) of a layer's means over positions.

        None where they are not cached: for fresh views, and where logits are not cached either.
        """
        identity = _identity(predictor, images, predictor.feature_fingerprint(layer))
        if identity is None:
            return None
        identity["layer"] = layer

        def compute(part: ImageTensor) -> Logits:
            content = predictor.feature_of(part, layer, reduced=True)
            made = FeatureTensor(content, predictor.engine, predictor, part, layer)
            return predictor.engine.numpy(made.pooled)

        which = (*identity.values(), cache_folder())
        if which not in self._stores:
            # One image shows how many numbers a record has, and whether there is such a layer.
            width = compute(_subset(images, np.arange(1))).shape[1]
            self._stores[which] = open_store(identity, width)
            say(size_line(self._stores[which].header, self._dataset))
        return predictor.engine.array(_cached(self._stores[which], images, compute))

    def store_of(self, predictor: Predictor, images: ImageTensor) -> Store | None:
        """The store for a teacher's logits for these images, opened once.

        None for fresh views, whose pictures have no keys, for a teacher without a fingerprint, and
        for one whose members are cached.
        """
        identity = _identity(predictor, images, predictor.fingerprint())
        if identity is None:
            return None
        which = (*identity.values(), predictor.classes, cache_folder())
        if which not in self._stores:
            self._stores[which] = open_store(identity, predictor.classes, self.top)
        return self._stores[which]


def _identity(
    predictor: Predictor, images: ImageTensor, fingerprint: str | None
) -> dict[str, Any] | None:
    """All that a teacher's numbers depend on beside the images; None where none are cached."""
    if predictor.members or getattr(images.pictures, "keys", None) is None or fingerprint is None:
        return None
    return {
        "teacher": predictor.name,
        "fingerprint": fingerprint,
        "base": images.rendering(predictor.preprocessing).resize_size,
        "pixels": (*PIXELS, *jpeg_decoder()),
    }


def _cached(store: Store, images: ImageTensor, compute: Compute) -> Logits:
    """Numbers float32 (n, width); only those that are not cached are computed.

    Fresh ones are rounded to half precision too, so that a first run and a later one are equal to
    the bit.
    """
    keys: Keys = images.pictures.keys  # type: ignore[attr-defined]
    found, logits = store.get(keys)
    if found.all():
        return logits
    missing = np.flatnonzero(~found)
    fresh = compute(_subset(images, missing) if found.any() else images)
    store.put(keys[missing], fresh)
    # Another process may have cached its own meanwhile: take those, as every later run does.
    now, stored = store.get(keys[missing])
    logits[missing] = np.where(now[:, None], stored, store.rounded(fresh))
    return logits


def size_line(header: CacheHeader, dataset: Dataset | None) -> str:
    """How much room the features of a layer take: an image, and all views of all images."""
    each = header.payload_bytes
    line = (
        f"features of {header.teacher} at {header.layer!r}: {header.form.classes:,} numbers,"
        f" {amount(each)} an image"
    )
    if dataset is None:
        return line
    images, views = len(dataset.train.samples), dataset.choices.views
    count = views if isinstance(views, int) else 1
    validation = 0 if dataset.val is None else len(dataset.val.samples)
    line += f"; {images:,} images, {count} view{'s' if count > 1 else ''}"
    line += f", and {validation:,} for validation" if validation else ""
    return f"{line}: {amount(each * (images * count + validation))}"


def _subset(images: ImageTensor, rows: np.ndarray) -> ImageTensor:
    """Some rows of a batch, with their labels."""
    labels = None if images.labels is None else images.labels.subset(rows)
    pictures = images.pictures.subset(rows)  # type: ignore[attr-defined]
    return images.subset(pictures, labels)


def _close(stores: dict[object, Store]) -> None:
    for store in stores.values():
        store.close()
    stores.clear()
