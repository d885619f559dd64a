"""What deelish notes in an ONNX model, in its `metadata_props`."""

from __future__ import annotations

import json

from deelish.plan.preprocessing import Preprocessing
from deelish.version import __version__


def notes_of(
    preprocessing: Preprocessing, labels: list[str] | None, logits: str | None
) -> dict[str, str]:
    """Version, preprocessing, labels where there are any, and the name of the logits."""
    return {
        "deelish": __version__,
        "preprocessing": json.dumps(preprocessing.to_dict()),
        **({"labels": json.dumps(labels)} if labels else {}),
        **({"logits": logits} if logits else {}),
    }
