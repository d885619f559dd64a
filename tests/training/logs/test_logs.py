"""BatchTrain(log=...): what each kind of log holds, and that none can harm a training."""

import csv
import json
import math
import os
import signal

import pytest
from helpers import small, write_set
from one_sentence import refused

from deelish import BatchTrain, Deel, InputBatch
from deelish.errors import FileError, MissingPackageError, TrainingError
from deelish.training.logs import choosing
from deelish.training.logs.csv_folder import CsvFolder
from deelish.training.logs.log import numbers_of


@pytest.fixture
def sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_set(tmp_path, "train", 16), write_set(tmp_path, "val", 8, first=16)


def train(sets, log, epochs=3, before=None, **options):
    """The history of a small training with a log; `before` is called for each batch."""
    with Deel(seed=1):
        InputBatch(*sets, batch_size=8, crop=1, mirror=False)
        student = small("Student")

        def workout(x, t):
            if before is not None:
                before()
            student.classify(x)
            return student.backprop(t)

        return BatchTrain(workout, epochs=epochs, log=log, lr=0.01, **options)


def rows_of(folder):
    with (folder / "history.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def run_of(folder):
    return json.loads((folder / "run.json").read_text())


def test_a_folder_has_every_epoch_and_the_settings(sets, tmp_path):
    history = train(sets, "runs/one")
    assert rows_of(tmp_path / "runs" / "one") == [dict(row) for row in history]
    run = run_of(tmp_path / "runs" / "one")
    assert (run["state"], run["epochs"], run["images"], run["lr"]) == ("finished", 3, 16, 0.01)
    assert list(run["networks"]) == ["Student"]
    assert run["started"] <= run["ended"]


def test_a_training_that_is_stopped_says_so(sets, tmp_path):
    calls = []

    def stop():
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    history = train(sets, tmp_path / "run", before=stop)
    assert len(history) == 1
    assert run_of(tmp_path / "run")["state"] == "stopped"
    assert len(rows_of(tmp_path / "run")) == 1


def test_a_training_that_fails_says_so(sets, tmp_path):
    calls = []

    def fail():
        calls.append(1)
        if len(calls) == 5:
            raise ValueError("the script's own")

    with pytest.raises(ValueError, match="the script's own"):
        train(sets, tmp_path / "run", before=fail)
    assert run_of(tmp_path / "run")["state"] == "failed"


def test_a_training_that_goes_on_begins_with_the_epochs_of_before(sets, tmp_path):
    calls = []

    def stop():
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    train(sets, "first", before=stop, resume="checkpoints")
    history = train(sets, "second", before=stop, resume="checkpoints")
    assert [row["epoch"] for row in rows_of(tmp_path / "second")] == [1, 2, 3]
    assert rows_of(tmp_path / "second")[0]["loss"] == history[0]["loss"]
    # A training that is over has nothing to add.
    train(sets, "third", before=stop, resume="checkpoints")
    assert not (tmp_path / "third").exists()


class Broken:
    """A log that fails at one of its calls."""

    name = "broken"

    def __init__(self, at):
        self.at, self.calls = at, []

    def __getattr__(self, what):
        def call(*_):
            self.calls.append(what)
            if what == self.at:
                raise OSError("no space left on the device")

        return call


@pytest.mark.parametrize("at", ["begin", "row", "end"])
def test_a_log_that_fails_ends_no_training(sets, tmp_path, monkeypatch, capsys, at):
    broken = Broken(at)
    kinds = {**choosing.KINDS, "broken": choosing.LogKind("", lambda place: broken)}
    monkeypatch.setattr(choosing, "KINDS", kinds)
    history = train(sets, ["broken", tmp_path / "run"])
    printed = capsys.readouterr().out
    line = "log 'broken': stopped, since it failed (OSError: no space left on the device)"
    assert printed.count(line) == 1
    assert broken.calls.count(at) == 1
    assert broken.calls[-1] == at
    assert len(history) == len(rows_of(tmp_path / "run")) == 3


def test_the_numbers_of_a_row_are_named_for_curves():
    row = {"epoch": 2, "loss": 1, "val_loss": 2.5, "lr": 0.1, "accuracy": math.nan, "seconds": 3.0}
    assert numbers_of(row) == {"loss/train": 1.0, "loss/val": 2.5, "lr": 0.1, "seconds": 3.0}


def test_tensorboard_reads_its_files(sets, tmp_path):
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = train(sets, {"tensorboard": tmp_path / "one"})
    found = EventAccumulator(str(tmp_path / "one"))
    found.Reload()
    for tag, key in (("loss/train", "loss"), ("accuracy/val", "val_accuracy"), ("lr", "lr")):
        scalars = found.Scalars(tag)
        assert [scalar.step for scalar in scalars] == [1, 2, 3]
        assert [scalar.value for scalar in scalars] == pytest.approx([row[key] for row in history])
    (text,) = found.Tensors("settings")
    assert b'"optimizer": "adam"' in text.tensor_proto.string_val[0]
    train(sets, "tensorboard", epochs=1)
    (folder,) = (tmp_path / "runs").iterdir()
    assert any("tfevents" in path.name for path in folder.iterdir())


def test_trackio_has_the_rows(sets, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio", reason="the package trackio is not installed")
    import sqlite3

    history = train(sets, {"trackio": "digits"})
    with sqlite3.connect(next((tmp_path / "trackio").glob("digits.db"))) as database:
        rows = database.execute("select step, metrics from metrics order by step").fetchall()
    assert [step for step, _ in rows] == [1, 2, 3]
    losses = [json.loads(metrics)["loss/train"] for _, metrics in rows]
    assert losses == pytest.approx([row["loss"] for row in history])


def test_mlflow_has_the_rows_in_a_run_of_its_own_or_the_scripts(sets, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = pytest.importorskip("mlflow", reason="the package mlflow is not installed")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    history = train(sets, {"mlflow": "digits"})
    client = mlflow.MlflowClient()
    (run,) = mlflow.search_runs(experiment_names=["digits"], output_format="list")
    assert (run.info.status, run.data.params["epochs"]) == ("FINISHED", "3")
    losses = client.get_metric_history(run.info.run_id, "loss/val")
    assert [(loss.step, loss.value) for loss in losses] == [
        (row["epoch"], pytest.approx(row["val_loss"])) for row in history
    ]
    with mlflow.start_run() as own:
        train(sets, "mlflow")
        assert mlflow.active_run().info.run_id == own.info.run_id


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("tensorbord", "is no kind of log; did you mean 'tensorboard'; a folder of that"),
        ({"tensorbord": "runs"}, "is no kind of log; did you mean 'tensorboard'"),
        ("", "give a folder, or 'csv', 'tensorboard', 'trackio', 'mlflow'"),
        ([3], "give a folder, or 'csv'"),
    ],
)
def test_a_wrong_name_is_refused_before_the_training(sets, tmp_path, log, words):
    refused(TrainingError, words, lambda: train(sets, log))
    assert not (tmp_path / "tensorbord").exists()


def test_a_package_that_is_missing_is_named(sets, monkeypatch):
    monkeypatch.setattr(choosing, "find_spec", lambda name: None)
    match = r"needs the package mlflow; run `pip install \"deelish\[mlflow\]\"`"
    refused(MissingPackageError, match, lambda: train(sets, "mlflow"))


def test_a_folder_that_cannot_be_written_is_left_out(sets, tmp_path, capsys):
    (tmp_path / "file").write_text("no folder")
    assert len(train(sets, tmp_path / "file" / "run", epochs=1)) == 1
    assert "the training goes on" in capsys.readouterr().out
    with pytest.raises((FileError, OSError)):
        CsvFolder(tmp_path / "file" / "run").begin({}, [])
