"""The verb that looks for a learning rate: FindRate."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.common.checks import is_count, is_number
from deelish.common.printing import say
from deelish.common.processes import is_rank_zero
from deelish.errors import DataError, TrainingError
from deelish.language.optimizing import check_functions, check_options, checked_lr
from deelish.language.session import current_session
from deelish.language.training import viewing_of
from deelish.storage.atomic import write_file
from deelish.training.layer_rates import layer_factors
from deelish.training.loop import Workout
from deelish.training.optimization import Extent, Optimization
from deelish.training.rate_search import RateSearch, SearchTrainer, search
from deelish.training.trainer import Counts

_OWN = ("lowest", "highest", "updates", "optimizer", "lr_mult", "save")


@checked_call()
def FindRate(
    workout: Workout,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    updates: int = 100,
    optimizer: str = "adam",
    lr_mult: Mapping[str, float] | None = None,
    save: str | Path | None = None,
    **options: Any,
) -> RateSearch:
    """Look for a learning rate: train on some batches at rates that rise, and print the best.

    It is the range test of Smith 2017 (section 3.3), with rates that rise by one factor from update
    to update. The suggestion is the rate at which the smoothed loss falls fastest. The search ends
    where the loss is four times the lowest. The students, their running averages and `deel.state`
    are as before it, and a training after it is the same as one without.

    ``BatchTrain(workout, lr=FindRate(workout).suggestion)``

    Args:
        workout: what `BatchTrain` is given.
        lowest, highest: the first learning rate and the last.
        updates: how many batches it trains on.
        optimizer, lr_mult, **options: as `BatchTrain` takes them.
        save: the losses over the rates are written there as a PNG file.

    Returns:
        `rates` and `losses` of the updates, and the `suggestion`. A notebook shows the plot.

    Raises:
        UsageError: an option that the optimiser does not take.
        TrainingError: rates that do not rise, fewer than 20 updates, a training that is running, or
            a loss that is NaN from the start.
        DataError: there are no images yet.

    >>> found = FindRate(workout, updates=20)
    FindRate: the loss falls fastest at lr=...
    >>> found.suggestion < found.lowest <= 1
    True
    """
    check_functions(workout, None, "constant", 0.0)
    _check_rates(lowest, highest, updates)
    session = current_session()
    checked_lr(None, optimizer)
    check_options(session.engine, optimizer, options, _OWN)
    dataset = session.dataset
    if session.trainer is not None:
        raise TrainingError("FindRate: BatchTrain is running; call it before")
    if dataset is None:
        raise DataError("FindRate: there are no images; call InputBatch(train=...) first")

    def factor(progress: float) -> float:
        # Of the last update the progress is one update short of 1.
        return float((lowest / highest) ** (1 - progress * updates / (updates - 1)))

    how = Optimization(optimizer, highest, factor, options, layer_factors(lr_mult))
    extent = Extent(1, updates)
    trainer = SearchTrainer(session, how, Counts(), extent, dataset.choices.crop)
    kept, current = copy.deepcopy(session.state), session.current
    session.report_precision()
    session.trainer = trainer
    try:
        found = search(trainer, dataset, viewing_of(session, dataset), workout)
    finally:
        session.trainer, session.current = None, current
        session.state = kept
    say(f"FindRate: {found}")
    if save is not None and is_rank_zero():
        write_file(Path(save), found.png())
        say(f"written: {save}")
    return found


def _check_rates(lowest: Any, highest: Any, updates: Any) -> None:
    """Refuse rates that do not rise, and too few updates.

    Raises:
        TrainingError: there are such.
    """
    for name, rate in (("lowest", lowest), ("highest", highest)):
        if not is_number(rate) or not rate > 0:
            raise TrainingError(f"FindRate({name}={rate!r}): give a learning rate above 0")
    if not lowest < highest:
        raise TrainingError(
            f"FindRate(lowest={lowest!r}, highest={highest!r}): give rates that rise"
        )
    if not is_count(updates) or updates < 20:
        raise TrainingError(
            f"FindRate(updates={updates!r}): give how many batches it trains on, 20 or more"
        )
