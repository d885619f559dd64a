"""The reference is made from the docstrings, has every public name, and is as it was made last."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import deelish
import deelish.errors

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def part(monkeypatch):
    """A function that gives a module of the folder docs by its name."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module


@pytest.fixture(scope="module")
def pages():
    """{file name: the text of the page} of the reference, built from the docstrings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        return importlib.import_module("make_reference").pages()


def example(size: int, *, crop: float = 0.875, **others: str) -> list[str]:
    """One line that says it.

    A paragraph of two
    lines with ``code``.

    Args:
        size: in pixels, which takes more
            than a line.
        root, where: two at once.

    Raises:
        ValueError: too large.
    """


def test_a_docstring_becomes_paragraphs_and_lists(part):
    assert part("docstrings").text_of(example).split("\n\n") == [
        "One line that says it.",
        "A paragraph of two lines with `code`.",
        "**Arguments**",
        "- `size`: in pixels, which takes more than a line.\n- `root`, `where`: two at once.",
        "**Raises**",
        "- `ValueError`: too large.",
    ]


def test_a_signature_shows_what_is_given_by_name_alone(part):
    signature = part("docstrings").signature_of
    line = "example(size: int, *, crop: float = 0.875, **others: str) -> list[str]"
    assert signature("example", example) == f"```py\n{line}\n```"
    assert (
        signature("example", example, bound=True)
        == f"```py\n{line.replace('size: int, ', '')}\n```"
    )


@pytest.mark.parametrize("sign", ["-", "+", "*", "#", "=", "1."])
def test_no_line_begins_with_what_markdown_takes_for_a_list_or_a_title(part, sign):
    for blanks in range(100):
        lines = part("docstrings").wrapped("a" * blanks + f" b {sign} c" * 30).splitlines()
        assert len(lines) > 1
        assert not [line for line in lines if line.startswith(sign)]


def test_every_public_name_has_an_entry(pages):
    errors = {n for n, v in vars(deelish.errors).items() if isinstance(v, type)}
    families = {family.__name__ for family in deelish.networks.FAMILIES.values()}
    for page, names in (
        ("deelish.md", set(deelish.__all__)),
        ("errors.md", errors),
        ("networks.md", families),
        ("results.md", {"History", "Comparison", "Preprocessing", "Tensor", "ImageTensor"}),
    ):
        entries = set(re.findall(r"^## (\w+)$", pages[page], re.MULTILINE))
        assert names <= entries, page


def test_every_command_has_an_entry(pages):
    page = pages["command.md"]
    assert "    deelish compare TEACHER STUDENT [STUDENT ...] --test LIST [options]\n" in page
    assert "- `--repair`: " in page[page.index("## deelish cache check") :]


def test_the_pages_are_up_to_date(pages):
    there = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "reference").iterdir()}
    old = [name for name in {**pages, **there} if pages.get(name) != there.get(name)]
    assert not old, f"docs/reference/ is out of date ({', '.join(old)}); run `make reference`"
