"""InputBatch on tar shards: the same training, teaching and comparison as from lists."""

import contextlib
import io

import numpy as np
import pytest
from helpers import small, trained
from tars import samples_of, tar_of, write_tar

from deelish import BatchTrain, Compare, Deel, InputBatch, Network
from deelish.cli import main
from deelish.errors import DataError

CLOCK = ("images_per_second", "seconds", "waited")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def shards(corners):
    """The images of the two lists: four shards as a range, and one tar."""
    train, val = corners
    members = list(samples_of(train))
    for number in range(4):
        write_tar(train.parent / f"train-{number:03}.tar", members[32 * number : 32 * number + 32])
    return train.parent / "train-{000..003}.tar", tar_of(val)


@pytest.fixture
def model(corners, tmp_path):
    """A file of a small trained network."""
    with Deel(seed=1):
        network = small(name="Small")
        InputBatch(corners[0])
        return trained(network, 1).save(tmp_path / "small.hdf5")


def run(sets, model=None, **options):
    """The rows of a training, without the clock's, and the weights of the first layer."""
    with Deel(seed=1) as deel:
        InputBatch(*sets, batch_size=16, **options)
        teacher, student = model and Network.load(model), small()

        def workout(x, t):
            student.classify(x)
            if teacher is None:
                return student.backprop(t)
            return student.backprop(teacher.batch_feature(x), distill=True)

        history = BatchTrain(workout, epochs=3, lr=0.01)
        rows = [{name: row[name] for name in row if name not in CLOCK} for row in history]
        return rows, deel.engine.state(student.module)["hidden"]["weight"].copy()


@pytest.mark.parametrize(
    "options",
    [{}, {"views": 2}, {"keep": "memory"}, {"keep": "disk", "views": 2, "mix": "mixup"}],
    ids=str,
)
def test_the_history_is_that_of_the_lists(options, corners, shards):
    rows, weights = run(corners, **options)
    same, others = run(shards, **options)
    assert same == rows
    np.testing.assert_array_equal(others, weights)


def test_cached_logits_serve_lists_and_shards_alike(corners, shards, model, capsys):
    def teach(source):
        assert main(["teach", str(model), "--images", str(source), "--views", "2"]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    assert teach(corners[0]).startswith("Small: logits of 128 images computed, 0 cached before")
    assert teach(shards[0]).startswith("Small: logits of 0 images computed, 128 cached before")
    assert run(shards, model, views=2)[0] == run(corners, model, views=2)[0]


def test_comparisons_are_alike(corners, shards, model):
    with Deel():
        teacher, student = Network.load(model), small(name="Student")
        made = [
            Compare(teacher, student, test=source, crop=1) for source in (corners[1], shards[1])
        ]
        first, second = (each.rows["student"] for each in made)
        assert {name: first[name] for name in ("accuracy", "agreement", "kl")} == {
            name: second[name] for name in ("accuracy", "agreement", "kl")
        }
        assert made[1].different["student"][0]["path"].startswith(str(shards[1]))
        assert any(f"20 images of {shards[1]}, in" in note for note in made[1].notes)


def test_a_shard_in_both_sets_is_refused(session, shards):
    message = r"train-002.tar member 0032.png: image .* is also for training .* 16 of 16"
    with pytest.raises(DataError, match=message):
        InputBatch(shards[0], str(shards[0]).replace("{000..003}", "002"))


def test_labels_beyond_all_networks_name_the_member(session, shards):
    network = small(outputs=3)
    with pytest.raises(DataError, match=r"train-000.tar member 0003.png: label 3, but Small has 3"):
        InputBatch(*shards)
    assert network.plan.classes == 3


def test_bad_images_are_skipped_and_reported(session, corners, capsys):
    members = list(samples_of(corners[0]))
    members[10] = (members[10][0], b"<html>")
    InputBatch(write_tar(corners[0].parent / "bad.tar", members), on_bad_image="skip")
    trained(small(), 1)
    printed = capsys.readouterr().out.splitlines()
    assert "1 images were skipped:" in printed
    assert any("bad.tar member 0005.png: this is no JPEG" in line for line in printed)


def test_progress_over_shards_is_for_terminals_only(session, shards):
    with contextlib.redirect_stderr(io.StringIO()) as error:
        InputBatch(*shards)
    assert error.getvalue() == ""
