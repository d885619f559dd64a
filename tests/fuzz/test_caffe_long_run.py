"""Thousands of damaged Caffe files in processes of their own: none harms one, each ends in time."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment
from torture import scaled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its limits are of Linux")
SCRIPT = Path(__file__).with_name("long_run.py")


def opened(count, tmp_path, *options):
    """Open this many mutants; its last line has the totals."""
    command = [sys.executable, SCRIPT, "--mutants", count, "--failures", tmp_path, *options]
    made = subprocess.run(
        list(map(str, command)), env=environment(), capture_output=True, text=True, timeout=1500
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert made.stdout.startswith(f"{count:,} mutants: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torture("A1")
def test_damaged_files_of_all_kinds(tmp_path):
    opened(scaled(20_000), tmp_path)


@pytest.mark.torture("A4")
def test_damaged_nets_in_text(tmp_path):
    opened(scaled(5_000), tmp_path, "--kind", "prototxt", "--seed", 4)
