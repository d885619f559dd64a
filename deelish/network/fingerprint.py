"""A network's fingerprint: by which kept answers are known to be its own."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from deelish.engines.custom import CUSTOM

if TYPE_CHECKING:
    from deelish.network.network import Network

# One more when the same weights answer otherwise than before, beyond the rounding of their type.
ANSWERING = 2


def fingerprint_of(network: Network) -> str | None:
    """sha256 of the rows that the logits need in the test phase, their weights, and preprocessing.

    None where a row is of a type that a script registered: what its function does is not known.
    """
    plan = network.plan
    rows = plan.rows("TEST", [plan.logits])
    if any(row.type in CUSTOM[network.session.engine_name] for row in rows):
        return None
    text = {
        "answering": ANSWERING,
        "half": network.session.engine.half,
        "rows": [row.to_dict() for row in rows],
        "inputs": {name: list(shape) for name, shape in plan.inputs.items()},
        "logits": plan.logits,
        "preprocessing": network.preprocessing.to_dict(),
    }
    digest = hashlib.sha256(json.dumps(text, sort_keys=True).encode())
    needed = {row.name for row in rows}
    for layer, blobs in network.session.engine.state(network.module).items():
        for name, array in blobs.items() if layer in needed else ():
            digest.update(f"{layer}/{name} {array.dtype} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
