"""The benchmark of long lists: it runs, opens all images and leaves nothing behind."""

import sys
from pathlib import Path

import pytest
from processes import printed

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "list_scale.py"


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
def test_it_runs_and_ends_in_one_object(tmp_path):
    options = ["--images", "101000", "--validation", "2000", "--processes", "2", "--shards", "1"]
    (found,) = printed(SCRIPT, *options, "--work", tmp_path, "--json")
    forked = found.pop("forked")
    shards = [found.pop(name) for name in ("shards", "shards, again")]
    assert [row["images"] for row in shards] == [10_000, 10_000]
    assert len(found) == 4
    assert {row["images"] for row in found.values()} == {101_000}
    # Forked processes copy little of what they share; an object a line would be copied.
    assert all(after - before < 10e6 for before, after in forked)
    assert list(tmp_path.iterdir()) == []
