"""Damaged files of all formats, opened as CaffeNet does: each ends in a net or in one sentence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from fuzz import seeds
from fuzz.mutants import SECONDS, Mutant, mutant, opened
from fuzz.seeds import Seed

from deelish.formats.caffe.network import NetOptions
from deelish.formats.match import Allowed

FILES = {"current": seeds.today(), "V1": seeds.second(), "V0": seeds.first()}
ALONE = NetOptions(allowed=Allowed(extra=True, missing=True))


def is_read(content: bytes, folder: Path) -> bool:
    """Whether a .caffemodel is a net; whatever is neither read nor refused goes up."""
    return not opened(Mutant("", {"weights": content}, ALONE), folder)


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_valid(tmp_path: Path, name: str) -> None:
    assert is_read(FILES[name], tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", range(8))
def test_cut_files(tmp_path: Path, name: str, part: int) -> None:
    content = FILES[name]
    valid = sum(is_read(content[:end], tmp_path) for end in range(part, len(content), 8))
    # A cut between two fields of the net itself leaves a net.
    assert valid <= 9


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", range(4))
def test_every_byte_changed(tmp_path: Path, name: str, part: int) -> None:
    content = FILES[name]
    read = 0
    for at in range(part, len(content), 4):
        for byte in (0, 0xFF, content[at] ^ 0x80):
            read += is_read(content[:at] + bytes([byte]) + content[at + 1 :], tmp_path)
    # Bytes of weights may be anything.
    assert read


def assert_each_is_read_or_refused(sound: Sequence[Seed], count: int, folder: Path) -> None:
    """Open mutants: each is a net or one sentence, in time, and both are met often."""
    read = 0
    for number in range(count):
        made = mutant(sound, 2016, number)
        started = time.process_time()
        try:
            read += not opened(made, folder)
        except Exception as error:
            error.add_note(f"mutant {number}: {made.story}")
            raise
        assert time.process_time() - started < SECONDS, f"mutant {number}: {made.story}"
    assert count * 0.05 < read < count * 0.5


def test_damaged_files_made_here(tmp_path: Path) -> None:
    assert_each_is_read_or_refused(seeds.made(), 200, tmp_path)


def test_damaged_files_of_caffe(tmp_path: Path, material: Path) -> None:
    assert_each_is_read_or_refused(seeds.golden(material), 300, tmp_path)
