"""Lines of a list in arrays: the same as Python's own words make of them, one by one."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deelish.errors import DataError
from deelish.images import list_lines
from deelish.images.list_lines import NO_LABEL, read_lines
from deelish.images.sample import EXTENSIONS

# What lines are made of: spaces of many alphabets, labels good and bad, paths of every kind.
ATOMS = (
    *(
        "a.jpg",
        "b.PNG",
        "cat.jpeg",
        "y.JFIF",
        "K.jpg",
        "b/c.webp",
        "猫",
        "あ",
        "é",
        "x",
        "\U0001d4b3",
    ),
    *(" ", "  ", "\t", "\r", "\u3000", "\xa0", "\x85", "\x1c", "\x0b", "\u2003", "\u1680"),
    *(
        "0",
        "7",
        "012",
        "-0",
        "999999999999999999",
        "-",
        ".",
        "/",
        "\uff13",
        "e.jpg 5",
        "f g.png 6\r",
    ),
)


def by_python(text):
    """Number, path and label of each line; None for a list that is refused."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip().rsplit(None, 1)
        if line.strip().lower().endswith(EXTENSIONS) or len(words) == 1:
            words = [line.strip(), None]
        if words:
            if words[1] is not None and not re.fullmatch("-?[0-9]{1,18}", words[1]):
                return None
            if words[1] is not None and int(words[1]) < 0:
                return None
            found.append((number, words[0], None if words[1] is None else int(words[1])))
    return found or None


def by_deelish(data):
    try:
        lines = read_lines("list.txt", data)
    except DataError:
        return None
    labels = [None if label == NO_LABEL else int(label) for label in lines.labels]
    names = [lines.names[row] for row in range(len(lines.names))]
    return list(zip(lines.numbers.tolist(), names, labels, strict=True))


@pytest.mark.parametrize("size", [1, 7, 40, list_lines.PIECE])
def test_lines_are_what_python_makes_of_them(size, monkeypatch):
    """Whatever the pieces are in which a list is worked on."""
    monkeypatch.setattr(list_lines, "PIECE", size)
    draw, refused = np.random.default_rng(size), 0
    for _ in range(300):
        lines = [
            "".join(draw.choice(ATOMS, draw.integers(5)))
            if draw.random() < 0.2
            else str(draw.choice(["a.jpg 3", "b/c d.png 41\r", "猫.jpg\t6", "", " ", "a.jpg"]))
            for _ in range(draw.integers(1, 9))
        ]
        text = "\n".join(lines)
        expected = by_python(text)
        assert by_deelish(text.encode()) == expected, text
        assert by_deelish(b"\xef\xbb\xbf" + text.encode()) == expected, text
        refused += expected is None
    assert 0 < refused < 300


@pytest.mark.parametrize("size", [8, list_lines.PIECE])
def test_faults_are_counted_over_the_pieces_of_a_list(size, monkeypatch):
    monkeypatch.setattr(list_lines, "PIECE", size)
    for text, message in (
        ("a.jpg 1\na.jpg x\na.jpg -1\na.jpg y\n", "line 2: label 'x' is no number (2 such lines)"),
        ("a.jpg 1\n\na.jpg -3\na.jpg x\na.jpg -1\n", "line 3: label -3 is negative (2 such lin"),
        ("a.jpg 1\n\0\na.jpg 1\0\nb\0.jpg 2\n", "line 2: there is a NUL character (3 such lines)"),
    ):
        with pytest.raises(DataError, match=re.escape(f"list.txt {message}")):
            read_lines("list.txt", text.encode())
    bad = b"a.jpg x\n" * 3 + b"\xff.jpg 1\n"
    with pytest.raises(DataError, match=r"^list.txt line 4: the text is not UTF-8"):
        read_lines("list.txt", bad)


def test_labels_of_eighteen_digits_are_kept_beside_small_ones(monkeypatch):
    monkeypatch.setattr(list_lines, "PIECE", 8)
    text = f"a.jpg 1\na.jpg {10**18 - 1}\na.jpg 2147483648\na.jpg 7\n"
    labels = read_lines("list.txt", text.encode()).labels
    assert labels.tolist() == [1, 10**18 - 1, 2147483648, 7]
