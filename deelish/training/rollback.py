"""Going back to what a training had learnt before its numbers went wrong."""

from __future__ import annotations

from deelish.common.printing import say
from deelish.training.checkpoints.snapshot import learnt, restore_learnt
from deelish.training.guards import NotFinite
from deelish.training.run import Run

# A good state is kept after so many updates.
EVERY = 100


class Rollback:
    """Keeps what a training has learnt in memory, and goes back to it.

    Chowdhery et al. 2022 (PaLM, section 5.1) go back about 100 updates and leave out the batches
    from there to the one at fault; so does this: the training goes on with the batch after it.

    run: the training.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        run.trainer.on_new_student.append(self._keep)

    def after_update(self) -> None:
        """Keep what is learnt now, where it is time."""
        if self._run.trainer.batches % EVERY == 0:
            self._keep()

    def back(self, error: NotFinite | None = None) -> None:
        """Go back to the last good state.

        Raises:
            NotFinite: the error itself, where there is none yet.
        """
        run = self._run
        if run.good is None:
            if error is not None:
                raise error
            return
        restore_learnt(run, run.good, "the last good state")
        say(
            f"the weights are again those after update {run.good.values['updates']}; the batches"
            " from there on are left out"
        )

    def _keep(self) -> None:
        self._run.good = learnt(self._run)
        self._run.good.values["updates"] = self._run.trainer.batches
