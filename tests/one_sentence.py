"""An error of deelish is one sentence."""

import re

import pytest

from deelish.cli import main


def refused(error, match, call):
    """One sentence that matches, and no error of another library."""
    with pytest.raises(error, match=match) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    # No sentence ends within it, but file extensions and numbers have points.
    assert not re.search(r"\. [A-Z]", text)


def assert_fails(arguments, sentence, capsys):
    """The command line ends with exit code 1 and one sentence on stderr, in which this one is."""
    assert main([*map(str, arguments)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("deelish: ")
    assert error.count("\n") == 1
    assert sentence in error
