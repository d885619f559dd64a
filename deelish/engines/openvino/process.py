"""OpenVINO in a process of its own: in one with PyTorch it has ended trainings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from deelish.common.extras import OPENVINO
from deelish.engines.own_process.process import OwnProcess
from deelish.errors import MissingPackageError, TrainingError

PROGRAM = Path(__file__).with_name("program.py")


def check_installed() -> None:
    """Refuse to go on without the package.

    Raises:
        MissingPackageError: it is not installed.
    """
    if find_spec("openvino") is None:
        raise MissingPackageError(
            f"Teacher(runtime='openvino'): needs the package openvino; {OPENVINO}"
        )


class OpenVinoProcess(OwnProcess):
    """A process with one model, for batches of one size.

    Args:
        name: what errors call the model.
    """

    def __init__(self, name: str) -> None:
        def refused(reason: str, ended: bool) -> TrainingError:
            again = ", or start the script again" if ended else ""
            return TrainingError(f"{name}: {reason}; leave runtime= out{again}")

        super().__init__("OpenVINO", PROGRAM, refused)
        self._batch = 0

    def load(
        self, path: Path, logits: str, shape: tuple[int, ...], settings: dict[str, str | int]
    ) -> None:
        """Compile a model in place of the one before.

        Args:
            path: an .onnx with one input.
            logits: the name of the value that holds the logits.
            shape: (n, channels, size, size) of a batch.
            settings: of `settings_of`.

        Raises:
            TrainingError: OpenVINO cannot run it, or its process ended.
        """
        made = self.load_model(path=str(path), logits=logits, shape=shape, settings=settings)
        self._batch = made[0] if made else shape[0]

    def run(self, values: np.ndarray) -> np.ndarray:
        """float32 (n, channels, size, size) -> logits (n, ...), for any n.

        Raises:
            TrainingError: OpenVINO fails, or its process ended.
        """
        batch = self._batch
        starts = range(0, len(values), batch)
        return np.concatenate([self.run_batch(values[i : i + batch], batch) for i in starts])
