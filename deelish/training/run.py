"""One BatchTrain as it is now: what it trains, on what, how far it is, and what it recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deelish.engines.state import SavedState
from deelish.sequences.dataset import AnyDataset
from deelish.training.history import History
from deelish.training.place import Place
from deelish.training.trainer import Trainer


@dataclass
class Run:
    """A training.

    Attributes:
        trainer: its batch, its optimisers.
        dataset: the images, or the sequences.
        workout: the script's function.
        script_state: plain values and arrays that the script keeps from batch to batch.
        history: the epochs that are done.
        place: which batches of this epoch are done.
        epochs_before: how many epochs the session trained in trainings before this one.
        good: what it had learnt when all was well, where it goes back to that after NaN.
    """

    trainer: Trainer
    dataset: AnyDataset
    workout: Callable[..., Any]
    script_state: dict[str, Any] = field(default_factory=dict)
    history: History = field(default_factory=History)
    place: Place = field(default_factory=Place)
    epochs_before: int = 0
    good: SavedState | None = None
