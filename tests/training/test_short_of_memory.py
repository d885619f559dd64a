"""A training that gets too little memory ends with one sentence, or is the same as with enough."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from forked import FAILED
from processes import environment
from torture import scaled

SCRIPT = Path(__file__).with_name("short_of_memory.py")


@pytest.mark.torture("D1")
@pytest.mark.skipif(sys.platform != "linux", reason="its limits are of Linux")
def test_memory_that_ends_at_random_moments(tmp_path):
    count = max(5, scaled(10))
    made = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, str(count), "1"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    found = [json.loads(line) for line in made.stdout.splitlines() if line[:1] == "{"]
    assert len(found) == count
    digests, refusals = set(), 0
    for each in found:
        assert each["ended"], each
        if each["status"] == 0:
            digests.add(each["said"])
            continue
        assert each["status"] == FAILED, each
        assert re.match(r"(deelish\.errors\.\w+Error|MemoryError)", each["said"]), each
        refusals += "there is not enough memory" in each["said"]
    assert len(digests) <= 1
    assert refusals
