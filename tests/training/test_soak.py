"""A long training takes no more memory and opens no more files as it goes on."""

import sys
from pathlib import Path

import numpy as np
import pytest
from processes import printed
from torture import scaled

SCRIPT = Path(__file__).with_name("soak.py")
# Bytes for each update.
MOST_GROWTH = 1e6 / 1000


@pytest.mark.long
@pytest.mark.torture("G1")
@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
def test_tiny_updates(tmp_path):
    # A twentieth of them is two epochs, or more.
    updates = max(2000, scaled(20_000))
    (found,) = printed(SCRIPT, tmp_path, updates)
    # The first quarter warms up.
    found = np.array(found)[5:]
    assert len(found) == 15
    each = np.polyfit(np.arange(15) * (updates // 20), found[:, 0], 1)[0]
    assert each < MOST_GROWTH
    assert len(set(found[:, 1])) == 1
