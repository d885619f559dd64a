"""A training whose cache cannot be written ends with the weights of one whose cache can."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import write_set
from processes import environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs limits and permissions of POSIX")

SCRIPT = """
import hashlib, os, resource, sys
from helpers import small
from deelish import *
images, limit = sys.argv[1], int(sys.argv[2])
with Deel(seed=1):
    teacher, student = small("Taller"), small("Student")
    teacher.untrained.clear()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    # All is imported then, which needs rights and writes files of its own.
    InputBatch(images, batch_size=8)
    BatchTrain(workout, epochs=1)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if len(sys.argv) > 3 and os.geteuid() == 0:
        os.seteuid(65534)
    InputBatch(images, batch_size=8, views=2)
    BatchTrain(workout, epochs=4)
    digest = hashlib.sha256()
    for name, value in student.module.state_dict().items():
        digest.update(value.numpy().tobytes())
print("sha256", digest.hexdigest())
"""


@pytest.fixture
def images():
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield write_set(Path(name), "train", 24)


def run(images, folder, limit=0, *more):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(images), str(limit), *more],
        env=environment(DEELISH_CACHE=str(folder), DEELISH_PRECISION="float32"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (digest,) = [line for line in done.stdout.splitlines() if line.startswith("sha256")]
    return digest, [line for line in done.stdout.splitlines() if "cannot be" in line]


@pytest.mark.long
@pytest.mark.parametrize("limit", [600, 4096 + 28 * 20])
def test_a_limit_on_the_size_of_files_changes_no_weight(limit, images, tmp_path):
    made, printed = run(images, tmp_path, limit)
    (line,) = printed
    assert "logits of Taller cannot be cached (File too large); training goes on" in line
    # What was cached by then is used by a later run, which has the room.
    assert run(images, tmp_path) == (made, [])


@pytest.mark.long
def test_a_folder_that_may_not_be_written_to_changes_no_weight(images):
    right, printed = run(images, images.parent / "room")
    assert printed == []
    folder = images.parent / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    made, printed = run(images, folder, 0, "unprivileged")
    assert made == right
    (line,) = printed
    assert "logits of Taller cannot be cached (Permission denied); training goes on" in line
