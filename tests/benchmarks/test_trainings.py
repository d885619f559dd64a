"""Which trainings a benchmark makes: each with its own teacher, seed and loss."""

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def planned(part, data, monkeypatch):
    """A function: {file: the training that a benchmark makes for it} and its rows {name: files}.

    name: of the benchmark.  trains: its functions that train; they note what they are given.
    options: what its command line would give.
    """

    def plan(name, *trains, **options):
        module, found = part(name), {}
        given = SimpleNamespace(**options)

        def named(value):
            if isinstance(value, tuple):
                return tuple(map(named, value))
            return value.name if isinstance(value, Path) else value

        def all_of(work, needs):
            for path, training in work.items():
                found[path.name] = {"needs": named(needs.get(path)), **training("run")}
            return {path: {path.name: 1} for path in work}

        def noted(function):
            def note(*values, **keywords):
                *values, run = (named(each) for each in values if each not in (given, data))
                assert run == "run"
                keywords = {key: named(value) for key, value in keywords.items()}
                return {"function": function, "given": tuple(values), **keywords}

            return note

        for function in trains:
            monkeypatch.setattr(f"{name}.{function}", noted(function))
        monkeypatch.setattr(module, "all_of", all_of)
        (data / "kept").mkdir()
        return found, module.measure(given, data, data / "kept")

    return plan


def call(function, *given, needs=None, **named):
    return {"needs": needs, "function": function, "given": given, **named}


def test_cifar10_trains_each_seed_by_each_loss(part, planned):
    options = {"teachers": 2, "teacher_epochs": 5, "seeds": 2, "views": 3, "epochs": 7}
    trains = ("train_teacher", "train_student")
    found, rows = planned("cifar10", *trains, **options, losses="kd,dist")
    teacher, losses = "teacher_5_0.hdf5", part("cifar10").LOSSES
    expected = {
        f"teacher_5_{seed}.json": call("train_teacher", f"teacher_5_{seed}.hdf5", seed)
        for seed in range(2)
    }
    for seed in range(2):
        expected[f"labels_alone_3_7_{seed}.json"] = call("train_student", teacher, seed)
    for seed, name in ((0, "kd"), (1, "kd"), (0, "dist")):
        expected[f"{name}_3_7_by_5_{seed}.json"] = call(
            "train_student", teacher, seed, needs="teacher_5_0.json", **losses[name]
        )
    assert found == expected
    counts = {"teacher": 2, "labels alone": 2, "kd": 2, "dist": 1}
    assert {name: len(row) for name, row in rows.items()} == counts


def test_cifar10_5000_trains_each_seed_on_its_images(part, planned):
    options = {"size": 32, "teacher_epochs": 5, "seeds": 2, "views": 3, "epochs": 7}
    trains = ("train_teacher", "train_student")
    found, rows = planned("cifar10_5000", *trains, **options, losses="kd,dist")
    few, every, teacher = "labelled.txt", "unlabelled.txt", "teacher_32_5"
    expected = {f"{teacher}.json": call("train_teacher", few, f"{teacher}.hdf5")}
    for seed in range(2):
        expected[f"labels_alone_7_{seed}.json"] = call("train_student", (few, 7), seed=seed)
        for name in ("kd", "dist"):
            expected[f"{name}_7_3_by_32_5_{seed}.json"] = call(
                "train_student",
                (every, 7),
                needs=f"{teacher}.json",
                teacher=f"{teacher}.hdf5",
                seed=seed,
                **part("cifar10_5000").LOSSES[name],
            )
    assert found == expected
    assert rows.keys() == {"teacher", "labels alone", "kd", "dist"}


def test_urban_trains_each_student_by_logits_and_on_labels(planned):
    options = {"students": "1 hidden,2 conv", "large": ["2 conv"], "views": 3, "epochs": 7}
    trains = ("airbench.saved_teacher", "train_student")
    found, rows = planned("urban", *trains, **options, teacher_epochs=5)
    expected = {"teacher_5.json": call(trains[0], "teacher_5.hdf5")}
    students = [("1 hidden", 1_000_000), ("2 conv", 1_000_000), ("2 conv", 3_160_000)]
    for name, size in students:
        of = f"{name.replace(' ', '_')}_{size}_3_7"
        expected[f"{of}_labels.json"] = call("train_student", None, name, size)
        expected[f"{of}_logits_by_5.json"] = call(
            "train_student", "teacher_5.hdf5", name, size, needs="teacher_5.json"
        )
    assert found == expected
    keys = {(*student, taught) for student in students for taught in (False, True)}
    assert rows.keys() == {"teacher", *keys}


def test_hinton_mnist_has_students_of_each_teacher(planned):
    options = {"teachers": 2, "teacher_epochs": 5, "seeds": 2, "epochs": 7}
    found, rows = planned("hinton_mnist", "one_teacher", "one_student", **options)
    expected = {}
    for n in range(2):
        teacher = f"teacher_5_{n}"
        expected[f"{teacher}.json"] = call("one_teacher", 5, n, f"{teacher}.hdf5")
        expected[f"labels_7_{n}.json"] = call("one_student", 7, n, "labels", None)
        for seed, name in ((0, "distilled"), (1, "distilled"), (0, "without 3")):
            expected[f"{name.replace(' ', '_')}_7_{seed}_by_{teacher}.json"] = call(
                "one_student", 7, seed, name, f"{teacher}.hdf5", needs=f"{teacher}.json"
            )
    assert found == expected
    assert rows.keys() == expected.keys()


def test_int8_teaches_each_network_from_its_own_file(planned):
    options = {"names": ["lite0", "lite1"], "epochs": 5, "int8_epochs": 2}
    found, rows = planned("int8", "train_float", "learn_int8", **options)
    expected = {}
    for name in options["names"]:
        of = f"{name}_5"
        expected[f"{of}.json"] = call("train_float", "first_1000.txt", name, f"{of}.safetensors")
        expected[f"{of}_int8_2.json"] = call(
            "learn_int8", "first_3000.txt", f"{of}.safetensors", needs=f"{of}.json"
        )
    assert found == expected
    assert rows.keys() == {(name, of) for name in options["names"] for of in ("float", "int8")}
