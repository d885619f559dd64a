"""What a workout gets: recorded views, mixtures and their labels, and no needless pixels."""

import numpy as np
import pytest
from helpers import small
from PIL import Image

from deelish import BatchTrain, InputBatch
from deelish.images.views import window


def watch(student, look, **options):
    """Train, and give look(x, t) of each batch, those of validation too."""
    seen = []

    def workout(x, t):
        seen.append(look(x, t))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, **options)
    return seen


def keys(x, t):
    named = x.pictures.keys
    return None if named is None else {key.tobytes() for key in named}


def test_epochs_count_through_the_session_and_come_back(session, corners):
    InputBatch(corners[0], batch_size=64, views=2)
    student = small()
    first = watch(student, keys, epochs=3)
    assert first[0] == first[2] != first[1]
    # The fourth epoch of the session, though the first of this training.
    assert watch(student, keys, epochs=1) == [first[1]]


def test_validation_has_keys_where_views_are_recorded(session, corners):
    student = small()
    InputBatch(*corners, batch_size=64, views=5)
    train, val, _, again = watch(student, keys, epochs=2)
    assert val == again
    assert len(val) == 20
    assert not train & val
    InputBatch(*corners, batch_size=64)
    assert watch(student, keys, epochs=1) == [None, None]


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_a_mixture_comes_with_probabilities_as_wide_as_the_largest_network(session, corners, kind):
    _narrow, student = small(), small("Wide", outputs=9)
    InputBatch(*corners, batch_size=64, mix=kind)
    found = watch(student, lambda x, t: (t.probabilities, t.value), epochs=1)
    (probabilities, labels), (unmixed, _) = found
    assert probabilities.shape == (64, 9)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    assert (probabilities.max(1) < 0.99).sum() > 30
    np.testing.assert_array_equal(probabilities.argmax(1), labels)
    assert unmixed is None


def test_plain_labels_have_no_probabilities(session, corners):
    InputBatch(corners[0], batch_size=64)
    assert watch(small(), lambda x, t: t.probabilities, epochs=1) == [None]


def test_teacher_and_student_of_two_sizes_see_the_same_box(session, corners):
    for number in range(64):
        Image.new("L", (16, 16), 4 * number).save(corners[0].parent / f"{number}.png")
    large, student = small("Large", in_size=64), small(in_size=16)
    InputBatch(corners[0], batch_size=16, crop=1, mix="cutmix")

    def edges(pixels, sample):
        """First and last row and column of the box, as fractions of the side."""
        foreign = pixels[..., 0] != 4 * (sample.line - 1)
        ends = [np.flatnonzero(foreign.any(axis))[[0, -1]] + (0, 1) for axis in (0, 1)]
        return np.concatenate(ends) / len(pixels)

    def boxes(x, t):
        for row, sample in enumerate(t.samples):
            one, other = x.pixels(large.preprocessing)[row], x.pixels(student.preprocessing)[row]
            if x.pictures.entries[row].mixed[0].ratio < 0.95:
                # Half a pixel of the small size, and half of the large.
                difference = abs(edges(one, sample) - edges(other, sample)).max()
                assert difference <= 0.5 / 16 + 0.5 / 64
        return len(x)

    assert watch(student, boxes, epochs=1) == [16] * 4


def test_a_network_that_reads_no_images_soon_costs_no_pixels(session, corners, monkeypatch):
    teacher, student = small("Teacher", in_size=16), small()
    InputBatch(*corners, batch_size=4)
    sizes, cut = [], window.cut

    def counted(image, view, rendering, corner):
        sizes.append(rendering.size)
        return cut(image, view, rendering, corner)

    monkeypatch.setattr(window, "cut", counted)
    watch(student, keys, epochs=2)
    # Three batches of training and of validation were read ahead; none after that.
    assert sizes.count(teacher.preprocessing.size) == 2 * 3 * 4
    assert sizes.count(student.preprocessing.size) == 2 * (64 + 20)
