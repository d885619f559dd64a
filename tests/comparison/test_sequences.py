"""Compare on networks that read sequences: NumPy's numbers over sequences and tokens, refusals."""

import numpy as np
import pytest
from helpers import small
from series import classifier, language_model, numbers, texts, write

from deelish import Compare, Deel
from deelish.errors import DataError
from deelish.plan.sequence_format import SequenceFormat, vocabulary_of


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1):
        yield


def known(network):
    network.untrained.clear()
    return network


def softmax(logits):
    values = np.exp(logits.astype(float) - logits.max(1, keepdims=True))
    return values / values.sum(1, keepdims=True)


def test_the_numbers_of_a_language_model_are_means_over_tokens(tmp_path):
    lines = texts(9)
    form = SequenceFormat("words", 1, vocabulary_of(lines, "words"), next_token=True)
    teacher, student = (known(language_model(form, units, "LM")) for units in (8, 3))
    path = write(tmp_path, "test.tsv", lines)
    report = Compare(teacher, student, test=path, batch_size=4, save=tmp_path / "report.html")
    right, agree, divergence = [], [], []
    for line in lines:
        p, q = (softmax(net.classify(line).value) for net in (teacher, student))
        targets = [*(form.vocabulary.index(word) for word in line.split()), 0]
        right += list(q.argmax(1) == targets)
        agree += list(q.argmax(1) == p.argmax(1))
        divergence += list((p * np.log(p / q)).sum(1))
    row = report["student"]
    assert row["accuracy"] == pytest.approx(np.mean(right))
    assert row["agreement"] == pytest.approx(np.mean(agree))
    assert row["kl"] == pytest.approx(np.mean(divergence), rel=1e-4)
    assert row["ms_1"] > 0
    assert row["file_bytes"] > 0
    assert f"{len(right)} targets in the sequences of" in repr(report)
    assert "test.tsv line" in (tmp_path / "report.html").read_text()


def test_classes_are_those_of_the_first_student(tmp_path):
    form = SequenceFormat("numbers", 2)
    teacher = known(classifier(form, ["down", "up"], name="Teacher"))
    student = known(classifier(form, ["up", "down"], name="Student"))
    lines = numbers(20, fields=2)
    report = Compare(teacher, student, test=write(tmp_path, "test.tsv", lines))
    right = []
    for line in lines:
        *columns, label = line.split("\t")
        array = np.array([column.split() for column in columns], float).T
        right.append(student.classify(array).top(1)[0][0][0] == label)
    assert report["student"]["accuracy"] == pytest.approx(np.mean(right))
    assert {row["name"] for row in report.classes["student"]} == {"up", "down"}
    assert "int8 is of networks that see images" in repr(report)


def test_other_lists_and_networks_are_refused(tmp_path):
    form = SequenceFormat("numbers", 2)
    net = known(classifier(form))
    images = known(small(outputs=2))
    good = write(tmp_path, "test.tsv", numbers(3, fields=2))
    with pytest.raises(DataError, match="Small reads images, and others sequences"):
        Compare(net, images, test=good)
    with pytest.raises(DataError, match=r"give a list that ends in \.tsv, and not"):
        Compare(net, net, test=tmp_path / "test.txt")
    with pytest.raises(DataError, match="have no labels, and accuracy needs them"):
        Compare(net, net, test=write(tmp_path, "none.tsv", ["1\t2\t"]))
    with pytest.raises(DataError, match="none of its 1 labels is a class of Classifier: 0 'left'"):
        Compare(net, net, test=write(tmp_path, "other.tsv", ["1\t2\tleft"]))
