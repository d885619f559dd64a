"""An error of deelish is one sentence."""

import re

import pytest


def refused(error, match, call):
    """One sentence that matches, and no error of another library."""
    with pytest.raises(error, match=match) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    # No sentence ends within it, but file extensions and numbers have points.
    assert not re.search(r"\. [A-Z]", text)
