"""The report as one page of HTML that needs no other file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape

from deelish.common.html import data_uri
from deelish.comparison.confusion import Confusion
from deelish.comparison.numbers import ComparisonNumbers
from deelish.comparison.plots import accuracy_by, reliability_diagram
from deelish.comparison.table import Row, cells, missing, percentage
from deelish.comparison.variants import INT8
from deelish.images.pixels import packed
from deelish.images.reading import decode_at
from deelish.images.sample import Location

THUMBNAIL = 160
MOST_CLASSES = 40

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 70em; margin: 2em auto;
  padding: 0 1em; }
table { border-collapse: collapse; }
td, th { padding: .25em .8em; border-bottom: 1px solid #ddd; text-align: right;
  font-weight: normal; }
td:first-child, th:first-child { text-align: left; }
thead th { font-weight: bold; }
img { max-width: 100%; }
figure { display: inline-block; vertical-align: top; margin: 0 1em 1em 0; }
figure.image { width: 14em; font-size: 13px; overflow-wrap: anywhere; }
.bar { background: #4878a8; height: .8em; display: inline-block; }
.scale { width: 16em; text-align: left; }
footer { color: #555; font-size: 13px; border-top: 1px solid #ddd; margin-top: 2em; }
"""


def page(found: ComparisonNumbers) -> str:
    """The page as text.

    Raises:
        DataError: an image that it shows is missing.
    """
    names = ", ".join(row["name"] for row in found.rows.values() if row["kind"] != INT8)
    body = [
        f"<h1>{escape(names)}</h1>",
        _table(found),
        *(f"<p>{escape(line)}</p>" for line in missing(found.rows)),
        _plots(found),
        *(_classes(key, rows) for key, rows in found.classes.items()),
        *(_confusion(k, rows) for k, rows in found.confusions.items() if k in found.classes),
        *(_different(key, rows, found.locations) for key, rows in found.different.items()),
        f"<footer>{''.join(f'<p>{escape(note)}</p>' for note in found.notes)}</footer>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(names)}</title><style>{STYLE}</style>'
    lines = "\n".join(body)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{lines}\n</body></html>\n'
    )


def _table(found: ComparisonNumbers) -> str:
    lines = cells(found.rows, None if found.device is None else found.device.name)
    head = "".join(_line(line, "th") for line in lines[:2])
    body = "".join(_line(line, "td") for line in lines[2:])
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _line(texts: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text.strip())}</{tag}>' for text in texts)}</tr>\n"


def _plots(found: ComparisonNumbers) -> str:
    if not any("accuracy" in row for row in found.rows.values()):
        return ""
    plots = {
        "accuracy and milliseconds an image": accuracy_by(
            found.rows, "ms_1", "ms an image, batch of 1", 1
        ),
        "accuracy and size": accuracy_by(found.rows, "file_bytes", "file in MB", 1e-6),
        "reliability": reliability_diagram(found.rows),
    }
    figures = (
        f'<figure><img src="{address}" alt="{title}"><figcaption>{title}</figcaption></figure>'
        for title, address in plots.items()
    )
    return f"<h2>Plots</h2>\n{''.join(figures)}"


def _classes(key: str, rows: Sequence[Row]) -> str:
    """Agreement for each true class, the lowest first."""
    ordered = sorted(rows, key=lambda row: row["agreement"])
    shown = ordered[:MOST_CLASSES]
    lines = "".join(
        f"<tr><td>{escape(row['name'])}</td><td>{row['images']}</td>"
        f"<td>{percentage(row['agreement'])}</td><td>{percentage(row['accuracy'])}</td>"
        f'<td class="scale"><span class="bar" style="width:{row["agreement"]:.1%}"></span></td>'
        "</tr>\n"
        for row in shown
    )
    left = f", the {len(shown)} lowest of {len(rows)}" if len(rows) > len(shown) else ""
    titles = ("class", "images", "agreement", "accuracy", "")
    head = _line(titles, "th")
    return (
        f"<h2>Agreement of the {escape(key)} with the teacher, by true class{left}</h2>\n"
        f"<table><thead>{head}</thead><tbody>{lines}</tbody></table>"
    )


def _confusion(key: str, rows: Sequence[Row]) -> str:
    return f"<h2>What the {escape(key)} takes for what</h2>\n{Confusion(rows).html()}"


def _different(key: str, rows: Sequence[Row], locations: Mapping[str, Location | None]) -> str:
    """The images on which student and teacher differ most."""
    figures = "".join(_image(row, locations[row["path"]]) for row in rows)
    return (
        f"<h2>Where teacher and {escape(key)} differ most: the highest KL(teacher || student)</h2>"
        f"\n{figures}"
    )


def _image(row: Row, location: Location | None) -> str:
    lines = (
        f"true: {row['true']}",
        f"teacher: {row['teacher']}, {percentage(row['teacher_confidence'])}",
        f"student: {row['student']}, {percentage(row['student_confidence'])}",
        f"KL {row['kl']:.3f}; {row['path']}",
    )
    words = "<br>".join(map(escape, lines))
    picture = ""
    if location is not None:
        picture = f'<img src="{_thumbnail(location)}" alt="{escape(row["path"])}">'
    return f'<figure class="image">{picture}<figcaption>{words}</figcaption></figure>\n'


def _thumbnail(location: Location) -> str:
    from PIL import Image

    image = Image.fromarray(packed(decode_at(location).pixels))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return data_uri(buffer.getvalue(), "jpeg")
