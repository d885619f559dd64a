"""The answers of a teacher to a batch: from its store, computed where they are not there yet."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from deelish.distillation.teacher_cache.forms import Logits
from deelish.distillation.teacher_cache.store import Store, open_store
from deelish.images.views.view import PIXELS
from deelish.language.session import Deel
from deelish.network.tensors import ImageTensor, LabelTensor
from deelish.storage.folder import cache_folder

if TYPE_CHECKING:
    from deelish.distillation.contract import CanTeach
    from deelish.storage.index import Keys

Compute = Callable[[ImageTensor], Logits]

_stores: weakref.WeakKeyDictionary[Deel, dict[object, Store]] = weakref.WeakKeyDictionary()


def kept(store: Store, images: ImageTensor, compute: Compute) -> Logits:
    """A teacher's logits float32 (n, classes); what its store holds is not computed.

    They are in half precision, in the run that computes them too, so that a first run and a later
    one are equal to the bit.

    Args:
        store: of the teacher and these images, from `store_of`.
        images: the batch; its `pictures` have `keys` uint8 (n, 16) and `subset(rows)`.
        compute: the teacher's float32 logits (n, classes) of images.
    """
    keys: Keys = images.pictures.keys  # type: ignore[attr-defined]
    found, logits = store.get(keys)
    if found.all():
        return logits
    missing = np.flatnonzero(~found)
    fresh = compute(_subset(images, missing) if found.any() else images)
    store.put(keys[missing], fresh)
    # Another process may have put its own in meanwhile: those count, for all who ask later.
    now, stored = store.get(keys[missing])
    logits[missing] = np.where(now[:, None], stored, store.rounded(fresh))
    return logits


def store_of(owner: CanTeach, images: ImageTensor) -> Store | None:
    """The store for a teacher's answers to these images, opened once a session.

    None for fresh views, whose pictures have no keys, and for a teacher without a fingerprint.
    """
    if getattr(images.pictures, "keys", None) is None:
        return None
    fingerprint = owner.fingerprint()
    if fingerprint is None:
        return None
    sets = images.session.sets
    top = sets.choices.top if sets is not None else None
    identity = {
        "teacher": owner.name,
        "fingerprint": fingerprint,
        "base": images.base(owner),
        "pixels": PIXELS,
    }
    place = (*identity.values(), owner.classes, top, cache_folder())
    stores = _stores_of(images.session)
    if place not in stores:
        stores[place] = open_store(identity, owner.classes, top)
    return stores[place]


def _subset(images: ImageTensor, rows: np.ndarray) -> ImageTensor:
    """Some rows of a batch, with their labels."""
    labels = images.labels
    if labels is not None:
        items = [labels.items[row] for row in rows] if labels.items else []
        labels = LabelTensor(labels.value[rows], images.session, items)
    pictures = images.pictures.subset(rows)  # type: ignore[attr-defined]
    return ImageTensor(pictures, images.session, labels)


def _stores_of(session: Deel) -> dict[object, Store]:
    if session not in _stores:
        _stores[session] = {}
        weakref.finalize(session, _close, _stores[session])
    return _stores[session]


def _close(stores: dict[object, Store]) -> None:
    for store in stores.values():
        store.close()
    stores.clear()
