"""The random states that a workout may draw from beside deelish's own, as plain values."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines import Engine


def random_states(engine: Engine) -> list[str]:
    """Those of Python, NumPy and the framework: one text for each process, by rank."""
    version, numbers, gauss = random.getstate()
    bits: Any = np.random.get_state(legacy=False)
    state = bits["state"]
    numpy = {**bits, "state": {**state, "key": state["key"].tolist(), "pos": int(state["pos"])}}
    own = {
        "python": [version, list(numbers), gauss],
        "numpy": numpy,
        "engine": engine.random_state(),
    }
    return engine.group.all_gather([json.dumps(own)])


def set_random_states(engine: Engine, texts: Sequence[str]) -> None:
    """Set this process's own; a process that was not there before keeps what it has."""
    if engine.group.rank >= len(texts):
        return
    own = json.loads(texts[engine.group.rank])
    version, numbers, gauss = own["python"]
    random.setstate((version, tuple(numbers), gauss))
    state = own["numpy"]["state"]
    key = np.array(state["key"], np.uint32)
    np.random.set_state({**own["numpy"], "state": {**state, "key": key}})
    engine.set_random_state(own["engine"])
