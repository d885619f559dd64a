"""A teacher's logits for a batch: from the cache, computed where they are not cached yet."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from deelish.distillation.teacher_cache.forms import Logits
from deelish.distillation.teacher_cache.store import Store, open_store
from deelish.images.views.view import PIXELS
from deelish.network.predictor import Predictor
from deelish.network.tensors import ImageTensor
from deelish.storage.folder import cache_folder
from deelish.storage.index import Keys


class TeacherCache:
    """The cached logits of all teachers of a session, one store for each.

    Args:
        top: how many of the highest logits to cache; None for all.
    """

    def __init__(self, top: int | None = None) -> None:
        self.top = top
        self._stores: dict[object, Store] = {}
        weakref.finalize(self, _close, self._stores)

    def logits(self, predictor: Predictor, images: ImageTensor) -> Any:
        """The engine's tensor (n, classes), cached or computed now."""
        store = self.store_of(predictor, images)
        if store is None:
            return predictor.logits(images)
        return predictor.engine.array(self._cached(store, predictor, images))

    def _cached(self, store: Store, predictor: Predictor, images: ImageTensor) -> Logits:
        """Logits float32 (n, classes); only those that are not cached are computed.

        Fresh logits are rounded to half precision too, so that a first run and a later one are
        equal to the bit.
        """
        keys: Keys = images.pictures.keys  # type: ignore[attr-defined]
        found, logits = store.get(keys)
        if found.all():
            return logits
        missing = np.flatnonzero(~found)
        uncached = _subset(images, missing) if found.any() else images
        fresh = predictor.engine.numpy(predictor.logits(uncached))
        store.put(keys[missing], fresh)
        # Another process may have cached its own meanwhile: take those, as every later run does.
        now, stored = store.get(keys[missing])
        logits[missing] = np.where(now[:, None], stored, store.rounded(fresh))
        return logits

    def store_of(self, predictor: Predictor, images: ImageTensor) -> Store | None:
        """The store for a teacher's logits for these images, opened once.

        None for fresh views, whose pictures have no keys, for a teacher without a fingerprint, and
        for one whose members are cached.
        """
        if predictor.members or getattr(images.pictures, "keys", None) is None:
            return None
        fingerprint = predictor.fingerprint()
        if fingerprint is None:
            return None
        identity = {
            "teacher": predictor.name,
            "fingerprint": fingerprint,
            "base": images.rendering(predictor.preprocessing).resize_size,
            "pixels": PIXELS,
        }
        which = (*identity.values(), predictor.classes, cache_folder())
        if which not in self._stores:
            self._stores[which] = open_store(identity, predictor.classes, self.top)
        return self._stores[which]


def _subset(images: ImageTensor, rows: np.ndarray) -> ImageTensor:
    """Some rows of a batch, with their labels."""
    labels = None if images.labels is None else images.labels.subset(rows)
    pictures = images.pictures.subset(rows)  # type: ignore[attr-defined]
    return images.subset(pictures, labels)


def _close(stores: dict[object, Store]) -> None:
    for store in stores.values():
        store.close()
    stores.clear()
