"""How a batch is shown to networks, and the cache of what teachers make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from deelish.images.class_folders import ClassFolders
from deelish.plan.preprocessing import Preprocessing


class LogitsCache(Protocol):
    """What teachers make of recorded views, read from the disk where it is cached."""

    def look_again(self) -> None:
        """At the next batch, look at all that the logits of each teacher depend on."""

    def top_of(self, predictor: Any, images: Any) -> int | None:
        """How many of the highest logits are cached of these images; None for all, or none."""

    def logits(self, predictor: Any, images: Any) -> Any:
        """The engine's tensor (n, classes) of a `Predictor`, cached or computed now."""

    def features(self, predictor: Any, images: Any, layer: str) -> Any:
        """The means (n, channels) of a layer's features; None where they are not cached."""


@dataclass(frozen=True)
class Viewing:
    """How a tensor shows its images and labels to networks, beside each one's preprocessing.

    Attributes:
        crop: a crop fraction in place of each network's own.
        cache: the teacher cache for these images, or None.
        guarded: whether a training looks for NaN and infinity in what teachers make of them.
        shown: gives the preprocessing that sets the size of `value`; None for the default size.
        full_batch: how many images of a full batch this process has; None outside of trainings.
        folders: the class folders that the labels of the images number, or None.
    """

    crop: float | None = None
    cache: LogitsCache | None = None
    guarded: bool = False
    shown: Callable[[], Preprocessing | None] = lambda: None
    full_batch: int | None = None
    folders: ClassFolders | None = None
