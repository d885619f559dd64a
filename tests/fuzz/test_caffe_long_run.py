"""Thousands of damaged Caffe files in processes of their own: none harms one, each ends in time."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment
from torture import scaled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="its limits are of Linux")
SCRIPT = Path(__file__).with_name("long_run.py")


def failures(count, tmp_path, *options):
    """Open this many mutants; how many failed, of which the files are kept."""
    command = [sys.executable, SCRIPT, "--mutants", count, "--failures", tmp_path, *options]
    made = subprocess.run(
        list(map(str, command)), env=environment(), capture_output=True, text=True, timeout=1500
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (mutants, number) = re.match(r"([\d,]+) mutants: .*, (\d+) failures; ", made.stdout).groups()
    assert mutants == f"{count:,}"
    assert len(list(tmp_path.iterdir())) == int(number)
    return int(number)


@pytest.mark.torture("A1")
def test_damaged_files_of_all_kinds(tmp_path):
    assert failures(scaled(20_000), tmp_path) == 0


@pytest.mark.torture("A4")
def test_damaged_nets_in_text(tmp_path):
    assert failures(scaled(5_000), tmp_path, "--kind", "prototxt", "--seed", 4) == 0
