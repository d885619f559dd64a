"""A training that was stopped and goes on gives what one without a stop gives, to the bit."""

import os
import signal

import pytest
from helpers import CHAINER_IS_LONG
from small_modules import student as module_student
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import calls, digest, run, without_times

from deelish import BatchTrain, Deel, InputBatch, Teacher
from deelish.errors import TrainingError

# Five batches of training and two of validation an epoch, twice.
FIRST, LAST_OF_TRAINING, IN_VALIDATION, SECOND_EPOCH, VERY_LAST = 1, 5, 6, 9, 14


def check(build, sets, folder, *stops, **options):
    """Stop in these batches, each counted from where the training goes on."""
    calls.clear()
    expected = run(build, sets, **options)
    for stop in stops:
        run(build, sets, folder, stop, **options)
    assert run(build, sets, folder, **options) == expected
    # No batch is computed twice.
    assert calls[1:] == [*stops, calls[0] - sum(stops)]


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("stop", [FIRST, LAST_OF_TRAINING, IN_VALIDATION, SECOND_EPOCH, VERY_LAST])
def test_after_ctrl_c_in_any_batch(sets, tmp_path, stop):
    check(stopped_runs.plain, sets, tmp_path / "run", stop)


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("name", ["hinted", "from_features", "by_its_average", "mutual"])
def test_with_all_that_a_training_remembers(sets, tmp_path, name):
    check(getattr(stopped_runs, name), sets, tmp_path / "run", 3, 4, 2)


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize(
    "how",
    [
        {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
        {"optimizer": "adam", "amsgrad": True},
        {"optimizer": "adamw", "schedule": "step"},
        {"optimizer": "rmsprop", "schedule": "exponential", "warmup": 0.3},
        {"optimizer": "adagrad"},
    ],
    ids=lambda how: "-".join(map(str, how.values())),
)
def test_with_every_optimiser(sets, tmp_path, how):
    check(stopped_runs.plain, sets, tmp_path / "run", 3, 6, lr=0.01, **how)


@pytest.mark.parametrize(
    "optimizer", ["nadam", "radam", "adadelta", "adamax", "asgd", "rprop", "adafactor"]
)
def test_with_more_of_pytorchs_optimisers(sets, tmp_path, optimizer):
    check(stopped_runs.plain, sets, tmp_path / "run", 3, 6, lr=0.01, optimizer=optimizer)


@CHAINER_IS_LONG
@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("name", ["plain", "hinted", "by_its_average", "mutual"])
def test_with_slow_weights(sets, tmp_path, name):
    how = {"lookahead": 3, "lookahead_decay": lambda progress: 0.9 * progress, "lr": 0.01}
    # In the middle of three updates, right after them, and in the validation of the last epoch.
    for number, stops in enumerate([(3, 4, 2), (VERY_LAST - 1,)]):
        check(getattr(stopped_runs, name), sets, tmp_path / f"run {number}", *stops, **how)


@pytest.mark.parametrize("name", ["hinted", pytest.param("by_its_average", marks=pytest.mark.long)])
def test_in_int8(sets, tmp_path, name):
    # In an epoch of int8, right at its validation, and in float32 before the last epoch.
    for number, stops in enumerate([(3, 4, 2), (LAST_OF_TRAINING,), (SECOND_EPOCH,)]):
        check(getattr(stopped_runs, name), sets, tmp_path / f"run {number}", *stops, int8=True)


@pytest.mark.usefixtures("each_engine")
def test_with_factors_on_the_learning_rates_of_layers(sets, tmp_path):
    how = {"lr_mult": {"*": 0.5, "conv1": 0, "score": 10}, "lr": 0.01, "weight_decay": 0.1}
    check(stopped_runs.by_its_average, sets, tmp_path / "run", 3, 6, **how)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_in_reduced_precision(sets, tmp_path, monkeypatch, precision):
    monkeypatch.setenv("DEELISH_PRECISION", precision)
    check(stopped_runs.hinted, sets, tmp_path / "run", 3, 6)


@pytest.mark.usefixtures("each_engine")
def test_with_mixtures_and_augmented_views(sets, tmp_path):
    images = {"mix": "cutmix", "mirror": True, "augment": ["color_jitter", "random_erasing"]}
    check(stopped_runs.plain, sets, tmp_path / "run", 3, 6, images=images)


def test_a_module_with_dropout_and_batchnorm(sets, tmp_path):
    def build(deel):
        student, teacher = module_student(dropout=0.4), module_student(1, "teacher", channels=16)
        teaching = Teacher(teacher.module.module, size=8, order="RGB", mean=0, scale=1 / 255)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t, distill=teaching.batch_feature(x))

        return workout, [student]

    check(build, sets, tmp_path / "run", 3, 6)
    # The last batch of training has 18 of 29 images, and no large one is before it.
    check(build, sets, tmp_path / "small first", 2, images={"batch_size": 29})


# After the very last batch none of them is read again.
@pytest.mark.parametrize("stop", [IN_VALIDATION, VERY_LAST])
def test_images_that_were_skipped_are_reported_at_the_end(sets, tmp_path, capsys, stop):
    (tmp_path / "3.png").write_bytes(b"no image")
    (tmp_path / "60.png").write_bytes(b"")
    check(stopped_runs.plain, sets, tmp_path / "run", stop, images={"on_bad_image": "skip"})
    *_, last = capsys.readouterr().out.split("goes on after")
    assert "2 images were skipped" in last
    assert "train.txt line 4" in last
    assert "train.txt line 61" in last


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["SIGTERM", "SIGHUP"]
)
def test_a_signal_that_ends_the_process_leaves_a_checkpoint(sets, tmp_path, capsys, number, code):
    expected, folder = run(stopped_runs.plain, sets), tmp_path / "run"
    with pytest.raises(SystemExit) as ended:
        run(stopped_runs.plain, sets, folder, 8, number)
    assert ended.value.code == code
    assert f"stopped by {signal.Signals(number).name} at" in capsys.readouterr().out
    assert run(stopped_runs.plain, sets, folder) == expected
    assert "goes on after update 6 of 10" in capsys.readouterr().out


def test_sigusr1_asks_for_a_checkpoint_and_the_training_goes_on(sets, tmp_path, capsys):
    folder, expected = tmp_path / "run", run(stopped_runs.plain, sets)
    assert run(stopped_runs.plain, sets, folder, 8, signal.SIGUSR1) == expected
    # The first, the one that was asked for, and the last: the first of the three is gone.
    assert sorted(path.name for path in folder.glob("*.safetensors")) == [
        "checkpoint-000002.safetensors",
        "checkpoint-000003.safetensors",
    ]


def test_signals_do_what_they_did_after_the_training(sets, tmp_path):
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]
    before = [signal.getsignal(number) for number in numbers]
    run(stopped_runs.plain, sets, tmp_path / "run")
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_training_that_is_over_gives_its_result_again(sets, tmp_path, capsys):
    folder = tmp_path / "run"
    first = run(stopped_runs.plain, sets, folder)
    capsys.readouterr()

    assert run(stopped_runs.plain, sets, folder, stop=1) == first
    shown = capsys.readouterr().out
    assert "the training is over, with update 10 of 10" in shown
    # The table of the training before, whole.
    assert len([line for line in shown.splitlines() if "%" in line]) == 2


def test_a_temperature_that_the_script_keeps_goes_on(sets, tmp_path):
    def build(deel):
        workout, changed = stopped_runs.plain(deel)
        deel.state["temperature"] = 8.0

        def cooling(x, t):
            deel.state["temperature"] *= 0.9
            return workout(x, t)

        return cooling, changed

    check(build, sets, tmp_path / "run", 3, 5)


def test_a_variable_that_no_checkpoint_holds_is_named(sets, tmp_path, capsys):
    count = 0

    def build(deel):
        inner, changed = stopped_runs.plain(deel)

        def workout(x, t):
            nonlocal count
            count += 1
            return inner(x, t)

        return workout, changed

    run(build, sets, tmp_path / "run")
    assert "workout changes 'count', which no checkpoint holds" in capsys.readouterr().out


def test_a_session_goes_on_at_the_prompt_and_begins_no_other_training_there(sets, tmp_path):
    expected, folder = run(stopped_runs.plain, sets), tmp_path / "run"
    with Deel(seed=1) as deel:
        InputBatch(*sets, batch_size=16, crop=1, mirror=False)
        workout, changed = stopped_runs.plain(deel)
        left = [6]

        def stopping(x, t):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGINT)
            return workout(x, t)

        assert BatchTrain(stopping, epochs=2, resume=folder) == []
        history = BatchTrain(stopping, epochs=2, resume=folder)
        assert (digest(deel, changed), without_times(history)) == expected
        with pytest.raises(TrainingError, match="the training of this folder is over; give"):
            BatchTrain(stopping, epochs=2, resume=folder)
        assert len(BatchTrain(stopping, epochs=2, resume=tmp_path / "next")) == 2
