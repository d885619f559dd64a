"""The command cache: what it prints, what it leaves, its errors in one sentence."""

import os
import time

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    CLASSES,
    HEADER,
    IDENTITY,
    RECORD,
    check_right,
    keys_of,
    logits_of,
)

from deelish.distillation.teacher_cache.store import open_store

pytestmark = pytest.mark.usefixtures("folder")


def filled(name, count, classes=CLASSES, top=None):
    """A store of the logits of so many keys."""
    store = open_store({**IDENTITY, "teacher": name}, classes, top)
    store.put(keys_of(0, count), logits_of(keys_of(0, count), classes))
    return store


def damage(store, record):
    data = bytearray(store.path.read_bytes())
    data[HEADER + record * RECORD + 33] ^= 4
    store.path.write_bytes(data)


def test_nothing_is_cached(folder, ran):
    for part in ((), ("list",), ("check",), ("clear", "--all")):
        (line,) = ran("cache", *part)
        assert line == f"{folder}: no logits are cached there ($DEELISH_CACHE names another folder)"


@pytest.mark.parametrize("part", [(), ("list",)])
def test_list_shows_a_line_a_file(part, folder, ran):
    first, second = filled("GoogLeNet", 1200), filled("AlexNet", 5, 1000, 10)
    stamp = time.mktime((2024, 5, 6, 7, 8, 0, 0, 0, -1))
    os.utime(first.path, (stamp, stamp))
    heading, *rows, total = ran("cache", *part)
    assert heading.split("  ")[0] == "teacher"
    alex, google = ([cell.strip() for cell in row.split("  ") if cell] for row in rows)
    assert google == [
        *("GoogLeNet", "100", "all logits", "1,200", "268.1 kB", "2024-05-06 07:08"),
        first.path.name,
    ]
    assert alex[:5] == ["AlexNet", "1000", "top 10 and the rest", "5", "4.4 kB"]
    assert alex[6] == second.path.name
    assert total == f"272.5 kB in {folder}"


def test_opening_a_store_counts_as_use():
    store = filled("GoogLeNet", 5)
    os.utime(store.path, (0, 0))
    filled("GoogLeNet", 5)
    assert time.time() - store.path.stat().st_mtime < 60


def test_check_is_content_with_sound_files(ran):
    store = filled("GoogLeNet", 1200)
    assert ran("cache", "check") == [
        f"GoogLeNet ({store.path.name}): 1,200 cached logits, all sound"
    ]


def test_check_counts_the_damaged_and_repair_drops_them(ran):
    filled("AlexNet", 7)
    store = filled("GoogLeNet", 50)
    damage(store, 3)
    damage(store, 49)
    sound, printed = ran("cache", "check", code=1)
    assert sound.endswith("7 cached logits, all sound")
    assert printed == (
        f"GoogLeNet ({store.path.name}): 2 of 50 cached logits are damaged; they are computed"
        " again, and --repair drops them"
    )
    (printed,) = ran("cache", "check", "GoogLeNet", "--repair")
    assert printed.endswith("2 of 50 cached logits are damaged, now dropped")
    (printed,) = ran("cache", "check", "GoogLeNet")
    assert printed.endswith("48 cached logits, all sound")
    check_right(store, np.delete(keys_of(0, 50), [3, 49], axis=0))


def test_a_file_that_is_none_is_listed_and_found_by_check(folder, ran):
    folder.mkdir()
    (folder / "odd.answers").write_text("nothing")
    _, row, _ = ran("cache", "list")
    assert row.split()[:3] == ["odd.answers", "-", "unusable"]
    (printed,) = ran("cache", "check", "--repair", code=1)
    assert printed == (
        f"{folder / 'odd.answers'}: does not begin as a file of cached logits; it is rebuilt by the"
        " next training that uses it, or clear it"
    )
    (printed,) = ran("cache", "clear", "odd")
    assert printed == "removed: odd.answers, 0 cached logits, 7 bytes"


def test_a_link_to_a_file_that_is_gone_is_listed_and_cleared(folder, ran):
    folder.mkdir()
    try:
        (folder / "gone.answers").symlink_to("nowhere")
    except OSError:
        pytest.skip("this system makes no links")
    _, row, _ = ran("cache", "list")
    assert row.split()[:3] == ["gone.answers", "-", "unusable"]
    (printed,) = ran("cache", "check", code=1)
    assert printed == (
        f"{folder / 'gone.answers'}: cannot be read (No such file or directory); make it readable,"
        " or clear it"
    )
    ran("cache", "clear", "gone")
    assert not list(folder.glob("*.answers"))


def test_clear_removes_by_teacher_by_file_or_all(folder, ran):
    stores = [filled(name, 5) for name in ("GoogLeNet", "AlexNet", "VGG", "ResNet")]
    (folder / "mine.txt").write_text("not of deelish")
    (printed,) = ran("cache", "clear", "GoogLeNet")
    assert printed == f"removed: GoogLeNet ({stores[0].path.name}), 5 cached logits, 5.2 kB"
    ran("cache", "clear", stores[1].path.name[:14])
    assert [store.path.exists() for store in stores] == [False, False, True, True]
    assert len(ran("cache", "clear", "--all")) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "mine.txt"]


def test_clear_needs_a_name_or_all(ran):
    store = filled("GoogLeNet", 5)
    (printed,) = ran("cache", "clear", code=1)
    assert printed == (
        "deelish: cache clear: name a teacher, or how a file begins, or give --all for every"
        " teacher"
    )
    (printed,) = ran("cache", "clear", "GogLeNet", code=1)
    assert printed == (
        f"deelish: {store.path.parent}: holds no logits of 'GogLeNet'; `deelish cache list` shows"
        " what is there"
    )
    assert store.path.exists()


def test_the_folder_is_a_file(folder, ran):
    folder.write_text("in the way")
    (printed,) = ran("cache", "list", code=1)
    assert printed == (
        f"deelish: {folder}: cannot be read (Not a directory); name the folder of the teacher cache"
        " in DEELISH_CACHE"
    )
