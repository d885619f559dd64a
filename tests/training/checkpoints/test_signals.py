"""SIGTERM, SIGHUP and a terminal that closes: a checkpoint is left, and the training goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment, printed
from torture import scaled
from training.checkpoints import stopped_runs
from training.checkpoints.signalled import updates
from training.checkpoints.stopped_runs import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the signals are of POSIX")
SCRIPT = Path(__file__).with_name("signalled.py")
STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.long
@pytest.mark.torture("D3")
def test_signals_at_random_moments(tmp_path):
    count = max(4, scaled(10))
    found = printed(SCRIPT, tmp_path, count, 1)
    signals = [each for each in found if "signal" in each]
    assert len(signals) == count
    for each in signals:
        assert each["status"] == STATUS[each["signal"]], each
        before, after = each["updates"]
        # The update in hand is in the checkpoint; a batch of validation is none.
        assert after >= before
    assert signals[-1]["updates"][1] > 0
    ends = [each["same"] for each in found if "same" in each]
    assert ends
    assert set(ends) == {"True"}


IN_A_TERMINAL = """
import sys
from pathlib import Path
from training.checkpoints import stopped_runs
folder = Path(sys.argv[1])
sets = folder / "train.txt", folder / "val.txt"


def build(deel):
    inner, changed = stopped_runs.plain(deel)

    def workout(x, t):
        if waiting:
            waiting.pop()
            print("first batch")
            sys.stdout.flush()
            for _ in range(1000):
                time.sleep(0.01)
                if closed.exists():
                    break
        return inner(x, t)

    return workout, changed


import time
closed = folder / "closed"
waiting = [] if closed.exists() else [1]
print(stopped_runs.run(build, sets, folder / "run"))
"""


@pytest.mark.long
@pytest.mark.torture("D3")
def test_a_terminal_that_closes(sets, tmp_path):
    """What the training prints then is lost; the training is not."""
    pty = pytest.importorskip("pty")
    pid, terminal = pty.fork()
    if not pid:
        os.execve(
            sys.executable, [sys.executable, "-c", IN_A_TERMINAL, str(tmp_path)], environment()
        )
    shown = b""
    while b"first batch" not in shown:
        shown += os.read(terminal, 1000)
    os.close(terminal)
    (tmp_path / "closed").write_text("")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == STATUS[signal.SIGHUP]
    assert updates(tmp_path / "run") == 1
    command = [sys.executable, "-c", IN_A_TERMINAL, str(tmp_path)]
    again = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert "goes on after update 1 of 10" in again.stdout
    assert again.stdout.splitlines()[-1] == repr(run(stopped_runs.plain, sets))


def signalled(sets, folder, *numbers):
    """A training to which these signals come in its batches, from the second one on."""

    def build(deel):
        inner, changed = stopped_runs.plain(deel)
        left = list(numbers)

        def workout(x, t):
            made = inner(x, t)
            for number in left.pop(0) if left else ():
                os.kill(os.getpid(), number)
            return made

        return workout, changed

    return run(build, sets, folder)


def test_a_second_sigterm_waits_for_the_update_too(sets, tmp_path):
    with pytest.raises(SystemExit) as ended:
        signalled(sets, tmp_path / "run", (), (signal.SIGTERM, signal.SIGTERM))
    assert ended.value.code == STATUS[signal.SIGTERM]
    assert updates(tmp_path / "run") == 2


def test_the_first_ctrl_c_after_sigusr1_waits_for_the_update_too(sets, tmp_path, capsys):
    signalled(sets, tmp_path / "run", (signal.SIGUSR1, signal.SIGINT))
    assert "run the same command again to go on" in capsys.readouterr().out
    assert updates(tmp_path / "run") == 1


def test_a_terminal_that_closes_ends_nothing_under_nohup(sets, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        _, history = signalled(sets, tmp_path / "run", (signal.SIGHUP,))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(history) == 2
