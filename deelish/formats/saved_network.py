"""What a file of deelish holds: the network whole, as arrays and one JSON text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.engines.base import Values
from deelish.errors import FileError
from deelish.formats.header import checksum, described, header_text
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.sequence_format import SequenceFormat

KIND, FORMAT = "network", 1
# The key of a network that reads sequences.
SEQUENCES = "sequences"


@dataclass(frozen=True)
class SavedNetwork:
    """A network as a file carries it; `notices` are printed when it is opened."""

    plan: Plan
    values: Values
    labels: list[str] | None
    preprocessing: Preprocessing
    untrained: list[str]
    notices: Sequence[str] = ()
    sequences: SequenceFormat | None = None

    def header(self, *, sealed: bool = True) -> str:
        """Everything but the arrays, with a checksum of each array and of itself, as JSON.

        `sealed`: the file will have a seal, see `deelish.formats.seal`.
        """
        network = {
            "plan": self.plan.to_dict(),
            "labels": self.labels,
            "preprocessing": self.preprocessing.to_dict(),
            "untrained": self.untrained,
            **({} if self.sequences is None else {SEQUENCES: self.sequences.to_dict()}),
            "checksums": {
                layer: {blob: checksum(array) for blob, array in blobs.items()}
                for layer, blobs in self.values.items()
            },
        }
        return header_text(KIND, FORMAT, network, sealed=sealed)


@dataclass(frozen=True)
class StoredWeights:
    """The arrays of each layer in a file, in Caffe's order, and what deelish's own files add.

    untrained: the layers that were never trained.  labels, preprocessing, sequences: as the network
    had them.
    """

    arrays: Mapping[str, Sequence[np.ndarray]]
    untrained: Sequence[str] = ()
    labels: list[str] | None = None
    preprocessing: Preprocessing | None = None
    sequences: SequenceFormat | None = None


@dataclass(frozen=True)
class NetworkHeader:
    """The JSON text of a file, read and checked; the arrays come after it."""

    plan: Plan
    labels: list[str] | None
    preprocessing: Preprocessing
    untrained: list[str]
    checksums: Mapping[str, Mapping[str, int]]
    sequences: SequenceFormat | None
    sealed: bool

    @classmethod
    def read(cls, text: str, path: Path) -> NetworkHeader:
        """The header of a file.

        Raises:
            FileError: it is not deelish's, from a later version, or damaged.
        """
        with described(text, KIND, FORMAT, path) as (network, sealed):
            return cls(**_parts(network), sealed=sealed)

    def network(self, values: Values, path: Path) -> SavedNetwork:
        """The whole network, its arrays checked against shapes and checksums."""
        for layer, blobs in self.plan.weights.items():
            for name, blob in blobs.items():
                array = values.get(layer, {}).get(name)
                if array is None or array.shape != blob.shape or array.dtype != np.float32:
                    got = "nothing" if array is None else f"{array.dtype} {array.shape}"
                    raise FileError(
                        f"{path}: {layer}/{name} holds {got} where the network has float32"
                        f" {blob.shape}; take another copy"
                    )
                if checksum(array) != self.checksums.get(layer, {}).get(name):
                    raise FileError(
                        f"{path}: {layer}/{name} does not match its checksum, so the file is"
                        " damaged; take another copy"
                    )
        return SavedNetwork(
            self.plan,
            values,
            self.labels,
            self.preprocessing,
            self.untrained,
            sequences=self.sequences,
        )


def _parts(data: Mapping[str, Any]) -> dict[str, Any]:
    labels, form = data["labels"], data.get(SEQUENCES)
    return {
        "plan": Plan.from_dict(data["plan"]),
        "labels": None if labels is None else [str(name) for name in labels],
        "preprocessing": Preprocessing.from_dict(data["preprocessing"]),
        "untrained": [str(name) for name in data["untrained"]],
        "checksums": {layer: dict(sums) for layer, sums in data["checksums"].items()},
        "sequences": None if form is None else SequenceFormat.from_dict(form),
    }
