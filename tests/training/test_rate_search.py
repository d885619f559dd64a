"""FindRate: a search for a learning rate that leaves everything as it was."""

import itertools

import numpy as np
import pytest
from helpers import CHAINER_IS_LONG, once, small
from hinted import convolutional
from matplotlib.axes import Axes
from series import dataset, language_model, texts

from deelish import Average, BatchTrain, Deel, FindRate, InputBatch, Show
from deelish.errors import DataError, TrainingError, UsageError


def learning(network, teacher=None):
    def workout(x, t):
        network.classify(x)
        if teacher is None:
            return network.backprop(t)
        return network.backprop(t, distill=teacher.batch_feature(x))

    return workout


def of_losses(network, loss):
    """A workout whose losses are known: those of a function of the number of its update."""
    count = itertools.count(1)

    def workout(x, t):
        network.classify(x)
        network.backprop(t)
        return loss(next(count)), 0.0

    return workout


def weights(network):
    """All numbers of a network, running means among them."""
    return network.engine.arrays(network.module)


def assert_same(one, other):
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_the_rates_rise_by_one_factor_from_the_lowest_to_the_highest(session, sets):
    found = FindRate(learning(small()), lowest=1e-5, highest=1e-1, updates=21)
    assert found.rates[0] == pytest.approx(1e-5)
    assert found.rates[-1] == pytest.approx(1e-1)
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(10) / 5)


def test_a_search_leaves_a_student_as_it_was(session, sets):
    net = convolutional("Net", 4, normal=True, dropout=0.3)
    before, untrained, session.state["t"] = weights(net), set(net.untrained), [8.0]

    def workout(x, t):
        session.state["t"][0] -= 1
        net.classify(x)
        return net.backprop(t)

    crop = net.preprocessing
    FindRate(workout, updates=30)
    assert_same(before, weights(net))
    assert (net.untrained, net.learning, net.preprocessing) == (untrained, False, crop)
    assert session.state == {"t": [8.0]}


def test_a_training_after_it_is_the_same_to_the_bit(each_engine, corners):
    def run(first):
        with Deel(seed=2):
            InputBatch(*corners, batch_size=16, crop=1, mirror=False)
            net = convolutional("Net", 4, normal=True, dropout=0.3)
            average = Average(net, decay=0.5)
            if first:
                FindRate(learning(net, average), updates=25, highest=0.1)
            history = BatchTrain(learning(net, average), epochs=2, lr=1e-2)
            return weights(net), [row["loss"] for row in history]

    plain, losses = run(False)
    searched, again = run(True)
    assert_same(plain, searched)
    assert losses == again


@CHAINER_IS_LONG
def test_the_suggestion_is_where_a_known_loss_falls_fastest(session, sets):
    """The loss of a workout of one's own is known: it falls, is flat, and rises."""
    # A step down between updates 40 and 50.
    workout = of_losses(small(), lambda update: 3 - 2 / (1 + np.exp(45 - update)))
    found = FindRate(workout, lowest=1e-6, highest=1.0, updates=100)
    place = found.rates.index(found.suggestion)
    # Smoothing moves it by a few updates.
    assert 44 <= place <= 52
    assert f"falls fastest at lr={found.suggestion:.2g}" in repr(found)


def test_a_search_ends_where_the_loss_rises(session, sets):
    workout = of_losses(small(), lambda update: 1.0 if update <= 40 else 100.0)
    assert len(FindRate(workout, updates=120).rates) == 41


def test_the_suggestion_is_a_rate_that_learns(session, sets, capsys):
    net = small()
    found = FindRate(learning(net), optimizer="sgd", lowest=1e-4, highest=10, updates=80)
    assert "FindRate: the loss falls fastest at lr=" in capsys.readouterr().out
    first, *_, last = BatchTrain(learning(net), epochs=8, optimizer="sgd", lr=found.suggestion)
    assert last["loss"] < 0.8 * first["loss"]


def test_a_loss_that_falls_nowhere_has_no_suggestion(session, sets):
    found = FindRate(of_losses(small(), lambda update: 1 + update / 1000), updates=20)
    assert found.suggestion is None
    assert "the loss falls at no rate from 1e-06 to 1" in repr(found)


@CHAINER_IS_LONG
def test_the_plot_is_a_file_and_html(session, sets, tmp_path):
    found = FindRate(learning(small()), updates=20, save=tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes() == found.png()
    assert found._repr_html_().startswith('<img src="data:image/png;base64,')


def test_it_is_shown_like_a_history(session, sets, tmp_path, monkeypatch, capsys):
    found = FindRate(learning(small()), updates=20)
    drawn = []
    monkeypatch.setattr(Axes, "plot", lambda self, *points, **how: drawn.append(points))
    Show(found, save=tmp_path / "shown.png")
    assert drawn == [(found.rates, found.losses)]
    assert f"written: {tmp_path / 'shown.png'}" in capsys.readouterr().out
    with pytest.raises(DataError, match=r"Show\(FindRate\(workout\)\): give nothing beside it"):
        Show(found, captions=["a"])


def test_sequences_have_rates_too(session, tmp_path):
    data = dataset(tmp_path, texts(40), tokens="words", batch_size=8)
    found = FindRate(learning(language_model(data.sequences)), updates=25)
    assert len(found.losses) == 25


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lowest": 0}, TrainingError, r"FindRate\(lowest=0\): give a learning rate above 0"),
        ({"highest": "1"}, TrainingError, r"FindRate\(highest='1'\): give a learning rate"),
        ({"lowest": 1, "highest": 0.1}, TrainingError, "give rates that rise"),
        ({"updates": 5}, TrainingError, r"FindRate\(updates=5\): give how many .* 20 or more"),
        ({"optimizer": "none"}, TrainingError, "'none'"),
        ({"momentun": 0.9, "optimizer": "sgd"}, UsageError, "momentum"),
        ({"lr_mult": {"conv9": 0}, "updates": 20}, TrainingError, "conv9"),
    ],
)
def test_what_it_cannot_search_is_refused(session, sets, options, error, words):
    with pytest.raises(error, match=words):
        FindRate(learning(small()), **options)
    assert session.trainer is None


def test_a_factor_on_a_layer_of_a_network_that_does_not_learn_is_refused(session, sets):
    net, other = small(), convolutional("Other", 2)
    with pytest.raises(TrainingError, match="conv1"):
        FindRate(learning(net), updates=20, lr_mult={"conv1": 0})
    assert other in session.networks


def test_without_images_or_in_a_training_it_is_refused(session, corners):
    net = small()
    with pytest.raises(DataError, match="FindRate: there are no images; call InputBatch"):
        FindRate(learning(net))
    InputBatch(*corners, batch_size=16, crop=1)
    with pytest.raises(TrainingError, match="FindRate: BatchTrain is running; call it before"):
        once(lambda x, t: FindRate(learning(net)))


def test_numbers_that_are_not_finite_from_the_start_are_an_error(session, sets):
    net = small()

    def workout(x, t):
        net.classify(x)
        return net.backprop(np.full((len(x), 4), np.nan))

    with pytest.raises(TrainingError, match="the labels are not finite"):
        FindRate(workout, updates=20)
    assert session.trainer is None
    assert not net.learning
