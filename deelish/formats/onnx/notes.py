"""What deelish notes in an ONNX model, in its `metadata_props`."""

from __future__ import annotations

import json

from deelish.plan.preprocessing import Preprocessing
from deelish.plan.sequence_format import SequenceFormat
from deelish.version import __version__


def notes_of(
    read: Preprocessing | SequenceFormat, labels: list[str] | None, logits: str | None
) -> dict[str, str]:
    """Version, how the input is made, labels where there are any, and the name of the logits."""
    key = "sequences" if isinstance(read, SequenceFormat) else "preprocessing"
    return {
        "deelish": __version__,
        key: json.dumps(read.to_dict()),
        **({"labels": json.dumps(labels)} if labels else {}),
        **({"logits": logits} if logits else {}),
    }
