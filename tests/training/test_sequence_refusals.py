"""What a workout cannot do with sequences, each in one sentence with its cure."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import once, small
from series import classifier, dataset, language_model, numbers, texts, write

from deelish import AddNoise, InputBatch, Layer, Network
from deelish.errors import DataError, TrainingError


@pytest.fixture
def text(session, tmp_path):
    return dataset(tmp_path, texts(60), tokens="words", batch_size=7)


def of_images(form):
    rows = [Layer("score", "InnerProduct", num_output=2)]
    return Network(rows, in_size=8, name="Images")


# By name: the network of a workout on words, what it does, and what the error says.
REFUSED = {
    "a network of images": (
        of_images,
        lambda net, x, t: net.classify(x),
        "Images: reads images, and these are sequences; make it with sequences=data.sequences",
    ),
    "another format": (
        lambda form: classifier(type(form)(), name="Numbers"),
        lambda net, x, t: net.classify(x),
        "Numbers: reads sequences of numbers, and these are sequences of words with the next one",
    ),
    "other tokens, each of which has logits": (
        lambda form: language_model(replace(form, tokens="characters"), name="Letters"),
        lambda net, x, t: net.classify(x),
        "Letters: reads sequences of characters with the next one at each step, and these are",
    ),
    "noise": (
        language_model,
        lambda net, x, t: AddNoise(x),
        "AddNoise: SequenceTensor, shape",
    ),
    "x as a target": (
        language_model,
        lambda net, x, t: (net.classify(x), net.backprop(x, loss="mse")),
        "Model.backprop: t is SequenceTensor",
    ),
    "x as a teacher": (
        language_model,
        lambda net, x, t: (net.classify(x), net.backprop(t, distill=x)),
        "distill needs a teacher's logits, and got sequences",
    ),
    "labels of another number": (
        language_model,
        lambda net, x, t: (net.classify(x), net.backprop(t.value[1:])),
        "whole numbers; pass workout's t",
    ),
    "a teacher of other rows": (
        language_model,
        lambda net, x, t: (net.classify(x), net.backprop(t, distill=np.zeros((len(x), 6)))),
        "the teacher's logits are",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_workout_cannot_do_is_refused(text, case):
    made, act, expected = REFUSED[case]
    net = made(text.sequences)
    with pytest.raises((DataError, TrainingError)) as caught:
        once(lambda x, t: act(net, x, t))
    assert expected in str(caught.value)


def test_images_are_no_sequences(session, corners, tmp_path):
    data = dataset(tmp_path, numbers(9), batch_size=3)
    net = classifier(data.sequences)
    InputBatch(*corners)
    with pytest.raises(DataError, match="reads sequences of numbers, and these are images"):
        once(lambda x, t: net.classify(x))


def test_a_teacher_of_nan_is_named_with_the_line_of_its_token(session, tmp_path):
    data = InputBatch(write(tmp_path, "train.tsv", ["the cat", "dog"]), tokens="words")
    net = language_model(data.sequences)

    def workout(x, t):
        logits = np.zeros(net.classify(x).shape, np.float32)
        # The targets are those of the steps: of line 1, then of both.
        logits[[sample.line for sample in t.samples].index(2)] = np.nan
        return net.backprop(t, distill=logits)

    with pytest.raises(TrainingError, match=r"train.tsv line 2(?! line 1)") as caught:
        once(workout)
    assert "line 1" not in str(caught.value)


def test_a_network_of_sequences_is_not_asked_for_the_pixels_of_images(session, corners, tmp_path):
    reader = classifier(dataset(tmp_path, numbers(9), batch_size=3).sequences)
    images, ahead = small(), []
    data = InputBatch(*corners, batch_size=32)

    def workout(x, t):
        ahead.append({rendering.size for rendering in data.train.renderings})
        images.classify(x)
        return images.backprop(t)

    once(workout)
    assert ahead[0] == {8}
    assert reader in session.networks


def test_a_dataset_of_images_has_no_format_of_sequences(session, corners):
    data = InputBatch(*corners)
    with pytest.raises(DataError, match="the dataset is of images; name a list of sequences"):
        Network([Layer("score", "InnerProduct", num_output=2)], sequences=data.sequences)
