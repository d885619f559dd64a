"""A teacher's logits for sequences: cached once, each step found again in any batch and list."""

import numpy as np
import pytest
from series import classifier, dataset, language_model, numbers, texts, write

from deelish import BatchTrain, Deel, InputBatch, Network
from deelish.cli import main
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.errors import DataError

CHOICES = {"batch_size": 7, "views": 1}


@pytest.fixture(autouse=True)
def session(each_engine, folder):
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def computed(monkeypatch):
    """How many sequences each call of a teacher's own computation had."""
    counts, original = [], Network.logits

    def logits(self, x):
        counts.append(len(x))
        return original(self, x)

    monkeypatch.setattr(Network, "logits", logits)
    return counts


def distilled(teacher, student, epochs=2):
    """Train; what the teacher gave for each sequence of each batch, by the steps of the text."""
    seen = []

    def workout(x, t):
        student.classify(x)
        given = teacher.batch_feature(x)
        seen.append((x.sequences, given.value))
        return student.backprop(given, distill=True)

    BatchTrain(workout, epochs=epochs)
    return seen


def pair(make, form):
    teacher, student = make(form, name="Teacher"), make(form, name="Student")
    teacher.untrained.clear()
    return teacher, student


def alone(teacher, steps):
    """The logits of one sequence, without a batch and without a cache, in half precision."""
    data = np.array([0, *steps], np.float32)[:, None]
    cont = np.array([[0.0], *[[1.0]] * len(steps)], np.float32)
    return np.float16(teacher.run({"data": data, "cont": cont})["score"][:, 0]).astype(np.float32)


def test_each_step_has_the_logits_of_its_own_sequence(tmp_path, folder):
    data = dataset(tmp_path, texts(60), tokens="words", **CHOICES)
    teacher, student = pair(language_model, data.sequences)
    seen = distilled(teacher, student)
    assert len(seen) == 2 * (6 + 3)
    for batch, given in seen:
        steps = batch.steps(data.sequences)
        expected = np.zeros_like(given)
        for column, each in enumerate(steps):
            expected[batch.columns == column] = alone(teacher, each)
        np.testing.assert_allclose(given, expected, atol=2e-3)
    (file,) = logits_files(folder)
    different = {each.fields: each for part in data.loaders for each in part.samples}
    assert file.count == sum(len(text.split()) + 1 for (text,) in different)


def test_later_epochs_and_runs_compute_nothing_and_are_equal_to_the_bit(tmp_path, computed):
    data = dataset(tmp_path, texts(60), tokens="words", **CHOICES)
    teacher, student = pair(language_model, data.sequences)
    teacher.save(tmp_path / "teacher.hdf5")
    first = distilled(teacher, student, 1)
    count = sum(computed)
    # A text that comes twice in a batch is computed twice.
    assert 0 < count <= 60
    with Deel(seed=1):
        again = dataset(tmp_path, texts(60), tokens="words", **CHOICES)
        teacher = Network.load(tmp_path / "teacher.hdf5")
        second = distilled(teacher, language_model(again.sequences, name="Student"), 3)
    assert sum(computed) == count
    for (_, one), (_, other) in zip(first[:6], second[:6], strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_sequences_that_are_new_are_computed(tmp_path, computed):
    lines = [f"{text} {end}" for end in ("the", "cat") for text in sorted(set(texts(40)))]
    known = write(tmp_path, "known.tsv", lines[::2])
    vocabulary = ["\n", *sorted({word for line in lines for word in line.split()})]
    choices = {**CHOICES, "tokens": "words", "vocabulary": vocabulary}
    teacher, student = pair(language_model, InputBatch(known, **choices).sequences)
    distilled(teacher, student, 1)
    assert sum(computed) == len(lines[::2])
    data = InputBatch(write(tmp_path, "all.tsv", lines), **choices)
    seen = distilled(teacher, student, 1)
    assert sum(computed) == len(lines)
    for batch, given in seen:
        for column, steps in enumerate(batch.steps(data.sequences)):
            own = given[batch.columns == column]
            np.testing.assert_allclose(own, alone(teacher, steps), atol=2e-3)


def test_a_step_that_is_not_cached_is_computed_with_its_sequence(tmp_path, monkeypatch, capsys):
    """Half precision does not hold it; the other steps are cached, and stay in their places."""
    data = dataset(tmp_path, texts(60), tokens="words", **CHOICES)
    teacher, student = pair(language_model, data.sequences)
    counts, original, dog = [], Network.logits, data.sequences.vocabulary.index("dog")

    def logits(self, x):
        counts.append(len(x))
        made = self.engine.numpy(original(self, x)).copy()
        made[x.sequences.labels == dog] = 1e5
        return self.engine.array(made)

    monkeypatch.setattr(Network, "logits", logits)
    distilled(teacher, student, 1)
    counts.clear()
    seen = distilled(teacher, student, 1)
    every = [sample.fields[0] for loader in data.loaders for sample in loader.samples]
    assert sum(counts) == sum("dog" in text for text in every)
    for batch, given in seen:
        np.testing.assert_array_equal((given == 1e5).all(1), batch.labels == dog)
    assert capsys.readouterr().out.count("are not cached") == 1


def test_sequences_that_are_computed_keep_their_labels(tmp_path, monkeypatch):
    known, rest = write(tmp_path, "known.tsv", numbers(20)[::2]), numbers(20)
    found, original = [], Network.logits

    def logits(self, x):
        found.append((len(x), x.labels.value.tolist(), x.sequences.labels.tolist()))
        return original(self, x)

    monkeypatch.setattr(Network, "logits", logits)
    teacher, student = pair(classifier, InputBatch(known, **CHOICES).sequences)
    distilled(teacher, student, 1)
    found.clear()
    InputBatch(write(tmp_path, "all.tsv", rest), **CHOICES)
    distilled(teacher, student, 1)
    assert sum(count for count, _, _ in found) == 10
    for count, labels, own in found:
        assert labels == own
        assert len(labels) == count


def test_a_class_for_each_sequence(tmp_path, computed, folder):
    data = dataset(tmp_path, numbers(60, fields=2), **CHOICES)
    teacher, student = pair(classifier, data.sequences)
    seen = distilled(teacher, student, 3)
    assert sum(computed) == 60
    assert all(given.shape == (len(batch), 2) for batch, given in seen)
    (file,) = logits_files(folder)
    assert file.count == 60


@pytest.mark.parametrize(("top", "size"), [(None, 12), (2, 7)])
def test_the_size_is_said_before_the_first_record(tmp_path, capsys, top, size, folder):
    """Six logits in half precision; or two classes in 3 bits each, their logits, and the rest."""
    data = dataset(tmp_path, texts(60), tokens="words", top=top, **CHOICES)
    teacher, student = pair(language_model, data.sequences)
    distilled(teacher, student, 1)
    train, val = data.counts
    needed = sum(len(sample.fields[0].split()) + 1 for sample in data.train.samples)
    assert (train, val) == (needed, data.val.size)
    total = size * (train + val) / 1000
    line = (
        f"logits of Teacher: 6 numbers, {size} bytes a token; {train} tokens, and {val} for"
        f" validation: {total:.1f} kB"
    )
    assert line in capsys.readouterr().out
    assert logits_files(folder)[0].header.payload_bytes == size


def test_without_views_nothing_is_cached(tmp_path, computed, folder):
    data = dataset(tmp_path, texts(60), tokens="words", batch_size=7)
    teacher, student = pair(language_model, data.sequences)
    distilled(teacher, student, 2)
    assert sum(computed) == 120
    assert not folder.exists()


def test_a_teacher_that_changes_is_computed_again(session, tmp_path, computed):
    data = dataset(tmp_path, numbers(60), **CHOICES)
    teacher, student = pair(classifier, data.sequences)
    (before, *_) = distilled(teacher, student, 1)
    bias = teacher.module.weights_of("score").bias
    getattr(bias, "data" if session.engine.name == "torch" else "array")[0] += 1
    after = distilled(teacher, student, 1)
    assert sum(computed) == 120
    known = before[0].keys.tolist()
    for batch, given in after:
        for key, row in zip(batch.keys.tolist(), given, strict=True):
            if key in known:
                difference = row - before[1][known.index(key)]
                np.testing.assert_allclose(difference, [1, 0], atol=2e-3)


@pytest.mark.parametrize("views", [2, 0, "centre", True])
def test_a_sequence_has_one_view(tmp_path, views):
    with pytest.raises(DataError, match="a sequence has one view; give 1"):
        InputBatch(write(tmp_path, "a.tsv", ["1 2\t0"]), views=views)


def test_top_is_a_number(tmp_path):
    with pytest.raises(DataError, match=r"InputBatch\(top=0\): give how many"):
        InputBatch(write(tmp_path, "a.tsv", ["1 2\t0"]), views=1, top=0)


def test_the_command_takes_images_alone(tmp_path, capsys):
    data = dataset(tmp_path, numbers(9), **CHOICES)
    classifier(data.sequences).save(tmp_path / "net.hdf5")
    assert main(["teach", str(tmp_path / "net.hdf5"), "--images", str(tmp_path / "train.tsv")]) == 1
    assert "logits are cached while a script trains with InputBatch(views=1)" in (
        capsys.readouterr().err
    )
