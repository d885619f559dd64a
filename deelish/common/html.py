"""Pieces of HTML that a notebook shows as they are: inline style, no script, inherited colours.

A notebook from somebody else loses scripts, style sheets and inline SVG; what is here stays.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, TypeVar

Owner = TypeVar("Owner")
# Readable on a light page and on a dark one.
BAR, LINE = "#4878a8", "#8888"
LEFT = "text-align: left; padding: 0.15em 0.8em 0.15em 0"
RIGHT = "text-align: right; padding: 0.15em 0 0.15em 0.8em"
ROW = f"display: flex; flex-wrap: wrap; gap: 1em; border-top: 1px solid {LINE}; padding: 0.5em 0"


def quietly(method: Callable[[Owner], str]) -> Callable[[Owner], str | None]:
    """A `_repr_html_` that gives None where it fails, so that the text is shown in its place.

    One that raises would stop a notebook that runs by itself.
    """

    @functools.wraps(method)
    def shown(self: Owner) -> str | None:
        try:
            return method(self)
        except Exception:
            return None

    return shown


def data_uri(content: bytes, kind: str) -> str:
    """The bytes of an image (kind "png" or "jpeg") as a URI that needs no file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def picture(png: bytes, alt: str, width: int) -> str:
    """An image that is so many pixels wide."""
    address = data_uri(png, "png")
    return f'<img src="{address}" alt="{escape(alt)}" style="width: {width}px; max-width: 100%">'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; the first column is of names, the others of numbers."""
    top = "".join(_cell("th", text, column) for column, text in enumerate(head))
    lines = (
        f"<tr>{''.join(_cell('td', text, column) for column, text in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        '<table style="border-collapse: collapse">'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _cell(tag: str, text: str, column: int) -> str:
    return f'<{tag} style="{RIGHT if column else LEFT}">{escape(text.strip())}</{tag}>'


def bars(shares: Iterable[tuple[str, float]]) -> str:
    """Names with fractions from 0 to 1, as numbers and as bars."""
    rows = (
        f"<tr>{_cell('td', name, 0)}{_cell('td', f'{share:.1%}', 1)}"
        f'<td style="width: 8em; padding-left: 0.5em"><div style="background: {BAR}; height: 0.7em;'
        f' width: {share:.1%}"></div></td></tr>'
        for name, share in shares
    )
    return f'<table style="border-collapse: collapse"><tbody>{"".join(rows)}</tbody></table>'


def details(summary: str, body: str) -> str:
    """What is shown once a reader opens it."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def beside(parts: Iterable[str]) -> str:
    """Pieces side by side, in as many lines as they need."""
    return f'<div style="{ROW}">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def preformatted(text: Any) -> str:
    """A text with its own lines."""
    return f"<pre>{escape(str(text))}</pre>"
