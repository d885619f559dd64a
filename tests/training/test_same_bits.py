"""The same script in processes of their own gives the same weights and history, to the bit."""

import json
import subprocess
import sys

import pytest
from conftest import require_chainer
from helpers import write_set
from processes import environment
from torture import scaled

# With dropout, mixup, cached logits and a running average, without checkpoints.
SCRIPT = """
import json, sys
from pathlib import Path
from training.checkpoints import killed
folder = Path(sys.argv[1])
sets = folder / "train.txt", folder / "val.txt"
own = folder / sys.argv[4]
own.mkdir()
print(json.dumps(killed.train(own, sets, *sys.argv[2:4])))
"""


@pytest.mark.torture("G2")
@pytest.mark.parametrize(
    ("engine", "precision"),
    [
        ("torch", "float32"),
        pytest.param("torch", "bfloat16", marks=pytest.mark.long),
        pytest.param("chainer", "float32", marks=pytest.mark.long),
    ],
)
def test_the_same_script_in_fresh_processes(tmp_path, engine, precision):
    if engine == "chainer":
        require_chainer()
    write_set(tmp_path, "train", 76)
    write_set(tmp_path, "val", 20, first=76)
    found = set()
    for number in range(max(2, scaled(3))):
        arguments = [str(tmp_path), engine, precision, str(number)]
        made = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            # Neither the order of sets and dicts, nor what another run cached.
            env=environment(PYTHONHASHSEED=str(number), DEELISH_CACHE=str(tmp_path / f"c{number}")),
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        result = made.stdout.splitlines()[-1]
        saved = (tmp_path / str(number) / "student.safetensors").read_bytes()
        assert len(json.loads(result)["history"]) == 6
        found.add((result, saved))
    assert len(found) == 1
