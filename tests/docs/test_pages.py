"""The pages: links lead somewhere, lines are short, and no loss, network or folder is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deelish.distillation.hints import HINTS
from deelish.distillation.losses import LOSSES
from deelish.networks import CARDS, FAMILIES

ROOT = Path(__file__).resolve().parents[2]
PAGES_ABOVE = ("README.md", "README.ja.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")
PAGES = (
    *(ROOT / name for name in PAGES_ABOVE),
    *sorted((ROOT / "docs").rglob("*.md")),
)


def prose(page):
    """A page without its blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)


def anchors(page):
    """What links to a part of the page may end in: its titles, as GitHub spells them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, part = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), target
        assert not part or part in anchors(goal), target


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"])
def test_no_line_is_wider_than_100_columns(page):
    wide = [line for line in page.read_text().splitlines() if len(line) > 100]
    assert not wide


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_script_that_a_page_names_is_there(page):
    folders = "benchmarks|data|deelish|docs|examples|networks|tests"
    for path in re.findall(rf"(?<![\w/.])(?:{folders})/[\w/]+\.py\b", page.read_text()):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("page", ["benchmarks.md", "results.md"])
def test_every_table_of_figures_names_its_command(page):
    parts = re.split(r"^##+ ", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE)
    tables = [part for part in parts if re.search(r"^ {4}\S", part, re.MULTILINE)]
    commands = re.compile(r"`(make|python|pytest|deelish) |^The same command", re.MULTILINE)
    assert [part.splitlines()[0] for part in tables if not commands.search(part)] == []


def test_the_japanese_readme_shows_the_scripts_that_are_tested():
    """The code of README.md runs in a test; that of README.ja.md is the same."""
    texts = [(ROOT / name).read_text() for name in ("README.md", "README.ja.md")]
    first, second = (
        re.findall(r"^```python\n(.*?)^```", t, re.DOTALL | re.MULTILINE) for t in texts
    )
    assert len(second) >= 2
    assert set(second) <= set(first)


def test_the_readme_can_be_read_to_its_end():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 180


def test_every_loss_and_hint_is_in_a_table():
    rows = re.findall(
        r'^\| `"(\w+)"` \|', (ROOT / "docs/distillation.md").read_text(), re.MULTILINE
    )
    assert sorted(rows) == sorted([*LOSSES, *HINTS])


def test_the_options_of_a_loss_are_those_of_its_row():
    text = (ROOT / "docs/distillation.md").read_text()
    for name, loss in LOSSES.items():
        row = next(line for line in text.splitlines() if line.startswith(f'| `"{name}"` |'))
        options, weights = (cell.strip() for cell in row.split("|")[3:5])
        assert options.strip("`") == ", ".join(f"{k}={v:g}" for k, v in loss.options.items())
        assert weights == ", ".join(f"{weight:g}" for weight in loss.weights)


def test_every_network_is_in_the_table():
    text = (ROOT / "docs/networks.md").read_text()
    classes = {family.__name__ for family in FAMILIES.values()} | {c.family for c in CARDS.values()}
    assert [name for name in sorted(classes) if f"`{name}" not in text] == []


def test_every_folder_is_in_the_table():
    rows = re.findall(
        r"^\| `deelish/(\w+)/` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    folders = {path.parent.name for path in (ROOT / "deelish").glob("*/__init__.py")}
    assert sorted(rows) == sorted(folders - {"networks"})


def test_every_make_target_is_in_a_table():
    targets = re.search(r"^\.PHONY: help (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    rows = re.findall(r"^\| `make (\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert targets
    assert sorted(rows) == sorted(targets[1].split())
