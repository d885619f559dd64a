"""Builds the site from the pages as they are: `make docs`. A warning is an error."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the site is made of. The pages link to each other by the same paths as here.
PAGES = (
    "README.md",
    "README.ja.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "data/README.md",
    "docs/*.md",
    "docs/*.png",
    "docs/reference/*.md",
    "examples/*.py",
)


def copied(target: Path) -> list[Path]:
    """The pages, copied into a folder that is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    found = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    for path in found:
        place = target / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    return found


def main() -> int:
    """Copy the pages and build the site; the exit code of the builder."""
    copied(ROOT / "build" / "pages")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
