"""What a training does with numbers that are not finite, and with a loss that jumps."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from deelish.common.printing import say
from deelish.common.processes import Group
from deelish.errors import TrainingError
from deelish.images.sample import Labelled
from deelish.network.learner import Learner

# What `on_nan=` may be.
STOP, SKIP, ROLLBACK = ON_NAN = ("stop", "skip", "rollback")
# A loss of so many times the median of so many losses before it is reported.
JUMP, LOSSES = 10, 50
# Skipped batches: how many are printed, how many in a row end the training, and how many in all,
# as a fraction of the batches and as a number that is allowed in any case.
PRINTED, IN_A_ROW = 10, 20
FRACTION, ALLOWED = 0.01, 20
# How many images of a batch a message names.
NAMED = 3


class NotFinite(TrainingError):
    """A batch has NaN or infinity in its images, labels, logits, loss, gradients or weights.

    Attributes:
        sentence: where, what holds it, what the weights are, and the cure.
        batch: how many batches for training had begun, this one with them.
        recoverable: whether the training can go on with the next batch, as the weights are those
            before this one.
    """

    def __init__(self, sentence: str, batch: int, *, recoverable: bool) -> None:
        super().__init__(sentence)
        self.sentence, self.batch, self.recoverable = sentence, batch, recoverable


class Finding(NamedTuple):
    """What is not finite: in words that go before "at epoch 1/2, batch 3", and the cure.

    rows: the images of the batch that have it; None for all.
    """

    what: str
    cure: str
    rows: Iterable[int] | None = None


class LossGuard:
    """Finds the loss of a batch that is more than 10 times the median of the 50 before it."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=LOSSES)

    def add(self, loss: float) -> float | None:
        """Add the loss of a batch; the median of those before it where it jumped, else None."""
        median = statistics.median(self._losses) if len(self._losses) == LOSSES else 0.0
        self._losses.append(loss)
        return median if 0 < JUMP * median < loss else None

    def state(self) -> list[float]:
        """The last losses, the newest last: what `restore` takes."""
        return list(self._losses)

    def restore(self, values: Iterable[float]) -> None:
        """Go on after these losses."""
        self._losses = deque(map(float, values), LOSSES)


@dataclass
class SkipCounts:
    """How many batches there were, how many were skipped, and how many of these in a row."""

    batches: int = 0
    skipped: int = 0
    in_a_row: int = 0


class Guard:
    """Stops or skips the batches of one training that hold NaN or infinity.

    Args:
        group: the processes that train together; they stop or skip together.
        on_nan: one of `ON_NAN`.

    Attributes:
        losses: the last losses.
        counts: of the batches and the skipped ones.
    """

    def __init__(self, group: Group, on_nan: str) -> None:
        self.on_nan = on_nan
        self.losses, self.counts = LossGuard(), SkipCounts()
        self._group = group
        self._batch, self._where = 0, "the start"
        self._samples: Sequence[Labelled] = ()
        self._finding: Finding | None = None
        self._updated: list[Learner] = []
        self._buffers: dict[Learner, Sequence[Any]] = {}
        self._reported = False

    @property
    def failed(self) -> bool:
        """Whether this process found something that the others do not know yet."""
        return self._finding is not None

    def state(self) -> dict[str, Any]:
        """What it remembers of the batches so far, as plain values."""
        counts = asdict(self.counts)
        return {"losses": self.losses.state(), "counts": counts, "reported": self._reported}

    def restore(self, values: Mapping[str, Any]) -> None:
        """Set what `state` gave."""
        self.losses.restore(values["losses"])
        self.counts, self._reported = SkipCounts(**values["counts"]), values["reported"]

    def begin(self, batch: int, where: str, samples: Sequence[Labelled]) -> None:
        """Begin the next batch.

        Args:
            batch: how many batches for training have begun, this one with them.
            where: which batch it is, in words.
            samples: its images in this process.
        """
        self._batch, self._where, self._samples = batch, where, samples
        self._finding = None
        self._updated.clear()
        self._buffers.clear()

    def before_forward(self, model: Learner) -> None:
        """Keep the buffers, such as running means, that a forward pass of training changes."""
        if model not in self._buffers:
            self._buffers[model] = model.engine.copied_buffers(model.module)

    def updated(self, model: Learner) -> None:
        """Note that the model has learnt from this batch."""
        self._updated.append(model)
        self._buffers.pop(model, None)

    def note(self, model: Learner, finding: Finding) -> None:
        """Note what this process alone may know; the next update of the group fails everywhere.

        Raises:
            NotFinite: at once, where this process trains alone.
        """
        if self._group.world_size == 1:
            self.fail(model, finding)
        self._finding = self._finding or finding

    def fail_together(self, model: Learner, finding: Finding | None = None) -> None:
        """Fail in all processes of the group, which call this together.

        Raises:
            NotFinite: always, with the first finding of any process.
        """
        found = self._finding or finding
        facts = [] if found is None else [found.what, found.cure]
        places = [] if found is None else self._places(found.rows)
        what, cure, *_ = self._group.all_gather(facts)
        self._raise(model, what, cure, self._group.all_gather(places))

    def fail(self, model: Learner, finding: Finding) -> None:
        """Fail in this process.

        Raises:
            NotFinite: always.
        """
        self._raise(model, finding.what, finding.cure, self._places(finding.rows))

    def fail_after(self, model: Learner, finding: Finding, state: str) -> None:
        """Fail where the weights themselves are not finite, so that no other batch can follow.

        Raises:
            NotFinite: always.
        """
        self._buffers.clear()
        places = _shortened(self._places(None))
        sentence = f"{finding.what} at {self._where} ({places}); {state}; {finding.cure}"
        raise NotFinite(f"{model.name}: {sentence}", self._batch, recoverable=False)

    def _raise(self, model: Learner, what: str, cure: str, places: Sequence[str]) -> None:
        for other, buffers in self._buffers.items():
            other.engine.restore_buffers(other.module, buffers)
        state = self._state(model)
        sentence = f"{what} at {self._where}; {state}; {cure} {_shortened(places)}"
        raise NotFinite(f"{model.name}: {sentence}", self._batch, recoverable=True)

    def _state(self, model: Learner) -> str:
        """What the weights are now."""
        if model in self._updated:
            return "the weights are those after its update before in this batch"
        others = ", ".join(dict.fromkeys(other.name for other in self._updated))
        before = "the weights are those before this batch"
        return f"{before}, and those of {others} are updated" if others else before

    def _places(self, rows: Iterable[int] | None) -> list[str]:
        chosen = range(len(self._samples)) if rows is None else rows
        places = [self._samples[row].where for row in chosen if row < len(self._samples)]
        # Several tokens of a line may be meant.
        return list(dict.fromkeys(places))

    def skip(self, error: NotFinite) -> None:
        """Go on without this batch, where `on_nan` says so.

        Raises:
            NotFinite: the error itself, where the training is to stop.
            TrainingError: too many batches were skipped.
        """
        if self.on_nan == STOP or (self.on_nan == SKIP and not error.recoverable):
            raise error
        counts = self.counts
        counts.batches += 1
        counts.skipped += 1
        counts.in_a_row += 1
        if counts.skipped <= PRINTED:
            last = counts.skipped == PRINTED
            say(f"skipped: {error}{'; later ones are not printed' if last else ''}")
        if counts.in_a_row >= IN_A_ROW:
            raise TrainingError(f"{IN_A_ROW} batches in a row were skipped, the last: {error}")
        if counts.skipped > max(ALLOWED, FRACTION * counts.batches):
            raise TrainingError(
                f"{counts.skipped} of {counts.batches} batches were skipped, which is more than"
                f" {FRACTION:.0%}, the last: {error}"
            )

    def learnt(self, loss: float, *, training: bool) -> bool:
        """Note the loss of a batch, a mean over the group; whether it jumped.

        The first one that jumps is printed.
        """
        self.counts.batches += 1
        self.counts.in_a_row = 0
        median = self.losses.add(loss) if training else None
        if median is None or self._reported:
            return median is not None
        self._reported = True
        places = _shortened(self._group.all_gather(self._places(None)))
        say(
            f"the loss jumped to {loss:.4g} at {self._where}, more than {JUMP} times the median of"
            f" the last {LOSSES}, {median:.4g}; look at {places}, or train with a lower lr="
        )
        return True


def _shortened(places: Sequence[str]) -> str:
    """The first places, and how many more there are."""
    more = len(places) - NAMED
    named = ", ".join(places[:NAMED]) or "its images"
    return f"{named} and {more} more" if more > 0 else named
