"""Long lists: which files are looked at, what is printed, and what comes up when they are read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import environment

from deelish.errors import DataError, MissingDataError
from deelish.images import list_files
from deelish.images.list_files import rows_to_look_at
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.language.naming import InputBatch
from deelish.language.session import Deel
from deelish.plan.rendering import Rendering

COUNT = 40
ALL = 'InputBatch(check="all") looks at all of them'


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The images in the working folder; a list of more than ten is long, and six are looked at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(list_files, "MOST_LOOKED_AT", 10)
    monkeypatch.setattr(list_files, "LOOKED_AT", 6)
    Path("pool").mkdir()
    for number in range(COUNT):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(f"{number}.png")
    return [f"{number}.png" for number in range(COUNT)]


def write(names):
    Path("train.txt").write_text("".join(f"{name} {row}\n" for row, name in enumerate(names)))
    return "train.txt"


def rows():
    """Those that are looked at, and the others."""
    looked = rows_to_look_at(COUNT, every=False).tolist()
    return looked, sorted(set(range(COUNT)) - set(looked))


def test_the_rows_are_spread_and_drawn_and_never_change():
    found = rows_to_look_at(10_000_000, every=False)
    assert (found[0], found[-1]) == (0, 9_999_999)
    assert 9_900 < len(found) <= 10_000
    assert np.diff(found).min() > 0
    assert np.diff(found).max() <= 2001
    # Not evenly alone: what is wrong with each n-th line would be missed.
    assert len(np.unique(np.diff(found))) > 100
    np.testing.assert_array_equal(found, rows_to_look_at(10_000_000, every=False))
    assert rows_to_look_at(100_000, every=False) is None
    assert rows_to_look_at(10_000_000, every=True) is None


def test_a_line_says_how_many_files_were_looked_at(names, capsys):
    looked, _ = rows()
    read_samples(write(names))
    assert capsys.readouterr().out == (
        f"train.txt: {len(looked)} of its 40 files were looked at, the others are when they are"
        f" read; {ALL}\n"
    )
    read_samples(write(names[:10]))
    read_samples(write(names), every=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("how", ["missing", "a folder", "a pipe"])
def test_what_is_no_file_is_refused_where_it_is_looked_at(names, how):
    looked, others = rows()
    for row in (looked[0], looked[2], looked[-1], others[0], others[-1]):
        path = Path(names[row])
        path.rename("away.png")
        if how == "a folder":
            path.mkdir()
        elif how == "a pipe":
            os.mkfifo(path)
        message = f"^train.txt line {row + 1}: .*{'is not there' if how == 'missing' else how}"
        with pytest.raises(DataError, match=message):
            read_samples(write(names), every=True)
        if row in looked:
            with pytest.raises(DataError, match=message):
                read_samples(write(names))
        else:
            assert len(read_samples(write(names))) == COUNT
        if how == "a folder":
            path.rmdir()
        Path("away.png").replace(path)


def test_the_message_counts_those_that_were_looked_at(names):
    looked, _ = rows()
    for row in (looked[1], looked[3]):
        Path(names[row]).unlink()
    message = (
        f"train.txt line {looked[1] + 1}: image '{looked[1]}.png' is not there (2 of"
        f" {len(looked)} that were looked at are missing); it was looked for in pool, the working"
        " folder; correct the paths or pass root="
    )
    with pytest.raises(MissingDataError, match=re.escape(message)):
        read_samples(write(names), root="pool")
    with pytest.raises(MissingDataError, match=r"\(2 of 40 images are missing\)"):
        read_samples(write(names), every=True)


def test_the_folder_of_those_that_are_looked_at_is_that_of_all(names, capsys):
    for name in names:
        Path(name).rename(f"pool/{name}")
    for root in ("pool", "."):
        source = write(names if root == "pool" else [f"pool/{name}" for name in names])
        samples = read_samples(source, root=root)
        assert [sample.path for sample in samples] == [Path("pool", name) for name in names]
    absolute = [str(Path.cwd() / "pool" / name) for name in names]
    assert [str(s.path) for s in read_samples(write(absolute), root="pool")] == absolute
    mixed = [*absolute[:1], *names[1:-1], *absolute[-1:]]
    paths = [str(sample.path) for sample in read_samples(write(mixed), root="pool")]
    assert paths == [absolute[0], *(f"pool/{name}" for name in names[1:-1]), absolute[-1]]
    assert capsys.readouterr().out.count("files were looked at") == 4


def test_an_absolute_path_says_nothing_of_the_folder_of_the_others(names, capsys):
    absolute = str(Path.cwd() / names[0])
    paths = [sample.path for sample in read_samples(write([absolute, *names[1:]]), root="pool")]
    assert paths == [Path(absolute), *map(Path, names[1:])]
    assert "files were looked at" in capsys.readouterr().out


def test_files_in_several_folders_are_all_looked_for(names, capsys):
    looked, others = rows()
    for row in (looked[1], others[0], others[-1]):
        Path(names[row]).rename(f"pool/{names[row]}")
    samples = read_samples(write(names), root="pool")
    moved = {looked[1], others[0], others[-1]}
    expected = [Path("pool" if row in moved else "", name) for row, name in enumerate(names)]
    assert [sample.path for sample in samples] == expected
    assert capsys.readouterr().out == (
        "train.txt: its files are in pool and in the working folder, so that each of 40 is looked"
        " for\n"
    )
    Path("pool", names[others[0]]).unlink()
    with pytest.raises(MissingDataError, match=rf"line {others[0] + 1}: .* \(1 of 40 images"):
        read_samples(write(names), root="pool")


def read(on_bad_image):
    """The labels that a pass over the list gives, and what was skipped."""
    loader = Loader(read_samples("train.txt"), batch_size=8, seed=0, on_bad_image=on_bad_image)
    loader.renderings = {Rendering(8, 8)}
    batches = loader.batches(0, training=True)
    return sorted(label for batch in batches for label in batch.labels.tolist()), loader.skipped


def test_a_file_that_is_missing_when_it_is_read_is_a_bad_image(names):
    _, others = rows()
    write(names)
    Path(names[others[3]]).unlink()
    reason = (
        f"train.txt line {others[3] + 1}: {names[others[3]]}: there is no such image; correct the"
        " path or take it off the list"
    )
    with pytest.raises(MissingDataError, match=f"^{re.escape(reason)}$"):
        read("raise")
    labels, skipped = read("skip")
    assert labels == [row for row in range(COUNT) if row != others[3]]
    assert [text for _, text in skipped] == [reason]
    labels, skipped = read("replace")
    assert len(labels) == COUNT
    assert [text for _, text in skipped] == [reason]


@pytest.mark.parametrize("value", ["some", True, False, "ALL", 1])
def test_input_batch_refuses_any_other_check(names, value):
    message = f"InputBatch(check={value!r}): it is 'all', which looks for every file of a long list"
    with pytest.raises(DataError, match=re.escape(message)):
        InputBatch(write(names), check=value)


def test_input_batch_looks_at_all_files_where_it_is_told_to(names, capsys):
    _, others = rows()
    Path(names[others[0]]).unlink()
    with Deel():
        assert InputBatch(write(names)).counts == (COUNT, 0)
        assert ALL in capsys.readouterr().out
        for arguments in (("train.txt",), ("0.txt", "train.txt")):
            Path("0.txt").write_text("0.png 0\n")
            with pytest.raises(MissingDataError, match=r"1 of 40 images are missing"):
                InputBatch(*arguments, check="all")


CHILD = """
    import json, sys, time
    from pathlib import Path
    from deelish.images.lists import read_samples
    def memory():
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    before = memory()
    start = time.process_time()
    samples = read_samples("list.txt")
    seconds = time.process_time() - start
    print(json.dumps([len(samples), samples[-1].label, memory() - before, seconds]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
def test_a_list_of_a_million_takes_a_hundred_megabytes(tmp_path, monkeypatch):
    """An object a line took 505 MB and nine seconds of the processor."""
    monkeypatch.chdir(tmp_path)
    Path("b").mkdir()
    Path("b/c.jpg").write_text("x")
    with Path("list.txt").open("w") as file:
        for number in range(1_000_000):
            file.write(f"b/../b/../b/../b/../b/../b/../b/../b/c.jpg {number}\n")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    count, label, memory, seconds = json.loads(done.stdout.splitlines()[-1])
    assert (count, label) == (1_000_000, 999_999)
    assert memory < 150e6
    assert seconds < 4
