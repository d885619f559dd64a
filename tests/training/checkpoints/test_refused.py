"""What a training does not go on with: another training, a folder in use, one without room."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import small
from one_sentence import refused
from prepared import run_script
from processes import environment
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import calls, run

from deelish import BatchTrain, Deel, InputBatch
from deelish.errors import FileError, TrainingError

# The batches of a training that was stopped in its third.
LEFT = 14 - 3
SECOND = """
import sys
from pathlib import Path
from training.checkpoints import stopped_runs
folder = Path(sys.argv[1])
stopped_runs.run(stopped_runs.plain, (folder / "train.txt", folder / "val.txt"), folder / "run")
"""


def other_network(deel):
    return stopped_runs.plain(deel, outputs=5)


def other_workout(deel):
    workout, changed = stopped_runs.plain(deel)

    def twice(x, t):
        workout(x, t)
        return workout(x, t)

    return twice, changed


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"epochs": 3}, "epochs was 2 and is 3"),
        ({"lr": 0.5}, "lr was 0.0003 and is 0.5"),
        ({"optimizer": "sgd"}, "optimizer was adam and is sgd"),
        ({"betas": (0.5, 0.9)}, "the options of the optimizer was {} and is"),
        ({"schedule": "step"}, "the schedule changed"),
        ({"schedule": lambda progress: 1 - progress}, "the schedule changed"),
        ({"lookahead": 3}, "lookahead is new"),
        ({"lr_mult": {"score": 2}}, "lr_mult is new"),
        ({"images": {"batch_size": 8}}, "batch_size was 16 and is 8"),
        ({"images": {"views": 2}}, "views was None and is 2"),
        ({"images": {"mirror": True}}, "mirror was False and is True"),
        ({"images": {"augment": "blur"}}, "augment changed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_training_is_refused(sets, stopped, options, difference):
    match = f"run: belongs to another training, since .*{difference}.*give another folder"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, stopped, **options))


@pytest.mark.parametrize(
    ("first", "then", "difference"),
    [
        ({"lookahead": 3}, {"lookahead": 4}, "lookahead was 3 and is 4"),
        ({"lookahead": 3}, {}, "lookahead is missing"),
        (
            {"lookahead": 3, "lookahead_decay": 0.2},
            {"lookahead": 3, "lookahead_decay": 0.3},
            "lookahead_decay was 0.2 and is 0.3",
        ),
        (
            {"lookahead": 3, "lookahead_decay": lambda progress: progress**3},
            {"lookahead": 3, "lookahead_decay": lambda progress: progress**2},
            "lookahead_decay changed",
        ),
        ({"sync_batch_norm": True}, {}, "sync_batch_norm is missing"),
        ({"int8": True}, {"int8": "tensor"}, "int8 was channel and is tensor"),
        ({"lr_mult": {"score": 2}}, {"lr_mult": {"score": 3}}, "lr_mult was .* and is"),
        (
            {"lr_mult": {"*": 2, "score": 3}},
            {"lr_mult": {"score": 3, "*": 2}},
            "lr_mult was .* and is",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_word_of_the_recipe_is_refused(sets, tmp_path, first, then, difference):
    folder = tmp_path / "run"
    run(stopped_runs.plain, sets, folder, 3, **first)
    match = f"run: belongs to another training, since .*{difference}.*give another folder"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, folder, **then))


def test_other_images_are_refused(sets, stopped, tmp_path):
    lines = sets[0].read_text().splitlines()
    for changed in (lines[:-1], [*lines[:-1], lines[-1][:-1] + "0"], lines[::-1]):
        sets[0].write_text("\n".join(changed))
        match = "the training images changed"
        refused(FileError, match, lambda: run(stopped_runs.plain, sets, stopped))


def test_a_folder_of_images_may_move(sets, tmp_path):
    expected, folder = run(stopped_runs.plain, sets), tmp_path / "run"
    run(stopped_runs.plain, sets, folder, 3)
    (tmp_path / "moved").mkdir()
    for path in tmp_path.glob("*.*"):
        shutil.move(path, tmp_path / "moved" / path.name)
    moved = [tmp_path / "moved" / path.name for path in sets]
    assert run(stopped_runs.plain, moved, folder) == expected
    assert calls[-1] == LEFT


def test_another_network_is_refused(sets, stopped):
    refused(
        FileError,
        r"belongs to another network than Small, whose 'score.bias' is \(5,\), and \(4,\) there",
        lambda: run(other_network, sets, stopped),
    )


def test_another_workout_is_refused(sets, stopped):
    match = "run: belongs to another training, since the function twice is new; .*another folder"
    refused(FileError, match, lambda: run(other_workout, sets, stopped))


def test_the_temperature_of_a_loss_is_part_of_a_training(sets, tmp_path):
    def build(temperature):
        def made(deel):
            teacher, student = stopped_runs.known(small("teacher")), small()

            def workout(x, t):
                student.classify(x)
                logits = teacher.batch_feature(x)
                return student.backprop(t, distill=logits, temperature=temperature)

            return workout, [student]

        return made

    run(build(4), sets, tmp_path / "run", 3)
    match = "temperature was 4 and is 8"
    refused(FileError, match, lambda: run(build(8), sets, tmp_path / "run"))
    run(build(4), sets, tmp_path / "run")
    assert calls[-1] == LEFT


def test_the_weights_of_two_losses_are_part_of_a_training(sets, tmp_path):
    def build(*weights):
        def made(deel):
            teacher, student = stopped_runs.known(small("teacher")), small()

            def workout(x, t):
                student.classify(x)
                logits = teacher.batch_feature(x)
                weight, of_labels = weights
                return student.backprop(t, distill=logits, weight=weight, label_weight=of_labels)

            return workout, [student]

        return made

    run(build(0.9, 0.1), sets, tmp_path / "run", 3)
    match = r"weights was \(0\.9, 0\.1\) and is \(0\.5, 0\.5\)"
    refused(FileError, match, lambda: run(build(0.5, 0.5), sets, tmp_path / "run"))


def test_a_constant_that_is_new_or_missing_is_named(sets, tmp_path):
    def build(limit=None):
        def made(deel):
            inner, changed = stopped_runs.plain(deel)
            if limit is None:
                return inner, changed

            def workout(x, t):
                inner(x, t)
                return limit, limit

            return workout, changed

        return made

    run(build(), sets, tmp_path / "without", 3)
    match = "limit is new"
    refused(FileError, match, lambda: run(build(0.5), sets, tmp_path / "without"))
    run(build(0.5), sets, tmp_path / "with", 3)
    match = "limit is missing"
    refused(FileError, match, lambda: run(build(), sets, tmp_path / "with"))


def test_another_teacher_is_refused(sets, tmp_path):
    def build(bias):
        def made(deel):
            teacher, student = stopped_runs.known(small("teacher")), small()
            deel.engine.set_arrays(
                teacher.module,
                {k: v + bias for k, v in deel.engine.arrays(teacher.module).items()},
            )
            teacher.version += 1

            def workout(x, t):
                student.classify(x)
                return student.backprop(t, distill=teacher.batch_feature(x))

            return workout, [student]

        return made

    run(build(0), sets, tmp_path / "run", 3)
    match = "the weights or the preprocessing of teacher changed"
    refused(FileError, match, lambda: run(build(1), sets, tmp_path / "run"))
    run(build(0), sets, tmp_path / "run")
    assert calls[-1] == LEFT


WORKOUT = """
def workout(x, t):
    student.classify(x)
    return student.backprop(t)
"""


@pytest.mark.parametrize(
    ("old", "new", "is_another"),
    [
        ("student.classify(x)", "student.classify( x )  # comment", False),
        ("def workout", "\n# comment\ndef workout", False),
        ("return student.backprop(t)", "return student.backprop(t, t)", True),
    ],
)
def test_only_comments_and_layout_of_a_workout_may_change(sets, tmp_path, old, new, is_another):
    def build(name, source):
        def made(deel):
            path = tmp_path / f"{name}.py"
            path.write_text(source)
            names = {"student": small()}
            exec(compile(source, str(path), "exec"), names)
            return names["workout"], [names["student"]]

        return made

    run(build("first", WORKOUT), sets, tmp_path / "run", 3)
    again = build("second", WORKOUT.replace(old, new))
    if is_another:
        refused(FileError, "workout changed", lambda: run(again, sets, tmp_path / "run"))
    else:
        run(again, sets, tmp_path / "run")
        assert calls[-1] == LEFT


def test_other_rounding_is_reported_and_goes_on(sets, stopped, capsys, monkeypatch):
    def rounding(self):
        return {"PyTorch": "1.0", "threads": 64}

    from deelish.engines.torch.engine import TorchEngine

    capsys.readouterr()
    monkeypatch.setattr(TorchEngine, "rounding", rounding)
    run(stopped_runs.plain, sets, stopped)
    shown = capsys.readouterr().out
    assert "rounds otherwise than before, with" in shown
    assert "threads 64 in place of 1" in shown
    assert calls[-1] == LEFT


def test_a_student_made_within_workout_is_named(sets, tmp_path):
    def build(deel):
        made = []

        def workout(x, t):
            if not made:
                made.append(small())
            made[0].classify(x)
            return made[0].backprop(t)

        return workout, made

    run(build, sets, tmp_path / "run", 3)
    match = "holds the student 'Small', which this script has not made before BatchTrain"
    refused(FileError, match, lambda: run(build, sets, tmp_path / "run"))


def test_a_second_process_is_refused_by_name(sets, tmp_path):
    folder = tmp_path / "run"

    def build(deel):
        workout, changed = stopped_runs.plain(deel)

        def starting(x, t):
            if not errors:
                errors.append(run_script(tmp_path, SECOND, tmp_path, env=environment()))
            return workout(x, t)

        return starting, changed

    errors = []
    run(build, sets, folder)
    ((status, _, err),) = errors
    assert status == 1
    assert f"{folder}: is in use by process {os.getpid()} on " in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"resume": 5}, r"resume=5\): give the path of a folder"),
        ({"resume": ""}, r"resume=''\): give the path of a folder"),
        ({"resume": "run\0"}, r"resume='run\\x00'\): give the path of a folder"),
        ({"checkpoint_minutes": 0}, r"checkpoint_minutes=0\): give a number above 0"),
        ({"checkpoint_minutes": "5"}, r"checkpoint_minutes='5'\): give a number above 0"),
        ({"checkpoint_updates": 0}, r"checkpoint_updates=0\): give a whole number above 0"),
        ({"checkpoint_updates": 2.5}, r"checkpoint_updates=2\.5\): give a whole number above 0"),
        ({"on_save_error": "warn"}, r"on_save_error='warn'\): it is 'stop' or 'go on'"),
        ({"checkpoint_updates": 5}, "about checkpoints; give their folder, resume="),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_that_cannot_be(sets, options, match):
    with Deel():
        InputBatch(sets[0])
        student = small()

        def workout(x, t):
            student.classify(x)
            return student.backprop(t)

        refused(TrainingError, match, lambda: BatchTrain(workout, **options))


def test_a_folder_that_is_a_file(sets, tmp_path):
    (tmp_path / "run").write_text("")
    match = "run: cannot hold checkpoints .*; give a folder that can be written"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, tmp_path / "run"))
    assert calls[-1] == 0


def test_a_disk_without_room_is_named_before_the_first_update(sets, tmp_path, monkeypatch):
    def usage(path):
        assert Path(path) == tmp_path / "run"
        return SimpleNamespace(free=9000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    # 1,108 parameters of four bytes, with two moments each, in three files.
    match = r"run: checkpoints of this training need 39\.9 kB, and the disk has 9\.0 kB left; make"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, tmp_path / "run"))
    assert calls[-1] == 1
