"""The benchmark of a large teacher cache: it runs, and finds every key that is there."""

import sys
from pathlib import Path

import pytest
from processes import printed

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "cache_scale.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
def test_it_runs_and_ends_in_one_object(tmp_path):
    options = ["--records", "20000", "--parts", "4", "--keys", "2000", "--processes", "2"]
    (found,) = printed(SCRIPT, *options, "--work", tmp_path, "--json")
    assert [each["records"] for each in found["processes"]] == [20_000, 20_000]
    # The front of 4,096 bytes weighs little with many.
    assert found["bytes_a_record"] < 45
    assert list(tmp_path.iterdir()) == []
