"""InputBatch(keep=...): the same training, one printed line; and how long it waits for images."""

import time
from pathlib import Path

import numpy as np
import pytest
from helpers import small

from deelish import BatchTrain, Deel, InputBatch
from deelish.common.progress import Bar
from deelish.errors import DataError
from deelish.images import reading
from deelish.training.waiting import WaitTimer

# 84 images of 16 x 16 pixels.
CACHED = "64.5 kB"


@pytest.fixture
def decoded(monkeypatch):
    """The paths that are decoded."""
    seen, decode = [], reading.decode_for
    monkeypatch.setattr(
        "deelish.images.reading.decode_for",
        lambda path, *rest: seen.append(path) or decode(path, *rest),
    )
    return seen


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def trained(lists, epochs=3, **options):
    """The history of a run of its own, and the weights of the first layer."""
    with Deel(seed=1) as deel:
        InputBatch(*lists, batch_size=16, crop=7 / 8, **options)
        student = small()

        def workout(x, t):
            student.classify(x)
            return student.backprop(t)

        history = BatchTrain(workout, epochs=epochs, lr=0.01)
        return history, deel.engine.state(student.module)["hidden"]["weight"].copy()


@pytest.mark.parametrize("options", [{}, {"views": 2, "mix": "mixup"}], ids=str)
@pytest.mark.parametrize(("keep", "where"), [("memory", "in memory"), ("disk", "on disk")])
def test_the_training_is_the_same_and_decodes_once(keep, where, options, corners, decoded, capsys):
    _, plain = trained(corners, **options)
    assert "images:" not in capsys.readouterr().out
    decoded.clear()
    _, weights = trained(corners, keep=keep, **options)
    np.testing.assert_array_equal(weights, plain)
    assert len(decoded) == len(set(decoded)) == 84
    first, heading, *_ = capsys.readouterr().out.splitlines()
    assert first == f"decoded images: 84 cached {where}, {CACHED}"
    assert heading.startswith("epoch")


def test_a_later_run_finds_images_on_disk(corners, decoded, cache):
    trained(corners, keep="disk", epochs=1)
    decoded.clear()
    trained(corners, keep="disk", epochs=1)
    assert decoded == []
    assert {path.suffix for path in (cache / "images").iterdir()} == {".index", ".pixels", ""}


def test_what_is_cached_is_printed_once_and_without_bad_images(session, corners, capsys):
    Path(corners[0].parent / "3.png").write_bytes(b"<html>")
    InputBatch(*corners, batch_size=16, keep="memory", on_bad_image="skip")
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    for _ in range(2):
        BatchTrain(workout, epochs=2)
    printed = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith("decoded images:")
    ]
    assert printed == ["decoded images: 83 cached in memory, 63.7 kB"]


@pytest.mark.parametrize("keep", ["ram", True, 0])
def test_another_choice_is_refused(session, corners, keep):
    message = rf"InputBatch\(keep={keep!r}\): it is 'memory' or 'disk', or left out"
    with pytest.raises(DataError, match=message):
        InputBatch(corners[0], keep=keep)


def test_a_row_has_the_fraction_of_the_time_that_was_waited(corners):
    history, _ = trained(corners)
    assert all(0 < row["waited"] < 1 for row in history)
    assert "waited" not in history.heading()


def test_the_timer_counts_the_time_of_the_batches_and_nothing_else(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def batches():
        for number in range(4):
            clock[0] += 1
            yield number

    timer = WaitTimer(batches())
    for number in timer:
        clock[0] += 3
        assert timer.fraction == 1 / 4, number
    assert timer.fraction == 1 / 4


def test_the_bar_shows_it(monkeypatch):
    shown = []
    monkeypatch.setattr("tqdm.tqdm.set_postfix", lambda _, values, **__: shown.append(values))
    with Bar("epoch", 10) as bar:
        bar.step(5, 0.5, 0.25, None, 0.031)
        bar.step(5, 0.5, 0.25, 0.75)
    assert shown == [
        {"loss": "0.500", "accuracy": "25%", "waited": "3%"},
        {"loss": "0.500", "accuracy": "25%", "agreement": "75%"},
    ]
