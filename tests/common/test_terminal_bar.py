"""The lock of progress bars, in processes that are forked and killed."""

import os
import sys

import pytest
from prepared import Script
from processes import TESTS, environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

KILLED = """
import os, signal
if not (child := os.fork()):
    from deelish.common.terminal_bar import TerminalBar
    TerminalBar.get_lock().acquire()
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
from deelish.common.terminal_bar import TerminalBar
list(TerminalBar([1], disable=True))
print("over")
"""
# Whose bars there were before the fork: deelish's, or only the script's own.
OURS = "from deelish.common.terminal_bar import TerminalBar as bar; list(bar([1], disable=True))"
OTHERS = "from tqdm import tqdm; list(tqdm([1], disable=True))"
HELD = """
import os, threading
from deelish.common.printing import say
from deelish.common.terminal_bar import TerminalBar
held = threading.Event()
def hold():
    TerminalBar.get_lock().acquire()
    held.set()
    threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
if not (child := os.fork()):
    list(TerminalBar([1], disable=True))
    say("over")
    os._exit(0)
os.waitpid(child, 0)
os._exit(0)
"""


@pytest.mark.parametrize(
    "script", [OURS + KILLED, OTHERS + KILLED, HELD], ids=["killed", "killed later", "held"]
)
def test_a_fork_leaves_nobody_waiting(script):
    running = Script(TESTS, script, env=environment())
    status, out, err = running.end(patience=20)
    assert (status, out) == (0, "over\n"), err


def test_lines_go_above_the_bars_of_the_script_too(monkeypatch, capsys):
    from tqdm import tqdm  # noqa: TID251

    from deelish.common.printing import say

    cleared = []
    with tqdm([1], file=sys.stderr) as bar:
        monkeypatch.setattr(bar, "clear", lambda **_: cleared.append(1))
        say("a line")
    assert cleared
    assert "a line\n" in capsys.readouterr().out
