"""The folder of a training's checkpoints: numbered files, of which the two newest are kept."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from deelish.common.printing import amount, say
from deelish.engines.state import SavedState
from deelish.errors import FileError
from deelish.formats.native import checkpoint
from deelish.storage.claim import Claim

NAME = re.compile(r"checkpoint-(\d{6,})\.safetensors")
KEPT = 2


class CheckpointFolder:
    """The checkpoints in a folder.

    The number of a file is one more than that of the file before it: clocks may jump.

    path: the folder; it is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._claim: Claim | None = None

    def claim(self) -> None:
        """Make it this process's own.

        Raises:
            FileError: another process has it, it is a checkpoint, or it cannot be written.
        """
        if NAME.fullmatch(self.path.name) and self.path.is_file():
            raise FileError(f"{self.path}: is a checkpoint; give its folder, {self.path.parent}")
        self._claim = Claim(self.path)

    def release(self) -> None:
        """Give it back."""
        if self._claim is not None:
            self._claim.release()

    def newest(self) -> tuple[Path, SavedState] | None:
        """The newest whole checkpoint; damaged ones are reported and passed by.

        Raises:
            FileError: there are checkpoints, and none is whole, or one is of a later version.
        """
        paths = self._paths()
        for path in reversed(paths):
            try:
                return path, checkpoint.read(path)
            except checkpoint.DamagedError as error:
                say(f"{error}; it is passed by")
        if paths:
            raise FileError(
                f"{self.path}: none of its {len(paths)} checkpoints is whole; take other copies of"
                " them, or give another folder to begin again"
            )
        return None

    def write(self, state: SavedState) -> None:
        """Write the next checkpoint, and remove those before the last two.

        Raises:
            FileError: it cannot be written; the others stay as they are.
        """
        paths = self._paths()
        number = _number(paths[-1]) + 1 if paths else 1
        checkpoint.write(self.path / f"checkpoint-{number:06d}.safetensors", state)
        for path in paths[: 1 - KEPT]:
            with contextlib.suppress(OSError):
                path.unlink()

    def check_room(self, needed: int) -> None:
        """Refuse a disk that has not this many bytes left.

        Raises:
            FileError: it has less, or the folder is gone.
        """
        with self._in_a_sentence():
            free = shutil.disk_usage(self.path).free
        if free < needed:
            raise FileError(
                f"{self.path}: checkpoints of this training need {amount(needed)}, and the disk has"
                f" {amount(free)} left; make room, or give a folder on another disk"
            )

    def _paths(self) -> list[Path]:
        with self._in_a_sentence():
            found = [path for path in self.path.iterdir() if NAME.fullmatch(path.name)]
        return sorted(found, key=_number)

    @contextlib.contextmanager
    def _in_a_sentence(self) -> Iterator[None]:
        """Turn an error of the system into one sentence."""
        try:
            yield
        except OSError as error:
            raise FileError(
                f"{self.path}: cannot be read ({error.strerror}); bring it back, or give another"
                " folder"
            ) from error


def _number(path: Path) -> int:
    found = NAME.fullmatch(path.name)
    return int(found[1]) if found else 0
