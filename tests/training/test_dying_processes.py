"""A process of a training that dies or stops ends the others: in seconds, with one sentence."""

import os
import re
import signal
from pathlib import Path

import pytest
from forked import FAILED
from processes import printed
from torture import scaled

SCRIPT = Path(__file__).with_name("dying.py")
# The random moment may be one before both are there.
SENTENCE = (
    r"deelish\.errors\.EngineError: this process cannot (go on|join the others), since another one"
    r" of the training has ended or does not respond; look for its own error"
)
# A stopped process is waited for, which these trainings do for 2 seconds.
MOST = {signal.SIGKILL: 2, signal.SIGSEGV: 2, signal.SIGSTOP: 2 + 2}
# So is one that has not joined, whatever it died of: for the address, and again for its answer.
TO_JOIN = 2 * 2


@pytest.mark.long
@pytest.mark.torture("D1")
@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_the_other_process_ends(tmp_path):
    count = max(3, scaled(30))
    found = printed(SCRIPT, tmp_path, count, 1)
    assert len(found) == count
    for each in found:
        assert each["ended"], each
        said = re.fullmatch(SENTENCE, each["said"])
        assert each["status"] == FAILED, each
        assert said, each
        waited = 0 if said[1] == "go on" else TO_JOIN
        assert each["seconds"] < MOST[each["signal"]] + waited, each
