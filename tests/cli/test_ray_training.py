"""`deelish run --ray`: the processes of a Ray cluster train a script as one."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from helpers import write_set
from processes import environment

from deelish import Network
from deelish.cli.command import main
from deelish.cli.ray_training import _workers

SCRIPT = """
    import os, sys, time
    from pathlib import Path
    from helpers import small
    from deelish import *

    print("arguments", sys.argv[1:])
    deel = Deel(seed=3, precision="float32")
    student, folder = small(), Path(sys.argv[1])
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=7, crop=1, mirror=False)
    (folder / f"pid-{os.environ.get('RANK', 0)}").write_text(str(os.getpid()))

    def workout(x, t):
        time.sleep(float(sys.argv[2]))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=8, checkpoint_updates=1)
    student.save(sys.argv[3])
"""
FAILING = """
    import os
    from deelish import *
    if os.environ["RANK"] == "1":
        {}
    deel = Deel()
    deel.engine.group.all_sum([1.0])
"""


@pytest.fixture
def ray():
    pytest.importorskip("ray.train", reason="the package ray[train] is not installed")


@pytest.fixture
def script(tmp_path):
    write_set(tmp_path, "train", 22)
    write_set(tmp_path, "val", 8, first=22)
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return path


def start(words, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "deelish", "run", *map(str, words)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(words, folder):
    """The exit code, stdout and stderr."""
    running = start(words, folder)
    out, err = running.communicate(timeout=300)
    return running.returncode, out, err


def run_failing(script, line):
    """What a script comes to that fails in one of two processes, by this line."""
    failing = script.with_name("failing.py")
    failing.write_text(textwrap.dedent(FAILING.format(line)))
    return run(["--ray", "local", "--workers", "2", failing], script.parent)


def weights(path):
    network = Network.load(path)
    state = network.engine.state(network.module)
    return {(layer, name): array for layer in state for name, array in state[layer].items()}


@pytest.mark.long
def test_a_lost_worker_costs_the_updates_since_the_last_checkpoint(ray, script):
    """A worker is killed in the middle, and the weights are those of one process all the same."""
    folder = script.parent
    words = ["--ray", "local", "--workers", "2", "--resume", "checkpoints", script, folder]
    running = start([*words, "0.2", "taught.hdf5"], folder)
    pid = folder / "pid-1"
    until = time.monotonic() + 120
    while not (pid.exists() and list(folder.glob("checkpoints/*/*"))):
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(1)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    out, err = running.communicate(timeout=300)
    assert (running.returncode, err) == (0, "")
    assert out.count("a worker was lost (") == 1
    assert "; it goes on" in out
    assert "goes on after" in out
    assert out.count("epoch  loss") >= 1
    assert not list(folder.glob(".deelish-run-*"))
    code, _, err = run(["--resume", "alone", script, folder, "0", "alone.hdf5"], folder)
    assert code == 0, err
    expected = weights(folder / "alone.hdf5")
    for name, array in weights(folder / "taught.hdf5").items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.long
def test_a_script_that_finds_no_images_fails_with_its_sentence(ray, script):
    code, out, err = run_failing(script, "InputBatch('nowhere.txt')")
    assert (code, out) == (1, "")
    assert err == "deelish: nowhere.txt: there is no such list or folder; correct the path\n"


@pytest.mark.long
def test_a_scripts_own_error_has_its_traceback(ray, script):
    code, out, err = run_failing(script, "1 / 0")
    assert (code, err) == (1, "")
    assert out.startswith("Traceback")
    assert out.endswith("ZeroDivisionError: division by zero\n")
    assert "failing.py" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ray", "local"], "--ray: say how many processes train, such as --workers 8, or 2-8"),
        (["--ray", "local", "--workers", "0"], "--workers 0: say how many processes train"),
        (["--ray", "local", "--workers", "8-2"], "--workers 8-2: say how many processes train"),
        (["--ray", "local", "--workers", "many"], "--workers many: say how many processes train"),
        (["--workers", "2"], "--workers: is about the processes of a Ray cluster; give --ray auto"),
        (["--gpus"], "--gpus: is about the processes of a Ray cluster; give --ray auto"),
    ],
)
def test_mistakes_are_one_sentence(capsys, script, words, expected):
    assert main(["run", *words, str(script)]) == 1
    assert expected in capsys.readouterr().err


def test_a_range_is_for_an_elastic_group():
    assert _workers("2-8") == (2, 8)
    assert _workers("3-3") == _workers("3") == 3


def test_a_script_that_is_not_there_is_found_before_the_cluster(capsys):
    assert main(["run", "--ray", "local", "--workers", "2", "nowhere.py"]) == 1
    assert "nowhere.py: there is no such script; correct the path" in capsys.readouterr().err
