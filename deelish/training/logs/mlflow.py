"""A run of MLflow: in the run that the script has opened, or in one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deelish.training.history import Row
from deelish.training.logs.log import FAILED, FINISHED, numbers_of

# MLflow's words for how a run ended.
STATES = {FINISHED: "FINISHED", FAILED: "FAILED"}
KILLED = "KILLED"


class MLflow:
    """Parameters, and numbers by epoch, in an experiment of MLflow."""

    name = "mlflow"

    def __init__(self, experiment: str) -> None:
        self._experiment = experiment
        self._own = False

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        import mlflow

        self._own = mlflow.active_run() is None
        if self._own:
            mlflow.set_experiment(self._experiment)
            mlflow.start_run()
        mlflow.log_params({key: str(value) for key, value in config.items()})
        for row in rows:
            self.row(row)

    def row(self, row: Row) -> None:
        import mlflow

        mlflow.log_metrics(numbers_of(row), step=row["epoch"])

    def end(self, state: str) -> None:
        import mlflow

        if self._own:
            mlflow.end_run(STATES.get(state, KILLED))
