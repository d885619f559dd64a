"""A network's fingerprint: cached logits belong to the network of their fingerprint."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from deelish.engines import Engine, Values
from deelish.plan.layers import KINDS, OWN
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.sequence_format import SequenceFormat

# Raise it when deelish's own code changes the logits of a network, beyond rounding.
VERSION = 2


def fingerprint_of(
    plan: Plan,
    preprocessing: Preprocessing,
    engine: Engine,
    values: Values,
    sequences: SequenceFormat | None = None,
) -> str | None:
    """sha256 of the rows that the logits depend on in the test phase, their weights, preprocessing.

    None where a script gave the type of a row: what its function computes is not known.
    """
    rows = plan.rows("TEST", [plan.logits])
    if not all(_is_own(row.type, engine) for row in rows):
        return None
    # The keys keep their first names: a new name would invalidate every teacher cache.
    text = {
        "answering": VERSION,
        "half": engine.autocast_dtype,
        "rows": [row.to_dict() for row in rows],
        "inputs": {name: list(shape) for name, shape in plan.inputs.items()},
        "logits": plan.logits,
        "preprocessing": preprocessing.to_dict(),
        **({} if sequences is None else {"sequences": sequences.to_dict()}),
    }
    digest = hashlib.sha256(json.dumps(text, sort_keys=True).encode())
    needed = {row.name for row in rows}
    for layer, blobs in values.items():
        for name, array in blobs.items() if layer in needed else ():
            digest.update(f"{layer}/{name} {array.dtype} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _is_own(type: str, engine: Engine) -> bool:
    """Whether a layer type is what deelish makes of it, in the plan and on the engine."""
    return type in OWN and KINDS.get(type) is OWN[type] and engine.has_own(type)
