"""The site: every page is in its navigation, and it builds without a warning."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_in_the_navigation():
    named = set(re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    pages = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(page.with_suffix(".md") for page in (ROOT / "docs").rglob("*.ipynb")),
        ROOT / "data" / "README.md",
    ]
    assert named == {page.relative_to(ROOT).as_posix() for page in pages}


def test_it_builds_without_a_warning():
    if importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed: make docs installs it")
    command = [sys.executable, "docs/make_site.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (ROOT / "build" / "site" / "docs" / "photographs.html").is_file()
