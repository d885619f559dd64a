"""A process of a training that dies or stops ends the others: in seconds, with one sentence."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked import FAILED
from processes import environment
from torture import scaled

SCRIPT = Path(__file__).with_name("dying.py")
SENTENCE = (
    "deelish.errors.EngineError: this process cannot go on, since another one of the training has"
    " ended or does not respond; look for its own error"
)
# A stopped process is waited for, which these trainings do for 2 seconds.
MOST = {signal.SIGKILL: 2, signal.SIGSEGV: 2, signal.SIGSTOP: 2 + 2}


@pytest.mark.torture("D1")
@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_the_other_process_ends(tmp_path):
    count = max(3, scaled(30))
    made = subprocess.run(
        [sys.executable, SCRIPT, tmp_path, str(count), "1"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    found = [json.loads(line) for line in made.stdout.splitlines() if line[:1] == "{"]
    assert len(found) == count
    for each in found:
        assert each["ended"], each
        assert each["seconds"] < MOST[each["signal"]], each
        assert (each["status"], each["said"]) == (FAILED, SENTENCE), each
