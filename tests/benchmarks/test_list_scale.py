"""The benchmark of long lists: it runs, opens all images and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "list_scale.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
def test_it_runs_and_ends_in_one_object(tmp_path):
    options = ["--images", "101000", "--validation", "2000", "--processes", "2"]
    made = subprocess.run(
        [sys.executable, SCRIPT, *options, "--work", tmp_path, "--json"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    forked = found.pop("forked")
    assert len(found) == 4
    assert {row["images"] for row in found.values()} == {101_000}
    # Forked processes copy little of what they share; an object a line would be copied.
    assert all(after - before < 10e6 for before, after in forked)
    assert list(tmp_path.iterdir()) == []
