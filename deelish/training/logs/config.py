"""What a training was made with, as plain values for a log."""

from __future__ import annotations

import sys
from typing import Any

from deelish.network.learner import learners_of
from deelish.training.run import Run
from deelish.version import __version__


def config_of(run: Run) -> dict[str, Any]:
    """The settings of a training: networks, images, optimiser, seed, versions."""
    trainer, dataset = run.trainer, run.dataset
    how, context = trainer.optimization, trainer.context
    return {
        "script": sys.argv[0],
        "networks": {each.name: f"{each.parameters:,} parameters" for each in learners_of(context)},
        dataset.noun: dataset.train.size,
        "batch_size": dataset.choices.batch_size,
        "epochs": trainer.extent.epochs,
        "optimizer": how.optimizer,
        "lr": how.lr,
        **{name: _plain(value) for name, value in how.options.items()},
        "seed": context.seed,
        "engine": context.engine.name,
        "device": context.engine.device,
        "precision": context.engine.autocast_dtype or "float32",
        "deelish": __version__,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)
