"""Two processes that start in one folder at once: one trains, the other is refused by name."""

import re
from pathlib import Path

import pytest
from forked import FAILED
from processes import printed
from torture import scaled

SCRIPT = Path(__file__).with_name("two_at_once.py")


@pytest.mark.long
@pytest.mark.torture("G3")
def test_one_trains_and_the_other_is_refused(tmp_path):
    pairs = scaled(20)
    found = printed(SCRIPT, tmp_path, pairs)
    assert len(found) == pairs
    digests = set()
    for each in found:
        (status, digest), (refused, said) = sorted(each["results"])
        assert (status, refused) == (0, FAILED), each
        *_, last = said.splitlines()
        (holder,) = re.findall(
            r"FileError: .*run-\d+: is in use by process (\d+) on .*; wait", last
        )
        # The one that is named is the one that trained.
        assert each["results"][each["pids"].index(int(holder))][0] == 0
        assert each["again"] == [0, digest]
        assert each["names"] == [
            "checkpoint-000011.safetensors",
            "checkpoint-000012.safetensors",
            "training_lock",
        ]
        digests.add(digest)
    assert len(digests) == 1
