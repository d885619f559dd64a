"""Two nodes on one machine, with a cable between them: they train as one, also after a death."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from helpers import write_set
from processes import environment, free_port

from deelish import Network

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "scale_sides" / "nodes.py"
_spec = spec_from_file_location("scale_nodes", _PATH)
nodes = module_from_spec(_spec)
_spec.loader.exec_module(nodes)

SCRIPT = """
    import os, sys, time
    from pathlib import Path
    from helpers import small
    from deelish import *

    rank, folder = os.environ.get("RANK", "0"), Path(sys.argv[1])
    deel = Deel(seed=3, precision="float32")
    student = small()
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=7, crop=1, mirror=False)
    updates = 0

    def workout(x, t):
        global updates
        updates += 1
        (folder / f"at-{rank}").write_text(f"{os.getpid()} {updates}")
        time.sleep(float(sys.argv[3]))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=5, resume=folder / sys.argv[2], checkpoint_updates=3)
    student.save(folder / f"{sys.argv[2]}.hdf5")
"""
SENTENCE = (
    r"EngineError: this process cannot go on, since another one of the training has ended or does"
    r" not respond; look for its own error"
)


@pytest.fixture(scope="module")
def cable():
    if not nodes.possible():
        pytest.skip("this machine lets us make no network namespaces: they need root on Linux")
    with nodes.two_nodes():
        yield


@pytest.fixture
def folder(tmp_path):
    write_set(tmp_path, "train", 22)
    write_set(tmp_path, "val", 8, first=22)
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    return tmp_path


def start(folder, name, pause):
    """The launchers of both nodes, with one process each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    launch += [f"--master-addr={nodes.ADDRESSES[0]}", f"--master-port={free_port()}"]
    script = [str(folder / "script.py"), str(folder), name, str(pause)]
    return [
        subprocess.Popen(
            nodes.command(number, [*launch, f"--node-rank={number}", *script]),
            # Where they hang, `ended` asks for their stacks.
            env=environment(PYTHONFAULTHANDLER="1", **nodes.variables(number)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(2)
    ]


def weights(path):
    network = Network.load(path)
    state = network.engine.state(network.module)
    return {(layer, name): array for layer in state for name, array in state[layer].items()}


def ended(running, folder):
    """What both nodes print; where they do not end, the test fails with the stacks of all."""
    try:
        return [node.communicate(timeout=120)[0] for node in running]
    except subprocess.TimeoutExpired:
        for rank in range(2):
            with contextlib.suppress(OSError):
                os.kill(int((folder / f"at-{rank}").read_text().split()[0]), signal.SIGABRT)
        time.sleep(5)
        for node in running:
            node.send_signal(signal.SIGABRT)
        return pytest.fail("\n".join(node.communicate(timeout=30)[0] for node in running))


def trained(folder, name):
    """Both nodes to the end; the weights."""
    outputs = ended(start(folder, name, 0), folder)
    printed = [bool(re.search("^epoch  loss", out, re.M)) for out in outputs]
    assert printed == [True, False], outputs
    return weights(folder / f"{name}.hdf5")


@pytest.mark.long
def test_two_nodes_learn_what_one_process_learns(cable, folder):
    subprocess.run(
        [sys.executable, folder / "script.py", folder, "alone", "0"],
        env=environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    expected = weights(folder / "alone.hdf5")
    for name, array in trained(folder, "both").items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.long
def test_a_node_that_dies_ends_the_other_and_the_training_goes_on(cable, folder):
    expected = trained(folder, "whole")
    running = start(folder, "stopped", 0.1)
    at = folder / "at-1"
    at.unlink()
    until = time.monotonic() + 100
    while not at.exists() or len(at.read_text().split()) < 2 or int(at.read_text().split()[1]) < 9:
        assert time.monotonic() < until
        time.sleep(0.02)
    died = time.monotonic()
    os.kill(int(at.read_text().split()[0]), signal.SIGKILL)
    outputs = [node.communicate(timeout=60)[0] for node in running]
    assert time.monotonic() - died < 30
    assert re.search(SENTENCE, outputs[0])
    assert not (folder / "stopped.hdf5").exists()
    for name, array in trained(folder, "stopped").items():
        assert np.array_equal(array, expected[name]), name
