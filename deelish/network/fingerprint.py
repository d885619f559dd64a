"""A network's fingerprint: cached logits belong to the network of their fingerprint."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from deelish.engines import Engine, Values
from deelish.engines.custom import CUSTOM
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing

# Raise it when deelish's own code changes the logits of a network, beyond rounding.
VERSION = 2


def fingerprint_of(
    plan: Plan, preprocessing: Preprocessing, engine: Engine, values: Values
) -> str | None:
    """sha256 of the rows that the logits depend on in the test phase, their weights, preprocessing.

    None where a script registered the type of a row: what its function computes is not known.
    """
    rows = plan.rows("TEST", [plan.logits])
    if any(row.type in CUSTOM[engine.name] for row in rows):
        return None
    # The keys keep their first names: a new name would invalidate every teacher cache.
    text = {
        "answering": VERSION,
        "half": engine.autocast_dtype,
        "rows": [row.to_dict() for row in rows],
        "inputs": {name: list(shape) for name, shape in plan.inputs.items()},
        "logits": plan.logits,
        "preprocessing": preprocessing.to_dict(),
    }
    digest = hashlib.sha256(json.dumps(text, sort_keys=True).encode())
    needed = {row.name for row in rows}
    for layer, blobs in values.items():
        for name, array in blobs.items() if layer in needed else ():
            digest.update(f"{layer}/{name} {array.dtype} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
