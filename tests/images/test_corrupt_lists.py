"""Lists with corrupt images of every kind: what is reported of them, and the memory it takes.

Rows C1 and C3 of the reliability page: all cases with DEELISH_TORTURE=all, else a tenth.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from images.damaged_files import (
    bomb,
    flipped,
    header_hit,
    no_image,
    sound,
    tail_cut,
    truncated,
    zeroed,
)
from PIL import Image
from processes import environment
from torture import scaled

from deelish.errors import DataError
from deelish.images.lists import read_samples
from deelish.images.loader import Loader

# How many of each kind there are, and which fraction of them must be reported.
KINDS = {
    truncated: (300, 1),
    tail_cut: (300, 1),
    zeroed: (300, 0.9),
    flipped: (300, 0.6),
    header_hit: (300, 0),
    no_image: (300, 1),
    bomb: (20, 1),
}
# So many bad images may be in a list that goes on.
CHUNK = 20


@pytest.fixture(scope="module")
def whole():
    return sound()


def write_list(folder, files):
    """A list of such files among sound ones, labelled by their lines from 1 on."""
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(files, 1):
        (folder / f"{number}.jpg").write_bytes(data)
    lines = "".join(f"{number}.jpg {number}\n" for number in range(1, len(files) + 1))
    (folder / "list.txt").write_text(lines)
    return folder / "list.txt"


def loader_of(source, on_bad_image):
    """It decodes and resizes nothing, which takes most of the time."""
    return Loader(read_samples(source), batch_size=4, seed=1, on_bad_image=on_bad_image)


def read(source, on_bad_image, capsys):
    """The lines that were reported, each with its reasons, and the labels of each batch."""
    loader = loader_of(source, on_bad_image)
    labels = [batch.labels.tolist() for e in (1, 2) for batch in loader.batches(e, True)]
    reported = {}
    reasons = [reason for _, reason in loader.skipped] + capsys.readouterr().out.splitlines()
    for reason in reasons:
        found = re.match(re.escape(str(source)) + r" line (\d+): (\S+/\d+.jpg): \w.{20,}", reason)
        assert found, reason
        assert Path(found[2]).stem == found[1]
        assert "\n" not in reason
        reported.setdefault(int(found[1]), []).append(reason)
    return reported, labels, {sample.line for sample, _ in loader.skipped}


@pytest.mark.torture("C1")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_corrupt_images_are_reported_by_line_path_and_reason_once(kind, whole, tmp_path, capsys):
    number, fraction = KINDS[kind]
    count, draw, found = scaled(number), np.random.default_rng(20), 0
    for start in range(0, count, CHUNK):
        bad = [kind(whole, draw) for _ in range(min(CHUNK, count - start))]
        source = write_list(tmp_path / "files", [*bad, whole, whole])
        reported, _, unusable = read(source, "skip", capsys)
        assert set(reported) <= set(range(1, len(bad) + 1))
        # An image may be unusable, or damaged and used, and is reported as one of them.
        assert all(len(reasons) == 1 for reasons in reported.values())
        assert unusable <= set(reported)
        found += len(reported)
    assert found >= fraction * count


@pytest.mark.torture("C1")
@pytest.mark.parametrize("seed", range(4))
def test_each_policy_is_honoured_on_a_mixed_list(seed, whole, tmp_path, capsys):
    draw, kinds = np.random.default_rng(seed), list(KINDS)
    files = [whole] * 30
    for at in draw.permutation(30)[:18]:
        files[at] = kinds[draw.integers(len(kinds))](whole, draw)
    source = write_list(tmp_path / "files", files)
    reported, skipped, unusable = read(source, "skip", capsys)
    assert unusable
    kept = set(range(1, 31)) - unusable
    assert sorted(label for batch in skipped for label in batch) == sorted([*kept, *kept])
    replaced_reported, replaced, _ = read(source, "replace", capsys)
    assert replaced_reported == reported
    assert [len(batch) for batch in replaced] == 2 * [4, 4, 4, 4, 4, 4, 4, 2]
    assert {label for batch in replaced for label in batch} == kept
    assert read(source, "replace", capsys)[1] == replaced
    assert read(source, "skip", capsys)[1] == skipped
    with pytest.raises(DataError, match=r"list.txt line \d+: "):
        list(loader_of(source, "raise").batches(1, True))


CHILD = """
    import json, sys
    from pathlib import Path
    from deelish.images.lists import read_samples
    from deelish.images.loader import Loader
    loader = Loader(
        read_samples(sys.argv[1]), batch_size=4, seed=1, on_bad_image="skip", workers=1
    )
    used = sum(len(batch) for batch in loader.batches(1, True))
    plugins = [name for name in sys.modules if name.startswith("PIL.") and "Plugin" in name]
    memory = 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    print(json.dumps([used, len(loader.skipped), memory, plugins]))
"""
PARSERS = {"Jpeg", "Png", "Bmp", "WebP", "Ppm", "Gif"}


def large(mode):
    """An image of as many pixels as are allowed."""
    file = io.BytesIO()
    Image.new(mode, (8000, 8000)).save(file, "JPEG" if mode == "CMYK" else "PNG", compress_level=1)
    return file.getvalue()


LARGE = ("RGB", "CMYK", "RGBA", "I;16")


@pytest.mark.torture("C3")
@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
@pytest.mark.parametrize("what", ["corrupt", *LARGE[: max(1, scaled(len(LARGE)))]])
def test_memory_stays_below_600_megabytes_and_no_other_parser_is_reached(what, whole, tmp_path):
    draw = np.random.default_rng(3)
    if what == "corrupt":
        files = [kind(whole, draw) for kind in (bomb, no_image) for _ in range(10)]
    else:
        files = [large(what)]
    source = write_list(tmp_path / "files", [*files, whole])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(source)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    used, bad, memory, plugins = json.loads(done.stdout)
    assert (used, bad) == ((1, 20) if what == "corrupt" else (2, 0))
    assert memory < 600e6
    assert {name.removeprefix("PIL.").removesuffix("ImagePlugin") for name in plugins} <= PARSERS
