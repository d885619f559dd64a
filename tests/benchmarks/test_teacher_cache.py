"""The benchmark of the teacher cache: its three sides take turns, and the ratios are theirs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "teacher_cache.py"


@pytest.mark.long
def test_it_ends_in_one_object():
    small = ["--images", "2", "--views", "1", "--rounds", "1", "--json"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *small], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for name in ("stored", "fresh"):
        ratio = found["ratio" if name == "stored" else f"{name}_ratio"]
        assert abs(ratio - found[f"{name}_s"] / found["labels_s"]) < 0.01 * ratio
    # bfloat16 rounds the logits of images in another order otherwise.
    difference = float(done.stdout.split("fresh ones by ")[1].split()[0])
    assert difference < 0.05
