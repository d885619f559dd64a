"""What all sides of a run share, and how it reaches their processes."""

import json
from pathlib import Path
from typing import NamedTuple


class Setting(NamedTuple):
    """The choices of a run.

    batch: images a batch.  threads: of each side.  seconds: the least that a round takes.
    folder: holds the networks and the images.  sizes: side in pixels of each network's images.
    """

    batch: int
    threads: int
    seconds: float
    folder: Path
    sizes: dict[str, int]

    def file(self, network, extension):
        """Where the network of this name is saved."""
        return self.folder / (network + extension)

    def to_json(self):
        """For a process's command line."""
        return json.dumps(self._replace(folder=str(self.folder))._asdict())

    @classmethod
    def from_json(cls, text):
        """The setting that `to_json` gave."""
        setting = cls(**json.loads(text))
        return setting._replace(folder=Path(setting.folder))
