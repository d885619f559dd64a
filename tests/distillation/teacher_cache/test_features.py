"""A teacher's features for recorded views: cached in half precision, by layer, size said ahead."""

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import IDENTITY, keys_of
from helpers import once, write_set
from hinted import FACTS, convolutional, known
from models_of_others import PIXELS, Usual

from deelish import Deel, InputBatch, Layer, Network, Teacher
from deelish.distillation.teacher_cache.folder import count_damaged, logits_files
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.store import open_store
from deelish.storage.folder import cache_folder


@pytest.fixture
def session(folder):
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def images(tmp_path, session):
    """Ten training images in two views, four for validation."""
    train, val = write_set(tmp_path, "train", 10), write_set(tmp_path, "val", 4, first=10)

    def give(views=2, val=val):
        return InputBatch(train, val, batch_size=4, views=views, crop=1)

    return give


def seen(teacher, layer, student=None):
    """What an epoch sees of a layer: the pooled features of each batch, then whole ones."""
    found = []
    student = student or convolutional("Student", 3)

    def workout(x, t):
        features = teacher.feature(x, layer=layer)
        found.append((features.engine.numpy(features.pooled), features))
        student.classify(x)
        return student.backprop(t)

    once(workout)
    return found


@pytest.mark.parametrize("layer", ["conv1", "pool1", None])
def test_cached_features_are_fresh_ones_in_half_precision(images, layer):
    teacher = known(convolutional("Teacher", 6, pool=True))
    images()
    for pooled, features in seen(teacher, layer):
        name = "conv2" if layer is None else layer
        whole = teacher.feature_of(features.source, name, reduced=False)
        exact = teacher.engine.numpy(whole).mean((2, 3))
        np.testing.assert_array_equal(pooled, exact.astype(np.float16).astype(np.float32))
        if layer is not None:
            np.testing.assert_allclose(features.value, teacher.engine.numpy(whole), rtol=1e-5)


def test_the_second_time_nothing_is_computed(images, monkeypatch):
    teacher = known(convolutional("Teacher", 6))
    images(views=1)
    first = [pooled for pooled, _ in seen(teacher, "conv2")]
    images(views=1)
    asked = []
    compute = type(teacher).feature_of
    monkeypatch.setattr(
        type(teacher),
        "feature_of",
        lambda own, pictures, *a, **k: (
            asked.append(len(pictures)) or compute(own, pictures, *a, **k)
        ),
    )
    again = [pooled for pooled, _ in seen(teacher, "conv2")]
    # One image, once, which shows how wide the features are.
    assert asked == [1]
    # A later epoch has another order.
    assert {row.tobytes() for part in first for row in part} == {
        row.tobytes() for part in again for row in part
    }


def test_each_layer_and_each_teacher_has_a_file_of_its_own(images, ran):
    teacher, module = known(convolutional("Teacher", 6)), Teacher(Usual(), **PIXELS)
    images(val=None)
    for each, layer in ((teacher, "conv1"), (teacher, "conv2"), (module, None), (module, "bn")):
        seen(each, layer)
    files = logits_files(cache_folder())
    assert {(file.header.teacher, file.header.layer) for file in files} == {
        ("Teacher", "conv1"),
        ("Teacher", "conv2"),
        ("Usual", "input of score"),
        ("Usual", "bn"),
    }
    assert {file.count for file in files} == {10}
    listed = "\n".join(ran("cache", "list"))
    assert "features of 'conv1'" in listed
    assert "features of 'input of score'" in listed
    assert all("10 cached features, all sound" in line for line in ran("cache", "check"))
    assert all("10 cached features" in line for line in ran("cache", "clear", "--all"))


def test_a_line_says_how_much_room_they_take(images, lines):
    teacher = known(convolutional("Teacher", 600))
    images()
    seen(teacher, None)
    (printed,) = [line for line in lines() if line.startswith("features")]
    assert printed == (
        "features of Teacher at 'conv2': 600 numbers, 1.2 kB an image;"
        " 10 images, 2 views, and 4 for validation: 28.8 kB"
    )


def test_fresh_views_and_layers_beside_the_logits_are_not_cached(images):
    rows = [
        Layer("score", "InnerProduct", num_output=4),
        Layer("beside", "InnerProduct", bottom="data", num_output=5),
        Layer("prob", "Softmax", bottom="score"),
    ]
    teacher = known(Network(rows, **FACTS))
    images(views=None)
    seen(teacher, "score")
    images()
    assert teacher.feature_fingerprint("beside") is None
    seen(teacher, "beside")
    assert logits_files(cache_folder()) == []


def test_logits_keep_their_files_and_features_have_others(tmp_path):
    identity = {"teacher": "T", "fingerprint": "f", "base": 8, "pixels": [1, 2]}
    logits = open_store(identity, 6, folder=tmp_path)
    features = open_store({**identity, "layer": "conv"}, 6, folder=tmp_path)
    assert logits.path != features.path
    front = logits.header.to_bytes()
    assert b"layer" not in front
    again = CacheHeader.from_bytes(features.header.to_bytes(), features.path)
    assert (again, again.noun) == (features.header, "features")
    assert CacheHeader.from_bytes(front, logits.path).noun == "logits"


def test_what_half_precision_does_not_hold_is_computed_each_time(tmp_path, lines):
    store = open_store({**IDENTITY, "layer": "conv"}, 3, folder=tmp_path)
    keys = keys_of(0, 2)
    store.put(keys, np.array([[1, 2, 3], [1, 70000, 3]], np.float32))
    found, _ = store.get(keys)
    assert found.tolist() == [True, False]
    (printed,) = lines()
    assert printed.startswith("Teacher: features that are not finite, or beyond")


def test_damaged_features_are_found_and_computed_again(images):
    teacher = known(convolutional("Teacher", 6))
    images(views=1, val=None)
    first = {row.tobytes() for part, _ in seen(teacher, "conv2") for row in part}
    (file,) = logits_files(cache_folder())
    data = bytearray(file.path.read_bytes())
    data[-1] ^= 1
    file.path.write_bytes(data)
    assert count_damaged(file) == 1
    images(views=1, val=None)
    assert {row.tobytes() for part, _ in seen(teacher, "conv2") for row in part} == first
