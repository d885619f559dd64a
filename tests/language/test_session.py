"""A script that opens no session has one all the same, whatever it makes first."""

import subprocess
import sys

import pytest

FIRST = {
    "teacher": "made = Teacher(lambda x: x.mean((2, 3)), size=8, mean=0, scale=1, labels=3)",
    "network": "made = Network([Layer('score', 'InnerProduct', num_output=2)], in_size=8)",
    "images": "made = Input(np.zeros((8, 8), np.uint8))",
}


@pytest.mark.parametrize("line", FIRST.values(), ids=FIRST)
def test_what_is_made_before_any_session_is_in_the_current_one(line):
    lines = [
        "import numpy as np",
        "from deelish import *",
        line,
        "from deelish.language.session import current_session",
        "session = current_session()",
        "print(type(session).__name__, made.engine is session.engine)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "Deel True"
