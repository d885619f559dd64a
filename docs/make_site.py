"""Builds the site from the pages as they are: `make docs`. A warning is an error."""

from __future__ import annotations

import json
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
    "docs/*.ipynb",
    "docs/ja/*.ipynb",
    "docs/*.png",
    "docs/gallery/*.png",
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


def page_of(notebook: Path) -> str:
    """A notebook as Markdown: its texts, and its code without outputs."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Copy the pages and build the site; the exit code of the builder."""
    pages = ROOT / "build" / "pages"
    copied(pages)
    for notebook in (ROOT / "docs").rglob("*.ipynb"):
        target = pages / notebook.relative_to(ROOT).with_suffix(".md")
        target.write_text(page_of(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
