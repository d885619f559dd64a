"""`deelish teach --parts`: all parts in one process, those of a rank under torchrun, and on Ray."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import write_set
from processes import environment, torchrun_environment

from deelish.cli.parts import command_of, words_of_pass
from deelish.cli.ray_parts import _absolute

IMAGES, PARTS = 21, 6


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", IMAGES)


@pytest.fixture
def words(model, images):
    """A command line, whose parts are of a batch of four images or two."""
    return ["teach", model, "--images", images, "--batch-size", "4", "--views", "2"]


@pytest.fixture
def whole(words, folder, ran):
    """The bytes of one pass of one process, merged, but for their header."""
    ran(*words)
    ran("cache", "merge")
    (path,) = folder.glob("*.segment")
    data = path.read_bytes()[4096:]
    path.unlink()
    return data


def check_merged(folder, ran, whole):
    assert len(list(folder.glob("*.segment"))) == PARTS
    ran("cache", "merge")
    (path,) = folder.glob("*.segment")
    assert path.read_bytes()[4096:] == whole


def test_all_parts_in_one_process(words, folder, ran, whole):
    lines = ran(*words, "--parts", PARTS)
    assert [line.partition(":")[0] for line in lines] == [
        f"part {number}/{PARTS}" for number in range(1, PARTS + 1)
    ]
    check_merged(folder, ran, whole)


def test_each_rank_computes_its_own(words, folder, ran, whole, monkeypatch):
    for rank, expected in ((0, ["1/6", "3/6", "5/6"]), (1, ["2/6", "4/6", "6/6"])):
        with monkeypatch.context() as patch:
            for name, value in torchrun_environment(rank, 2, 1).items():
                patch.setenv(name, value)
            ran(*words, "--parts", PARTS)
        found = {path.name.split("-")[-3] for path in folder.glob("*.segment")}
        assert {part[0] for part in expected} <= found
        assert len(found) == 3 * (rank + 1)
    check_merged(folder, ran, whole)


def test_ranks_without_parts_are_refused(words, ran, monkeypatch, folder):
    for name, value in torchrun_environment(0, 2, 1).items():
        monkeypatch.setenv(name, value)
    (line,) = ran(*words, code=1)
    assert line == "deelish: 2 processes would compute the same; give --parts 1000"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--parts", "0"], "--parts 0: give how many parts there are, 1 or more"),
        (["--parts", "2", "--part", "1/2"], "give one of the two"),
        (["--parts", "100"], "--part 1/100: there are 12 batches, so at most as many parts"),
        (["--ray", "local"], "--ray: spreads parts; say how many there are, --parts 1000"),
    ],
)
def test_what_cannot_be_is_one_sentence(words, ran, folder, options, sentence):
    (line,) = ran(*words, *options, code=1)
    assert line.endswith(sentence)
    assert not folder.exists()


def test_an_onnx_file_teaches(model, images, ran, folder, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    ran("convert", model, tmp_path / "small.onnx")
    lines = ran("teach", tmp_path / "small.onnx", "--images", images, "--part", "1/1")
    assert lines[-1].startswith(f"part 1/1: logits of {IMAGES} images computed; ")
    (line,) = ran(
        *("teach", tmp_path / "small.onnx", "--images", images, "--in-size", "16"), code=1
    )
    assert line.endswith("comes with its layers and pixels; leave --in-size out")


def test_a_command_is_written_without_its_parts():
    words = ["teach", "a b.hdf5", "--part", "1/2", "--views", "2", "--parts=3", "--ray", "auto"]
    assert words_of_pass(words) == ["teach", "a b.hdf5", "--views", "2"]
    assert command_of(words) == "deelish teach 'a b.hdf5' --views 2"


def test_workers_get_paths_that_hold_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.hdf5").touch()
    words = ["teach", "net.hdf5", "--images", "data-{0..9}.tar", "--root=x", "--augment", "blur"]
    assert _absolute(words, "net.hdf5") == [
        *("teach", str(tmp_path / "net.hdf5"), "--images", str(tmp_path / "data-{0..9}.tar")),
        *(f"--root={tmp_path / 'x'}", "--augment", "blur"),
    ]
    assert _absolute(["teach", "timm/resnet18"], "timm/resnet18") == ["teach", "timm/resnet18"]


def deelish(words, folder, **more):
    """The command in a process of its own, which Ray needs; (status, output)."""
    env = environment(DEELISH_CACHE=str(folder), RAY_AUTH_MODE="disabled", **more)
    made = subprocess.run(
        [sys.executable, "-m", "deelish", *map(str, words)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return made.returncode, made.stdout + made.stderr


@pytest.mark.long
def test_two_workers_with_one_part_do_no_harm(words, folder, ran, whole):
    parts = ["1/2", "1/2", "2/2"]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda part: deelish([*words, "--part", part], folder), parts))
    assert [status for status, _ in made] == [0, 0, 0]
    assert len(list(folder.glob("*.segment"))) == 2
    ran("cache", "merge")
    (path,) = folder.glob("*.segment")
    assert path.read_bytes()[4096:] == whole
    assert {each.suffix for each in folder.iterdir()} == {".segment", ""}


@pytest.fixture
def ray():
    return pytest.importorskip("ray", reason="the package ray is not installed")


@pytest.mark.long
def test_parts_on_ray_are_the_bytes_of_one_pass(ray, words, folder, ran, whole):
    status, said = deelish([*words, "--parts", PARTS, "--ray", "local"], folder)
    assert status == 0, said
    assert f"{PARTS} parts are in {folder}" in said
    check_merged(folder, ran, whole)


@pytest.mark.long
def test_an_error_of_a_worker_is_one_sentence(ray, words, folder, images):
    (images.parent / "3.png").write_bytes(b"no image")
    status, said = deelish([*words, "--parts", PARTS, "--ray", "local"], folder)
    assert status == 1
    assert "parts failed, the first of them " in said
    assert "3.png" in said
    assert "Traceback" not in said


@pytest.mark.long
def test_no_cluster_is_one_sentence(ray, words, folder):
    status, said = deelish([*words, "--parts", PARTS, "--ray", "127.0.0.1:1"], folder)
    assert status == 1
    assert "--ray 127.0.0.1:1: no cluster is there" in said


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")
def test_workers_that_are_killed_lose_nothing(ray, words, folder, ran, whole):
    """Workers are killed at random, and the command goes on, if need be another one."""
    chance, stop = random.Random(1), threading.Event()
    killed = []

    def kill():
        while not stop.wait(chance.uniform(0.2, 1.0)):
            found = [int(p.name) for p in Path("/proc").glob("[0-9]*") if is_worker(p)]
            if found:
                killed.append(chance.choice(found))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        until = time.monotonic() + 200
        status = 1
        while status and time.monotonic() < until:
            status, said = deelish([*words, "--parts", PARTS, "--ray", "local"], folder)
            assert "Traceback" not in said
            if len(killed) > 5:
                stop.set()
    finally:
        stop.set()
        thread.join()
    assert status == 0, said
    assert killed
    check_merged(folder, ran, whole)


def is_worker(process):
    """Whether a process computes a part; its name is `ray::compute` then."""
    try:
        return (process / "cmdline").read_bytes().startswith(b"ray::compute")
    except OSError:
        return False
