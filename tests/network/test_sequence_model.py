"""Networks that read sequences: how they are made, what they take at the prompt, their files."""

import numpy as np
import pytest
from series import classifier, language_model

from deelish import Deel, Layer, Network, ShowLabels, Teacher, TestTimeAugmentation
from deelish.errors import DataError, FileError, PlanError, TrainingError
from deelish.formats.onnx.runtime import open_session
from deelish.network.verify import largest_difference
from deelish.plan.sequence_format import SequenceFormat

WORDS = SequenceFormat("words", 1, ("\n", "cat", "dog", "the"), next_token=True)
CLASSES = SequenceFormat("words", 1, ("\n", "cat", "dog", "the"))
NUMBERS = SequenceFormat("numbers", 2)

EMBED = Layer("embed", "Embed", input_dim=4, num_output=3)
LSTM = Layer("lstm", "LSTM", ("embed", "cont"), num_output=3)
LAST = Layer("last", "LastStep")


def score(**args):
    return Layer("score", "InnerProduct", **args)


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1) as deel:
        yield deel


# By name: the rows, the arguments, and what the error says.
REFUSED = {
    "no format": ([EMBED], {"sequences": "words"}, "Network(sequences=str): give data.sequences"),
    "pixels": ([EMBED], {"sequences": WORDS, "mean": 3}, "Network(mean=...): is about images"),
    "a side": (
        [EMBED],
        {"sequences": WORDS, "in_size": 8},
        "Network(in_size=...): is about images",
    ),
    "names": (
        [EMBED, LSTM, score(num_output=4, axis=2)],
        {"sequences": WORDS, "labels": list("abcd")},
        "its classes are the 4 tokens of the vocabulary",
    ),
    "few tokens": (
        [Layer("embed", "Embed", input_dim=3, num_output=3), LSTM, score(num_output=4, axis=2)],
        {"sequences": WORDS},
        "layer 'embed' (Embed): input_dim is 3, and the vocabulary has 4 tokens; give input_dim=4",
    ),
    "few scores": (
        [EMBED, LSTM, score(num_output=3, axis=2)],
        {"sequences": WORDS},
        "its output is 3 x 2 x 3; since it gives the next of 4 tokens at each step, end it with",
    ),
    "another axis": (
        [EMBED, LSTM, score(num_output=4)],
        {"sequences": WORDS},
        "cannot read 2 sequences of 3 steps (layer 'score' (InnerProduct): its weight is (4, 3)",
    ),
    "the last step alone": (
        [EMBED, LSTM, LAST, score(num_output=4)],
        {"sequences": WORDS},
        "its output is 2 x 4; since it gives the next of 4 tokens at each step",
    ),
    "no last step": (
        [EMBED, LSTM, score(num_output=2, axis=2)],
        {"sequences": CLASSES, "labels": 2},
        "its output is 3 x 2 x 2; put LastStep before the layers",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_network_that_cannot_read_them_is_refused(case):
    rows, args, expected = REFUSED[case]
    with pytest.raises(PlanError) as caught:
        Network(rows, **args)
    assert expected in str(caught.value)


def test_a_network_with_other_inputs_is_refused():
    plan = Network([score(num_output=2)], in_size=4).plan
    with pytest.raises(PlanError, match="its inputs are data, and a network that reads sequences"):
        Network(plan, sequences=NUMBERS)


def test_a_text_is_read_alone_as_among_others():
    net = language_model(WORDS)
    texts = ["the cat", "dog", "the dog the cat"]
    alone = [net.classify(text).value for text in texts]
    assert [each.shape for each in alone] == [(3, 4), (2, 4), (5, 4)]
    together = net.classify(texts).value
    # The rows are in the order of the steps: the padding of the shorter ones is in front.
    last = [sum(np.allclose(row, each[-1], atol=1e-6) for row in together) for each in alone]
    assert together.shape == (10, 4)
    assert all(last)
    np.testing.assert_allclose(together[-3:], [each[-1] for each in alone], atol=1e-6)


def test_arrays_are_read_alone_as_among_others():
    net, rng = classifier(NUMBERS), np.random.default_rng(0)
    arrays = [rng.normal(size=(times, 2)) for times in (4, 1, 6)]
    alone = np.concatenate([net.classify(array).value for array in arrays])
    np.testing.assert_allclose(net.classify(arrays).value, alone, atol=1e-6)
    np.testing.assert_allclose(
        net.classify(np.stack([arrays[0]] * 2)).value[1], alone[0], atol=1e-6
    )


def test_a_list_of_numbers_is_one_sequence():
    net = classifier(SequenceFormat())
    np.testing.assert_array_equal(
        net.classify([1.0, 2, 3]).value, net.classify(np.array([[1.0], [2], [3]])).value
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "Model: the sequence is empty; give it one step or more"),
        ("the cow", "Model: the token 'cow' is not in the vocabulary of 4"),
        ([], "Model: an empty list; give at least one sequence"),
        (["the", 3], "Model: reads sequences of words, and got int; give a text, or a list"),
        (np.zeros((3, 1)), "Model: reads sequences of words, and got ndarray"),
    ],
)
def test_what_is_no_text_is_refused(given, expected):
    with pytest.raises(DataError) as caught:
        language_model(WORDS).classify(given)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1 2", "Classifier: reads sequences of numbers, and got str; give an array (time, 2)"),
        (np.zeros((3, 3)), "Classifier: a sequence is (3, 3); give (time, 2), a row a step"),
        (np.zeros((0, 2)), "Classifier: the sequence is empty"),
        (np.array([[1, np.nan]]), "Classifier: a sequence holds NaN or infinity"),
        ([["a", "b"]], "Classifier: a list holds no numbers"),
    ],
)
def test_what_is_no_array_is_refused(given, expected):
    with pytest.raises(DataError) as caught:
        classifier(NUMBERS).classify(given)
    assert expected in str(caught.value)


def test_a_sequence_that_is_too_long_is_refused_at_the_prompt():
    form = SequenceFormat(max_length=2)
    with pytest.raises(DataError, match="the sequence has 3 steps, and max_length= allows 2"):
        classifier(form).classify([1, 2, 3])


def test_networks_of_images_and_of_sequences_refuse_each_others_input(tmp_path):
    images = Network([score(num_output=2)], in_size=8, name="Images")
    with pytest.raises(DataError, match="Model: reads sequences of words, and these are images"):
        language_model(WORDS).classify(images.Input(np.zeros((8, 8, 3), np.uint8)))
    with pytest.raises(DataError, match="Images: reads images, and these are sequences"):
        images.classify(language_model(WORDS).Input("cat"))
    with pytest.raises(DataError, match="in the format of another network"):
        classifier(CLASSES_OF_TWO).classify(classifier(SequenceFormat()).Input([1, 2]))


CLASSES_OF_TWO = SequenceFormat("numbers", 1, max_length=9)


def test_labels_of_steps_are_shown_by_step(capsys):
    net = language_model(WORDS)
    net.untrained.clear()
    net.classify("cat")
    ShowLabels()
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith("step")] == ["step 0", "step 1"]
    assert any("| '\\n' |" in line for line in printed)


def test_the_line_of_a_network_says_what_it_reads():
    assert "Model: sequences of words -> 4 classes" in repr(language_model(WORDS))
    assert "Classifier: sequences of numbers -> 2 classes" in repr(classifier(NUMBERS))


@pytest.mark.parametrize("extension", ["hdf5", "safetensors", "caffemodel"])
def test_a_file_holds_the_format(tmp_path, extension):
    net = language_model(WORDS)
    path = net.save(tmp_path / f"net.{extension}")
    again = Network.load(path)
    assert again.sequences == WORDS
    assert again.labels == list(WORDS.vocabulary)
    text = "the cat the"
    np.testing.assert_array_equal(again.classify(text).value, net.classify(text).value)
    filled = Network(net.plan, sequences=WORDS, modelpath=path)
    np.testing.assert_array_equal(filled.classify(text).value, net.classify(text).value)
    other = SequenceFormat("words", 1, ("\n", "dog", "cat", "the"), next_token=True)
    with pytest.raises(FileError, match=r"net\.\w+: was trained with a vocabulary of 4, and this"):
        Network(net.plan, sequences=other, modelpath=path)


def test_the_fingerprint_tells_formats_apart():
    net = language_model(WORDS)
    before = net.fingerprint()
    net.sequences = SequenceFormat("words", 1, ("\n", "dog", "cat", "the"), next_token=True)
    assert net.fingerprint() != before


@pytest.mark.parametrize("make", [lambda: language_model(WORDS), lambda: classifier(NUMBERS)])
def test_an_export_takes_sequences_of_any_length(tmp_path, make):
    pytest.importorskip("onnxruntime")
    net = make()
    path = net.export(tmp_path / "net.onnx")
    assert largest_difference(net, path)[0] < 1e-5
    session = open_session(str(path))
    (given,) = session.get_inputs()
    assert (given.name, given.shape[:2]) == ("data", ["time", "batch"])
    rng = np.random.default_rng(0)
    for times, count in ((1, 1), (5, 1), (4, 3)):
        shape = (times, count) if len(given.shape) == 2 else (times, count, 2)
        data = rng.integers(0, 4, shape).astype(np.float32)
        cont = np.ones((times, count), np.float32)
        cont[0] = 0
        expected = net.run({"data": data, "cont": cont})["score"]
        (found,) = session.run(["score"], {"data": data})
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_part_takes_arrays():
    part = classifier(NUMBERS).part(end="last")
    made = part.run({"data": np.zeros((3, 2, 2)), "cont": np.zeros((3, 2))})
    assert made["last"].shape == (2, 8)
    with pytest.raises(PlanError, match="takes no images"):
        part.forward(np.zeros((8, 8, 3), np.uint8))


def test_what_is_of_images_is_refused():
    net = classifier(NUMBERS)
    with pytest.raises(TrainingError, match="averages over views of an image, and Classifier"):
        TestTimeAugmentation(net)
    teacher = Teacher(lambda images: images.reshape(len(images), -1)[:, :2], size=8, key="v1")
    with pytest.raises(DataError, match="holds no images, which is what this model takes"):
        teacher.batch_feature(net.Input(np.array([[1.0, 2]])))
