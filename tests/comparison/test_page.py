"""The page: complete, one file only, and safe from HTML in labels."""

from __future__ import annotations

import base64
import dataclasses
import io
from html.parser import HTMLParser

import pytest
from comparison.corners import LABELS, known
from helpers import small
from PIL import Image
from tars import tar_of

from deelish import Compare
from deelish.errors import DataError, FileError

EMPTY = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects text, tags and pictures; unclosed or stray tags are errors."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts, self.sources, self.rows = [], [], [], [], []
        # Each tag with the names of its attributes; texts by the tag they are in; alt= of pictures.
        self.built, self.within, self.alts = [], {}, []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.built.append((tag, *(name for name, _ in attributes)))
        self.alts += [v for k, v in attributes if k == "alt"]
        self.sources += [v for k, v in attributes if k in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        self.within.setdefault(self.open[-1] if self.open else None, []).append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def picture(address):
    head, _, content = address.partition("base64,")
    assert head in ("data:image/png;", "data:image/jpeg;")
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.fixture
def report(sets, teacher, student):
    return Compare(teacher, student, sets[0], fits="raspberry-pi-3")


def test_the_page_needs_no_other_file(report, tmp_path):
    page = read(report.save(tmp_path / "report.html"))
    assert "script" not in page.tags
    assert len(page.sources) == 3 + 12
    for address in page.sources:
        picture(address).load()


def test_the_page_holds_the_numbers(report, tmp_path):
    page = read(report.save(tmp_path / "report.html"))
    # The first row of a name: a confusion matrix at the end has one of each class too.
    rows = {row[0]: row[1:] for row in reversed(page.rows) if row}
    row = report["student"]
    assert rows["accuracy"][1] == f"{row['accuracy'] * 100:.2f} %"
    assert rows["multiply-adds"] == ["1,088", "1,088", "-"]
    assert rows["fits raspberry-pi-3"] == ["yes", "yes", "-"]
    for made in report.classes["student"]:
        assert rows[made["name"]][:2] == ["6", f"{made['agreement'] * 100:.2f} %"]
    text = " ".join(page.texts)
    for note in report.notes:
        assert note in text
    assert report["student int8"]["missing"] in text


def test_labels_are_escaped(report, tmp_path):
    page = read(report.save(tmp_path / "report.html"))
    assert "b" not in page.tags
    texts = "\n".join(page.texts)
    for row in report.different["student"]:
        assert f"true: {row['true']}" in texts
        assert f"teacher: {row['teacher']}, {row['teacher_confidence'] * 100:.2f} %" in texts
        assert row["path"] in texts
    assert all(name in texts for name in LABELS)


# It would end an attribute and a tag, begin two with attributes, and hold a "<" of its own.
HOSTILE = """'"><script id="x">&lt;<img src=x> & Co"""


def test_names_that_hold_html_are_escaped(report, sets, tmp_path):
    """Of networks, classes, the list and its images."""
    plain = read(report.save(tmp_path / "plain.html"))
    labels = [f"{label} {HOSTILE}" for label in range(4)]
    names = [f"Teacher {HOSTILE}", f"Student {HOSTILE}"]
    teacher, student = (known(small(name, labels=labels)) for name in names)
    test = tmp_path / f"{HOSTILE}.txt"
    lines = [line.split() for line in sets[0].read_text().splitlines()]
    try:
        for name, _ in lines:
            (tmp_path / name).rename(tmp_path / f"{HOSTILE} {name}")
        test.write_text("".join(f"{HOSTILE} {name} {label}\n" for name, label in lines))
    except OSError:
        pytest.skip("this file system has no such names")
    report = Compare(teacher, student, test, fits="raspberry-pi-3")
    page = read(report.save(tmp_path / "report.html"))
    assert page.built == plain.built
    assert page.within["title"] == page.within["h1"] == [", ".join(names)]
    assert set(names) < set(page.within["th"])
    assert set(labels) < set(page.within["td"])
    assert any(note.count(HOSTILE) for note in report.notes)
    assert set(report.notes) < set(page.within["p"])
    different = report.different["student"]
    assert page.alts[3:] == [row["path"] for row in different]
    captions = "\n".join(page.within["figcaption"])
    for row in different:
        assert row["path"].count(HOSTILE) == 1
        for key in ("true", "teacher", "student"):
            assert f"{key}: {row[key]}" in captions
        assert f"; {row['path']}\n" in f"{captions}\n"


def test_all_other_texts_of_the_page_are_escaped(report, tmp_path):
    """The names of rows, why one is missing, the device: today no user gives these."""
    plain = read(report.save(tmp_path / "plain.html"))
    rows = {f"{key} {HOSTILE}": row for key, row in report.rows.items()}
    for row in rows.values():
        row["missing"] = row["missing"] and HOSTILE
    hostile = dataclasses.replace(
        report,
        rows=rows,
        classes={HOSTILE: report.classes["student"]},
        different={HOSTILE: report.different["student"]},
        confusions={HOSTILE: report.confusions["student"]},
        device=dataclasses.replace(report.device, name=HOSTILE),
    )
    page = read(hostile.save(tmp_path / "report.html"))
    assert page.built == plain.built
    assert set(rows) < set(page.within["th"])
    assert f"student int8 {HOSTILE} is missing: {HOSTILE}" in page.within["p"]
    assert f"fits {HOSTILE}" in page.within["td"]
    assert [HOSTILE in title for title in page.within["h2"]] == [False, True, True, True]


def test_the_images_of_shards_are_on_the_page(sets, teacher, student, tmp_path):
    path = tmp_path / "report.html"
    report = Compare(teacher, student, tar_of(sets[0]), save=path)
    shown = [picture(source) for source in read(path).sources[3:]]
    plain = Compare(teacher, student, sets[0])
    plain.save(tmp_path / "plain.html")
    assert len(shown) == 12
    for one, other in zip(shown, read(tmp_path / "plain.html").sources[3:], strict=True):
        assert one.tobytes() == picture(other).tobytes()
    assert ".tar/" in report.different["student"][0]["path"]


def test_save_while_comparing(sets, teacher, student, tmp_path, capsys):
    path = tmp_path / "report.HTML"
    Compare(teacher, student, sets[0], save=path)
    assert read(path).tags.count("h1") == 1
    assert capsys.readouterr().out == f"written: {path}\n"


def test_an_old_page_stays_where_a_new_one_cannot_be_made(report, tmp_path, sets):
    path = tmp_path / "report.html"
    path.write_text("old")
    (sets[0].parent / report.different["student"][3]["path"]).unlink()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="there is no such image"):
        report.save(path)
    assert path.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report.htm", "report.htm: the report is a page; give a name with the extension .html"),
        ("none/report.html", "there is no folder .*none; make it first"),
        ("folder.html", "folder.html: is a folder; give the name of a file"),
    ],
)
def test_paths_that_are_refused(report, name, words, tmp_path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(FileError, match=words):
        report.save(tmp_path / name)


def test_a_folder_whose_files_have_names_that_are_no_text(sets, teacher, student, tmp_path):
    names = ["a", "b", "c", "d"]
    teacher.labels = student.labels = names
    for label, name in enumerate(names):
        (tmp_path / "folder" / name).mkdir(parents=True)
        image = (sets[0].parent / f"{100 + label}.png").read_bytes()
        try:
            (tmp_path / "folder" / name / "\udcff.png").write_bytes(image)
        except (OSError, UnicodeError):
            pytest.skip("this file system holds names of text alone")
    report = Compare(teacher, student, tmp_path / "folder")
    page = read(report.save(tmp_path / "report.html"))
    assert [row["name"] for row in report.classes["student"]] == names
    assert len(page.sources) == 3 + 4
    assert any("?.png" in text for text in page.texts)
