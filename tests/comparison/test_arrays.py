"""Compare on networks whose outputs are images: NumPy's numbers, the page, refusals."""

import numpy as np
import pytest
from arrays import FACTS, reconstruction
from helpers import small
from hinted import known

from deelish import Compare, Deel, Ensemble, Input, Layer, Network, TestTimeAugmentation
from deelish.errors import DataError, TrainingError


@pytest.fixture
def pair():
    with Deel(seed=1):
        yield known(reconstruction("Teacher")), known(reconstruction("Student", 4))


def outputs(net, folder, name="test.txt"):
    images = Input([folder / line.split()[0] for line in (folder / name).read_text().splitlines()])
    rule = net.preprocessing
    return net.forward(images).value.astype(float), rule.apply(images.pixels(rule)).astype(float)


def test_the_numbers_are_numpys(pair, sets, tmp_path):
    teacher, student = pair
    report = Compare(*pair, *map(str, sets[:1]))
    taught, t = outputs(teacher, tmp_path)
    p, _ = outputs(student, tmp_path)
    row = report["student"]
    assert row["mse"] == pytest.approx(((p - t) ** 2).mean(), rel=1e-4)
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert row["cross_entropy"] == pytest.approx(entropy, rel=1e-4)
    assert row["difference"] == pytest.approx(abs(p - taught).mean(), rel=1e-4)
    assert report["teacher"]["difference"] is None
    assert report["teacher"]["mse"] == pytest.approx(((taught - t) ** 2).mean(), rel=1e-4)
    assert row["parameters"] == student.parameters
    assert row["ms_1"] > 0
    assert row["file_bytes"] > 0
    assert "accuracy" not in row


def test_the_table_has_lines_of_arrays_alone(pair, sets):
    text = repr(Compare(*pair, str(sets[0])))
    for title in ("binary cross-entropy", "mean squared error", "difference from the teacher"):
        assert title in text
    for title in ("accuracy", "calibration", "five"):
        assert title not in text
    assert "means over all numbers" in text


def test_a_page_is_written(pair, sets, tmp_path):
    report = Compare(*pair, str(sets[0]), save=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "binary cross-entropy" in page
    assert "Student" in page
    assert report.to_dict()["classes"] == {}


def test_outputs_beyond_probabilities_have_no_cross_entropy(sets, tmp_path):
    with Deel(seed=1):
        pair = known(reconstruction("Teacher", squashed=False)), known(reconstruction("Student"))
        report = Compare(*pair, str(sets[0]))
    assert report["teacher"]["cross_entropy"] is None
    assert report["student"]["cross_entropy"] > 0
    assert report["teacher"]["mse"] > 0


def test_int8_is_measured_too(pair, sets):
    row = Compare(*pair, str(sets[0]), train=str(sets[1]))["student int8"]
    assert row["missing"] is None
    assert row["difference"] < 0.2
    assert row["file_bytes"] > 0


def test_images_without_labels_are_enough(pair, sets, tmp_path):
    plain = tmp_path / "plain.txt"
    plain.write_text("".join(f"{line.split()[0]}\n" for line in sets[0].read_text().splitlines()))
    found = Compare(*pair, str(plain))
    assert found["student"]["mse"] == Compare(*pair, str(sets[0]))["student"]["mse"]


def test_networks_that_do_not_go_together_are_refused(pair, sets):
    with pytest.raises(DataError, match="Small has classes, and others have none"):
        Compare(pair[0], known(small()), str(sets[0]))
    rows = [Layer("row", "InnerProduct", num_output=64), Layer("out", "Sigmoid")]
    flat = known(Network(rows, name="Flat", **FACTS))
    with pytest.raises(DataError, match="different shapes: Teacher 1 x 8 x 8, Flat 64; give"):
        Compare(pair[0], flat, str(sets[0]))


def test_means_of_logits_need_classes(pair):
    for mean in (lambda: Ensemble(*pair), lambda: TestTimeAugmentation(pair[0])):
        with pytest.raises(TrainingError, match="Teacher has no classes; give"):
            mean()
