"""Test-time augmentation is NumPy's mean of the logits of images that are flipped and padded."""

import re

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from models_of_others import PIXELS, Usual, eights
from one_sentence import refused
from small_modules import PIXELS as MODULES
from small_modules import chained, seeded

from deelish import (
    Average,
    BatchTrain,
    Compare,
    Ensemble,
    InputBatch,
    Student,
    Teacher,
    TestTimeAugmentation,
)
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.errors import PlanError, TrainingError, UsageError

LABELS = list("abcd")


def moved(images, mirror, shift):
    """All views of images (n, h, w, 3): a list of such arrays."""
    views = []
    for image in (images, images[:, :, ::-1])[: 1 + mirror]:
        padded = np.pad(image, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="reflect")
        height, width = images.shape[1:3]
        for down in range(2 * shift + 1):
            for right in range(2 * shift + 1):
                views.append(padded[:, down : down + height, right : right + width])
    return views


def by_numpy(net, images, mirror, shift):
    """The mean of the logits of all views, each given to the network as an image."""
    views = moved(images, mirror, shift)
    assert len(views) == (2 * shift + 1) ** 2 * (1 + mirror)
    logits = net.batch_feature([image for view in views for image in view]).value
    return logits.reshape(len(views), len(images), -1).mean(0, dtype=np.float64)


def network(session):
    return small("Network", crop=1, order="RGB", labels=LABELS)


def student(session):
    module = seeded()
    return Student(module if session.engine.name == "torch" else chained(module), **MODULES)


def teacher(session):
    return Teacher(Usual(), labels=LABELS, crop=1, **PIXELS)


def function(session):
    """Its logits are four pixels, so that each view shows where it was cut."""
    return Teacher(lambda v: v[:, 0, 2:4, 3:5].reshape(-1, 4), size=8, mean=0, scale=1, crop=1)


def ensemble(session):
    return Ensemble(network(session), teacher(session))


def average(session):
    return Average(network(session))


WAYS = [(True, 0), (False, 1), (True, 2), (False, 7)]


@pytest.mark.parametrize("build", [network, student, teacher, function, ensemble, average])
@pytest.mark.parametrize(("mirror", "shift"), WAYS)
def test_it_is_the_mean_over_flipped_and_padded_views(session, build, mirror, shift):
    net, images = build(session), eights(3)
    both = TestTimeAugmentation(net, mirror=mirror, shift=shift)
    logits = both.batch_feature(list(images))
    expected = by_numpy(net, images, mirror, shift)
    np.testing.assert_allclose(logits.value, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(logits.value - net.batch_feature(list(images)).value).max() > 1e-3
    assert logits.owner is both
    assert (both.classes, both.labels, both.parameters) == (net.classes, net.labels, net.parameters)


def test_outside_of_a_workout_it_classifies_and_its_labels_are_known(session):
    net = network(session)
    images = list(eights(2))
    logits = TestTimeAugmentation(net).classify(images)
    np.testing.assert_allclose(
        logits.value, by_numpy(net, eights(2), True, 0), rtol=1e-4, atol=1e-5
    )
    assert set(logits.top(1)[0][0][0]) <= set(LABELS)


def test_members_of_an_ensemble_are_shifted_at_their_own_size(session):
    """A member that sees 16 pixels is shifted by one of these."""
    seen = []
    larger = Teacher(
        lambda v: seen.append(v[0, 0].copy()) or v[:, 0, :2, :2].reshape(-1, 4),
        **{"size": 16, "mean": 0, "scale": 1, "crop": 1, "order": "RGB"},
    )
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    TestTimeAugmentation(Ensemble(function(session), larger), mirror=False, shift=1).batch_feature(
        list(image)
    )
    shown = {view.tobytes() for view in seen}
    for view in moved(image, False, 1):
        assert view[0, :, :, 0].astype(np.float32).tobytes() in shown


def test_it_teaches_and_its_teacher_is_checked(session, tmp_path):
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)
    net, learner = network(session), small()
    both, seen = TestTimeAugmentation(net, mirror=False, shift=1), []

    def workout(x, t):
        learner.classify(x)
        logits = both.batch_feature(x)
        pixels = x.pixels(net.preprocessing)
        seen.append(np.abs(logits.value - by_numpy(net, pixels, False, 1)).max())
        return learner.backprop(t, distill=logits)

    refused(
        TrainingError, "the teacher .*Network was never loaded nor trained", lambda: once(workout)
    )
    net.untrained.clear()
    assert once(workout)[-1]["agreement"] >= 0
    assert max(seen) < 1e-4


def test_the_students_own_views_cannot_teach_it(session, tmp_path):
    InputBatch(write_set(tmp_path, "train", 16), batch_size=16, crop=1, mirror=False)
    learner = trained(small())
    own = TestTimeAugmentation(learner)

    def workout(x, t):
        learner.classify(x)
        return learner.backprop(t, distill=own.batch_feature(x))

    refused(
        TrainingError, "the student's own logits were given as the teacher's", lambda: once(workout)
    )


def test_its_logits_are_cached_apart_for_each_way(session, tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    images = write_set(tmp_path, "train", 12)
    InputBatch(images, batch_size=4, crop=1, mirror=False)
    net, learner = trained(network(session)), small("Student")
    made = {way: TestTimeAugmentation(net, *way) for way in WAYS[:3]}
    InputBatch(images, batch_size=4, views=1, crop=1, mirror=False)
    runs, worst = dict.fromkeys(made, 0), []

    def counting(way, logits):
        def counted(shown):
            runs[way] += 1
            return logits(shown)

        return counted

    for way, each in made.items():
        monkeypatch.setattr(each, "logits", counting(way, each.logits))

    def workout(x, t):
        plain = net.batch_feature(x).value
        for way, each in made.items():
            logits = each.batch_feature(x).value
            expected = by_numpy(net, x.pixels(net.preprocessing), *way)
            # Half precision, as it is cached.
            worst.append(np.abs(logits - expected).max() / np.abs(expected).max())
            assert not np.allclose(logits, plain, atol=1e-4)
        learner.classify(x)
        return learner.backprop(t)

    BatchTrain(workout, epochs=3)
    assert max(worst) < 2e-3
    # In three epochs of three batches each is computed once.
    assert set(runs.values()) == {3}
    assert [file.count for file in logits_files(tmp_path / "cache")] == [12] * 4


def test_fingerprints_depend_on_the_network_and_on_the_views(session):
    net, other = trained_free(session, 1), trained_free(session, 2)
    ways = [(net, True, 0), (net, True, 1), (net, False, 1), (net, False, 2), (other, True, 0)]
    prints = [TestTimeAugmentation(*way).fingerprint() for way in ways]
    assert len({*prints, net.fingerprint()}) == len(ways) + 1
    assert None not in prints
    again = TestTimeAugmentation(net, shift=1)
    assert again.fingerprint() == again.known_fingerprint() == prints[1]
    inner = Ensemble(net, other)
    both = TestTimeAugmentation(inner)
    assert both.fingerprint() == both.known_fingerprint() != inner.fingerprint()
    assert TestTimeAugmentation(Average(net)).fingerprint() is None


def trained_free(session, seed):
    """A network with weights of its own."""
    made = network(session)
    arrays = session.engine.arrays(made.module)
    session.engine.set_arrays(made.module, {k: v + seed for k, v in arrays.items()})
    made.version += 1
    return made


def test_an_average_in_training_may_be_shown_the_views(session, tmp_path):
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False, views=1)
    learner = small()
    both = TestTimeAugmentation(Average(learner, decay=0.5))
    seen = []

    def workout(x, t):
        learner.classify(x)
        logits = both.batch_feature(x)
        seen.append(logits.value)
        return learner.backprop(t, distill=logits)

    BatchTrain(workout, epochs=2, lr=0.1)
    assert both.learning
    assert not any(np.allclose(seen[0], each) for each in seen[2:])


def test_compare_measures_it(session, tmp_path):
    images = write_set(tmp_path, "test", 24)
    net = network(session)
    net.untrained.clear()
    both = TestTimeAugmentation(net, mirror=True, shift=1)
    report = Compare(net, both, images, crop=1)
    row = report["student"]
    assert row["name"] == "test-time augmentation of Network"
    assert row["parameters"] == net.parameters
    assert 0 < row["kl"] < 1
    assert row["file_bytes"] is None


BAD = [
    ((3,), {}, "TestTimeAugmentation(int): gives no logits that deelish knows; give a network"),
    ((len,), {}, "(builtin_function_or_method): gives no logits"),
    ((), {"mirror": False}, "(mirror=False, shift=0): leaves one view, and nothing to average"),
    ((), {"shift": -1}, "(shift=-1): give whole pixels, from 0 up to below the 8 of Network"),
    ((), {"shift": 8}, "(shift=8): give whole pixels, from 0 up to below the 8 of Network"),
    ((), {"shift": 0.5}, "(shift=0.5): give whole pixels"),
    ((), {"shift": True}, "(shift=True): give whole pixels"),
    ((), {"shift": "2"}, "(shift='2'): give whole pixels"),
    ((), {"shift": None}, "(shift=None): give whole pixels"),
]


@pytest.mark.parametrize(("args", "given", "words"), BAD)
def test_values_that_cannot_be(session, args, given, words):
    args = args or (network(session),)
    refused(TrainingError, re.escape(words), lambda: TestTimeAugmentation(*args, **given))


def test_what_it_is_not_given_and_does_not_do(session):
    net = network(session)
    both = TestTimeAugmentation(net)
    refused(UsageError, "mirror=1", lambda: TestTimeAugmentation(net, mirror=1))
    refused(UsageError, "did you mean shift=", lambda: TestTimeAugmentation(net, shifts=1))
    refused(UsageError, "lacks net", lambda: TestTimeAugmentation())
    refused(TrainingError, "is a teacher and never learns", lambda: both.backprop(None))
    image = eights(1)[0]
    refused(
        PlanError, "has no layer 'hidden' of its own", lambda: both.feature(image, layer="hidden")
    )
    assert repr(both).endswith("| 2 views | 4 classes | teacher only")
