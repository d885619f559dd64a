"""student.card: a model card that the Hub reads, with the numbers of the report."""

import sys

import pytest
from arrays import reconstruction
from helpers import small, trained, write_set
from hinted import known
from series import classifier, language_model

from deelish import Compare, Deel, InputBatch, Layer, Network, Student
from deelish.errors import DataError, FileError
from deelish.plan.sequence_format import SequenceFormat

hub = pytest.importorskip("huggingface_hub")
TOKENS = ("\n", "a", "b")


def text_classifier(form):
    rows = [
        Layer("embed", "Embed", input_dim=3, num_output=2),
        Layer("lstm", "LSTM", ("embed", "cont"), num_output=2),
        Layer("last", "LastStep"),
        Layer("score", "InnerProduct", num_output=2),
    ]
    return Network(rows, sequences=form, labels=2)


@pytest.fixture
def lists(tmp_path):
    with Deel(seed=1):
        made = write_set(tmp_path, "train", 32), write_set(tmp_path, "val", 20, first=32)
        InputBatch(*made, batch_size=8, crop=1, mirror=False)
        yield made


@pytest.fixture
def pair(lists):
    return trained(small("Teacher")), trained(small("Pupil", labels=["a", "b", "c", "d"]))


def test_the_hub_reads_the_metadata(pair, lists, tmp_path):
    report = Compare(*pair, str(lists[1]))
    path = tmp_path / "README.md"
    made = pair[1].card(path, report, license="mit", data="corners", about="Finds corners.")
    assert made == path
    card = hub.ModelCard.load(path)
    data = card.data
    assert (data.license, data.library_name, data.datasets) == ("mit", "deelish", ["corners"])
    assert "knowledge-distillation" in data.tags
    (result,) = data.eval_results
    assert result.metric_value == pytest.approx(report["student"]["accuracy"], abs=5e-5)
    assert (result.metric_type, result.dataset_name) == ("accuracy", "corners")
    assert card.text.strip().startswith("# Pupil\n\nFinds corners.")


def test_the_text_has_teacher_numbers_and_pixels(pair, lists, tmp_path):
    report = Compare(*pair, str(lists[1]))
    pair[1].card(tmp_path / "README.md", report)
    text = (tmp_path / "README.md").read_text()
    assert "its teacher: Teacher" in text
    assert "- 1,108 parameters\n- 8 x 8 pixels to 4 classes\n" in text
    assert "pixels: L, (pixel - 0) * 0.00392157, crop fraction 1, squash, bilinear" in text
    accuracy = report["student"]["accuracy"]
    assert (
        f"| accuracy | {report['teacher']['accuracy'] * 100:.2f} % | {accuracy * 100:.2f} % |"
        in text
    )
    assert "| interval of 95 % |" in text
    for note in report.notes:
        assert f"- {note}" in text


def test_its_code_loads_the_file(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair[1].save("student.safetensors")
    pair[1].card()
    text = (tmp_path / "README.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    names = {}
    exec(code.split("\nnet.classify")[0], names)
    assert isinstance(names["net"], Network)
    assert names["net"].labels == ["a", "b", "c", "d"]


def test_a_module_is_loaded_as_a_student(lists, tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 3))
    student = Student(module, size=8, mean=0, scale=1 / 255, order="RGB")
    student.card(tmp_path / "card.md", file="flat.safetensors")
    assert 'net = Student.load("flat.safetensors")' in (tmp_path / "card.md").read_text()


def test_networks_that_make_images_have_cards(lists, tmp_path):
    teacher, student = known(reconstruction("Teacher")), known(reconstruction("Student"))
    student.card(tmp_path / "card.md", Compare(teacher, student, str(lists[1])))
    card = hub.ModelCard.load(tmp_path / "card.md")
    assert card.data.pipeline_tag == "image-to-image"
    assert "| mean squared error |" in card.text


@pytest.mark.parametrize(
    ("form", "make", "task", "words"),
    [
        (SequenceFormat("numbers", 2), classifier, None, "sequences of numbers, 2 at each step"),
        (SequenceFormat("words", 1, TOKENS), text_classifier, "text-classification", "words"),
        (SequenceFormat("words", 1, TOKENS, True), language_model, "text-generation", "3 tokens"),
    ],
)
def test_networks_that_read_sequences_have_cards(tmp_path, form, make, task, words):
    with Deel():
        make(form).card(tmp_path / "card.md")
        card = hub.ModelCard.load(tmp_path / "card.md")
        assert card.data.pipeline_tag == task
        assert words in card.text
        assert "pixels" not in card.text


def test_what_is_no_card_is_refused(pair, lists, tmp_path, monkeypatch):
    teacher, student = pair
    report = Compare(*pair, str(lists[1]))
    with pytest.raises(FileError, match=r"a model card is Markdown; give the path of an \.md"):
        student.card(tmp_path / "card.txt")
    with pytest.raises(DataError, match="the report measured Pupil, and not Teacher"):
        teacher.card(tmp_path / "card.md", report)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(FileError, match=r'run `pip install "deelish\[hub\]"`'):
        student.card(tmp_path / "card.md")
    assert not (tmp_path / "card.md").exists()
