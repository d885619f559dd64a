"""What silently spoils trainings elsewhere: modes, buffers, gradients, seeds, frozen parts."""

import os
import signal

import numpy as np
import pytest
import torch
from helpers import once
from small_modules import PIXELS, chained, photographs, seeded, student
from torch import nn

from deelish import Average, BatchTrain, Deel, InputBatch, Student, Teacher
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.storage.folder import cache_folder


def lesson(made, teacher=None, **options):
    def workout(x, t):
        made.classify(x)
        if teacher is None:
            return made.backprop(t)
        return made.backprop(t, distill=teacher.batch_feature(x), **options)

    return workout


def arrays(made):
    return {name: array.copy() for name, array in made.record().arrays.items()}


def equal(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("wrap", [lambda made: made, Teacher])
def test_a_student_as_teacher_is_in_evaluation_mode_and_gets_no_gradient(sets, wrap):
    source = student(1, name="Taller", channels=9, dropout=0.5)
    made, modes = student(), []
    hook = source.module.module.drop.register_forward_hook(lambda m, *_: modes.append(m.training))
    before = arrays(source)
    once(lesson(made, wrap(source)))
    hook.remove()
    assert modes
    assert not any(modes)
    assert equal(arrays(source), before)
    assert all(value.grad is None for value in source.module.parameters())


def test_a_teacher_is_not_saved_with_its_student(sets, tmp_path):
    source, made = student(1, name="Taller", channels=9), student()
    made.module.module.norm.weight.data.add_(0)
    once(lesson(made, source, hint={"student": "conv1", "teacher": "conv1", "weight": 1}))
    path = made.save(tmp_path / "student.safetensors")
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == set(made.module.module.state_dict())


def test_validation_changes_no_parameter_and_no_buffer(session, sets):
    made, before = student(dropout=0.5), []

    def workout(x, t):
        if not session.trainer.training:
            before.append(arrays(made))
        made.classify(x)
        assert made.module.module.training == session.trainer.training
        return made.backprop(t)

    once(workout)
    assert len(before) == 1
    assert equal(arrays(made), before[0])


def test_dropout_follows_from_the_seed_and_differs_from_batch_to_batch(session, sets):
    made, drawn = student(dropout=0.5), []
    module = made.module.module

    def workout(x, t):
        if session.trainer.training:
            kept = []
            hook = module.drop.register_forward_hook(lambda m, g, out: kept.append(out == 0))
            made.classify(x)
            session.trainer.seed_dropout()
            made.classify(x)
            hook.remove()
            assert torch.equal(*kept)
            drawn.append(kept[0])
        made.classify(x)
        return made.backprop(t)

    once(workout)
    assert not torch.equal(drawn[0], drawn[1])


def test_the_global_generators_stay_as_they_are(sets):
    torch.manual_seed(7)
    np.random.seed(7)
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    made = student(dropout=0.5)
    once(lesson(made))
    Student(seeded(), labels=9, **PIXELS)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numbers)


def run(corners, **session):
    with Deel(**{"seed": 4, **session}):
        InputBatch(*corners, batch_size=8)
        torch.manual_seed(np.random.default_rng().integers(2**31))
        made = student(dropout=0.3)
        history = BatchTrain(lesson(made), epochs=2, lr=0.01)
        return arrays(made), [row["loss"] for row in history]


def test_a_run_is_reproduced_to_the_bit_and_follows_from_the_seed(corners):
    first, losses = run(corners)
    second, again = run(corners)
    assert losses == again
    assert equal(first, second)
    assert not equal(first, run(corners, seed=5)[0])


def test_a_frozen_part_stays_as_it_is(sets):
    module = seeded()
    module.conv1.requires_grad_(False)
    made = Student(module, **PIXELS)
    before = arrays(made)
    BatchTrain(lesson(made), epochs=1, lr=0.1, optimizer="adamw", weight_decay=0.5)
    after = arrays(made)
    assert np.array_equal(before["conv1.weight"], after["conv1.weight"])
    assert not np.array_equal(before["conv2.weight"], after["conv2.weight"])
    assert not module.conv1.weight.requires_grad


def test_a_part_that_stays_in_evaluation_mode_by_itself_does(sets):
    class Frozen(nn.BatchNorm2d):
        def train(self, mode=True):
            return super().train(False)

    module = seeded()
    module.norm = Frozen(6)
    made = Student(module, **PIXELS)
    once(lesson(made))
    assert torch.equal(module.norm.running_mean, torch.zeros(6))
    assert not module.norm.training


def test_a_saved_checkpoint_is_that_of_its_epoch(session, sets, tmp_path):
    made, kept = student(), []

    def checkout():
        path = made.save(tmp_path / f"{len(kept)}.safetensors")
        kept.append((path, arrays(made)))

    BatchTrain(lesson(made), checkout, epochs=3, lr=0.01)
    for path, expected in kept:
        loaded = Student.load(path, module=seeded(9))
        assert equal(arrays(loaded), expected)
        assert loaded.untrained == set()
    assert not equal(kept[0][1], kept[2][1])


def test_ctrl_c_leaves_a_usable_student(session, sets, tmp_path, capsys):
    made, batches = student(), []

    def workout(x, t):
        batches.append(x)
        made.classify(x)
        outcome = made.backprop(t)
        if len(batches) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return outcome

    BatchTrain(workout, epochs=5)
    assert len(batches) == 2
    assert "stopped by Ctrl-C" in capsys.readouterr().out
    assert not made.learning
    logits = made.classify(list(photographs())).value
    loaded = Student.load(made.save(tmp_path / "student.safetensors"), module=seeded(9))
    assert np.array_equal(loaded.classify(list(photographs())).value, logits)
    assert len(once(lesson(made))) == 1


def test_its_fingerprint_is_none_while_it_learns_and_another_afterwards(session, sets):
    made, during = student(), []
    before = made.fingerprint()

    def workout(x, t):
        made.classify(x)
        outcome = made.backprop(t)
        during.append(made.fingerprint())
        return outcome

    once(workout)
    assert set(during) == {None}
    assert made.fingerprint() not in (None, before)
    assert student().fingerprint() == before
    assert student(1).fingerprint() != before


@pytest.mark.parametrize("engine", ["torch", "chainer"])
def test_its_fingerprint_follows_a_training_without_deelish(request, engine):
    if engine == "chainer":
        request.getfixturevalue("chainer")
    with Deel(engine=engine):
        made = student() if engine == "torch" else Student(chained(seeded()), **PIXELS)
        before, module = made.fingerprint(), made.module.module
        assert made.fingerprint() == before
        if engine == "torch":
            module.score.bias.grad = torch.ones(4)
            torch.optim.SGD(module.parameters(), lr=0.1).step()
        else:
            module.score.b.array -= 0.1
        after = made.fingerprint()
        assert after not in (None, before)
        assert made.fingerprint() == after


def test_its_logits_are_cached_as_a_teacher_and_not_those_of_other_weights(
    session, corners, tmp_path, monkeypatch
):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    InputBatch(corners[0], batch_size=8, views=1)
    source, made, runs = student(1, name="Taller"), student(), []
    run = session.engine.run

    def counted(module, *arguments, **how):
        runs.extend([1] * (module is source.module))
        return run(module, *arguments, **how)

    monkeypatch.setattr(session.engine, "run", counted)
    BatchTrain(lesson(made, source), epochs=2)
    # Each of three batches once, and one of the check.
    assert [file.count for file in logits_files(cache_folder())] == [24]
    first = len(runs)
    once(lesson(made, source))
    assert len(runs) == first
    once(lesson(source))
    once(lesson(made, source))
    assert len(logits_files(cache_folder())) == 2


def test_a_file_of_a_student_by_name_teaches(session, tmp_path):
    pytest.importorskip("torchvision")
    source = Student("torchvision/mobilenet_v3_small", labels=4, size=32)
    path = source.save(tmp_path / "source.safetensors")
    x = list(photographs(3, side=32))
    teacher = Teacher(path)
    assert np.array_equal(teacher.batch_feature(x).value, source.batch_feature(x).value)
    assert teacher.fingerprint() == Teacher(source).fingerprint()
    # Its weights are initial ones, and a file says so.
    assert teacher.all_new


def test_the_running_average_teaches_and_stays_out_of_the_optimiser(sets):
    made = student()
    average = Average(made, decay=0.9)
    once(lesson(made, average))
    assert all(value.grad is None for value in average.module.parameters())


def test_a_batch_of_one_image_takes_the_running_statistics(session, corners):
    InputBatch(corners[0], batch_size=1, crop=1, mirror=False)
    made = student()
    before = arrays(made)["norm.running_mean"]

    def workout(x, t):
        evaluated = made.batch_feature(x).value
        np.testing.assert_allclose(made.classify(x).value, evaluated, rtol=1e-5, atol=1e-6)
        return made.backprop(t)

    once(workout)
    assert np.array_equal(arrays(made)["norm.running_mean"], before)


@pytest.mark.parametrize("precision", ["bfloat16", "auto", "float32"])
def test_layers_compute_in_the_precision_of_the_session_and_logits_in_float32(corners, precision):
    with Deel(seed=1, precision=precision) as deel:
        InputBatch(*corners, batch_size=8, crop=1, mirror=False)
        made, types = student(), {"training": set(), "validation": set()}

        def note(module, given, out):
            types["training" if module.training else "validation"].add(out.dtype)

        made.module.module.conv2.register_forward_hook(note)

        def workout(x, t):
            logits = made.classify(x)
            assert logits.content.dtype == torch.float32
            return made.backprop(t)

        types["validation"].clear()
        rows = BatchTrain(workout, epochs=3, lr=0.02)
        reduced = deel.engine.autocast_dtype
        expected = torch.float32 if reduced is None else getattr(torch, reduced)
        assert types["training"] == {expected}
        assert all(value.dtype == torch.float32 for value in made.module.parameters())
        assert rows[-1]["loss"] < rows[0]["loss"]


def test_float16_on_a_processor_trains_with_scaled_gradients_or_is_refused(corners):
    with Deel(seed=1, precision="float16"):
        InputBatch(*corners, batch_size=8, crop=1, mirror=False)
        made = student()
        rows = BatchTrain(lesson(made), epochs=3, lr=0.02)
        assert rows[-1]["loss"] < rows[0]["loss"]
