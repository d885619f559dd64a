"""What a notebook shows of tensors, networks, histories and reports: HTML that survives there."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from helpers import small, trained, write_set
from PIL import Image
from series import classifier, language_model

from deelish import CNN, Compare, Deel, Input, InputBatch, Network, Student
from deelish.errors import PlanError
from deelish.plan.sequence_format import SequenceFormat

# What a notebook from somebody else keeps (JupyterLab's sanitiser).
TAGS = {
    *("div", "b", "p", "pre", "details", "summary", "img"),
    *("table", "thead", "tbody", "tr", "td", "th"),
}


class Page(HTMLParser):
    """The text of a piece of HTML, its images, and whether it is whole and harmless."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.texts = [], [], []
        self.widths = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert tag in TAGS
        assert given.keys() <= {"style", "src", "alt"}
        self.widths += re.findall(r"width: ([\d.]+)%", given.get("style", ""))
        if tag == "img":
            assert given["alt"]
            kind, content = given["src"].split(",")
            assert kind == "data:image/png;base64"
            self.images.append(Image.open(io.BytesIO(base64.b64decode(content))))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


def page(shown):
    return Page(shown._repr_html_())


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


def pictures(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, 20, 30, 3), np.uint8))


def test_images_are_shown_up_to_eight():
    net = small(crop=1)
    made = page(net.Input(pictures(3)))
    assert [image.size for image in made.images] == [(8, 8)] * 3
    shown = np.asarray(made.images[1].convert("RGB"))
    expected = net.Input(pictures(3)).value[1].transpose(1, 2, 0)
    np.testing.assert_array_equal(shown, expected.astype(np.uint8))
    many = page(Input(pictures(11)))
    assert len(many.images) == 8
    assert "and 3 more" in many.text


def test_large_images_become_small_files():
    Network(small().plan, in_size=8)
    image = np.zeros((900, 900, 3), np.uint8)
    (shown,) = page(Input(image)).images
    assert max(shown.size) <= 160


def test_logits_are_bars_of_the_most_probable_classes():
    net = small(labels=["a <b>", "cat", "dog", "horse"])
    logits = net.classify(pictures(2))
    made = page(logits)
    assert len(made.images) == 2
    best = logits.top(4)
    for name, share in best[0] + best[1]:
        assert name in made.text
        assert f"{share:.1%}" in made.text
    shares = [f"{share * 100:.1f}" for row in best for _, share in row]
    assert [width for width in made.widths if width != "100"] == shares


def test_rows_of_steps_and_sequences_are_bars_without_images():
    form = SequenceFormat("words", 1, ("\n", "cat"), next_token=True)
    model = language_model(form)
    made = page(model.classify("cat"))
    assert not made.images
    assert "step 0" in made.text
    assert "'\\n'" in made.text
    reads = classifier(SequenceFormat())
    assert "sequence 1" in page(reads.classify([[1.0, 2], [3.0]])).text
    assert "cat cat" in page(model.Input("cat cat")).text
    assert "and 2 more" in page(model.Input(["cat"] * 10)).text


def test_a_network_is_a_card_with_its_layers(tmp_path):
    net = small()
    made = page(net)
    assert "Small: 1 x 8 x 8 L -> 4 classes" in made.text
    assert "1,108 parameters" in made.text
    assert "untrained" in made.text
    assert "InnerProduct" in made.text
    assert page(CNN).text == made.text


def test_a_module_is_a_card_with_its_layers():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 3))
    student = Student(module, size=8, mean=0, scale=1 / 255, order="RGB", name="Flat")
    assert "Flat: 3 x 8 x 8 RGB -> 3 classes" in page(student).text
    assert "Linear" in page(student).text


def test_names_of_layers_are_completed():
    net = small()
    assert net._ipython_key_completions_() == [layer.name for layer in net.plan.layers]
    assert net["score"].type == "InnerProduct"
    assert CNN["score"] == net["score"]
    assert CNN._ipython_key_completions_() == net._ipython_key_completions_()
    with pytest.raises(PlanError, match="Small: has no layer 'scor'; did you mean 'score'"):
        net["scor"]
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 3))
    student = Student(module, size=8, mean=0, scale=1 / 255, order="RGB", name="Flat")
    assert student._ipython_key_completions_() == ["0", "1"]
    assert (student["1"].kind, student["1"].shape) == ("Linear", (3,))
    with pytest.raises(PlanError, match="Flat: has no layer '2'"):
        student["2"]


def test_a_history_is_its_curves_and_its_table(tmp_path):
    lists = write_set(tmp_path, "train", 32), write_set(tmp_path, "val", 8, first=32)
    InputBatch(*lists, batch_size=8, crop=1, mirror=False)
    net = small()

    def workout(x, t):
        net.classify(x)
        return net.backprop(t)

    from deelish import BatchTrain

    history = BatchTrain(workout, epochs=2)
    made = page(history)
    (curves,) = made.images
    # The curves are drawn: there are more colours than the axes have.
    assert len(curves.convert("RGB").getcolors(1 << 20)) > 50
    assert "2 epochs" in made.text
    for row in history:
        assert f"{row['val_loss']:.4f}" in made.text


def test_a_report_is_its_table(tmp_path):
    lists = write_set(tmp_path, "train", 16), write_set(tmp_path, "val", 8, first=16)
    InputBatch(*lists, batch_size=8, crop=1, mirror=False)
    report = Compare(trained(small("Teacher"), 1), trained(small("Student"), 1), str(lists[1]))
    made = page(report)
    for text in ("agrees with the teacher", "Teacher", "Student", "how it was measured"):
        assert text in made.text
    assert f"{report['student']['accuracy'] * 100:.2f} %" in made.text


def test_names_cannot_write_html():
    net = small("<script>alert(1)</script>", labels=["<img src=x onerror=alert(1)>", "b", "c", "d"])
    for shown in (net, net.classify(pictures(1))):
        assert "<script" not in shown._repr_html_()
        page(shown)


def test_what_cannot_be_shown_is_left_to_the_text(monkeypatch):
    images = Input(pictures(1))
    monkeypatch.setattr(type(images), "value", property(lambda self: 1 / 0))
    assert images._repr_html_() is None
