"""Ctrl-C at random moments of training, saving and loading at one prompt."""

import os
from pathlib import Path

import pytest
from processes import printed
from torture import scaled

SCRIPT = Path(__file__).with_name("interrupted.py")
PROMPT = 2.0


@pytest.mark.long
@pytest.mark.torture("D2")
@pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")
def test_the_prompt_comes_back_and_all_is_whole(tmp_path):
    count = scaled(100)
    *found, last = printed(SCRIPT, tmp_path, count, 1)
    assert len(found) == count
    assert last == {"epochs": 2}
    assert [each for each in found if each["wrong"]] == []
    assert max(each["back"] for each in found) < PROMPT
    # Else nothing was interrupted.
    assert sum(each["times"] > 0 for each in found) > count / 2
