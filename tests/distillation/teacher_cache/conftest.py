"""What the tests of the teacher cache share: a file of twelve, a folder, the command line."""

import pytest
from distillation.teacher_cache.logits_by_key import keys_of, logits_of, opened
from helpers import small, trained

from deelish import Deel, InputBatch
from deelish.cli import main


@pytest.fixture
def keys():
    return keys_of(0, 12)


@pytest.fixture
def path(tmp_path, keys):
    """A file of the logits of twelve keys."""
    store = opened(tmp_path)
    store.put(keys, logits_of(keys))
    return store.path


@pytest.fixture
def model(tmp_path, images):
    """A file of a small network, trained on the `images` of the test."""
    with Deel(seed=1):
        network = small(name="Small")
        InputBatch(images)
        return trained(network, 1).save(tmp_path / "small.hdf5")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The cache folder of sessions and commands; it is not there yet."""
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def lines(capsys):
    """Call it for the lines that were printed since the last call."""
    return lambda: capsys.readouterr().out.splitlines()


@pytest.fixture
def ran(folder, capsys):
    """Call it with a command line for what that prints: its errors where it ends with 1."""

    def run(*arguments, code=0):
        assert main(list(map(str, arguments))) == code
        printed = capsys.readouterr()
        if code == 0:
            assert printed.err == ""
        return (printed.out or printed.err).splitlines()

    return run
