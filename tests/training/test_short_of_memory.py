"""A training that gets too little memory ends with one sentence, or is the same as with enough."""

import re
import sys
from pathlib import Path

import pytest
from forked import FAILED
from processes import printed
from torture import scaled

SCRIPT = Path(__file__).with_name("short_of_memory.py")


@pytest.mark.long
@pytest.mark.torture("D1")
@pytest.mark.skipif(sys.platform != "linux", reason="its limits are of Linux")
def test_memory_that_ends_at_random_moments(tmp_path):
    count = max(5, scaled(10))
    found = printed(SCRIPT, tmp_path, count, 1)
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
