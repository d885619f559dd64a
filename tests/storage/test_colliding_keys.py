"""Keys that the caches look up by the same 64 bits: neither gives what belongs to the other."""

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    CLASSES,
    check_right,
    keys_of,
    logits_of,
    opened,
)

from deelish import Deel
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.images.cache.pixel_files import PixelFiles
from deelish.images.cache.stored_image import WaitingImage
from deelish.network.inputs import ImageTensor
from deelish.network.outputs import cached_logits
from deelish.network.viewing import Viewing
from deelish.storage.index import RECENT

# How many other records come with the first key: they are in the dictionary of the index, or
# are so many that all are sorted into its arrays.
FEW, MANY = 3, RECENT + 1


@pytest.fixture(params=[FEW, MANY], ids=["dictionary", "arrays"])
def others(request):
    return keys_of(7, request.param)


def check_none_of_the_other(store, keys):
    """What is found is that key's own."""
    found, logits = store.get(keys)
    np.testing.assert_array_equal(logits[found], logits_of(keys)[found])
    assert np.isnan(logits[~found]).all()


def test_the_teacher_cache_does_not_find_the_other(pair, others, tmp_path):
    keys = np.concatenate([pair[:1], others])
    opened(tmp_path).put(keys, logits_of(keys))
    # In the process that wrote it, and in one that opens it.
    store = opened(tmp_path)
    check_right(store, keys)
    assert store.get(pair)[0].tolist() == [True, False]
    check_none_of_the_other(store, pair)
    store.put(pair[1:], logits_of(pair[1:]))
    check_right(store, pair[1:])
    check_right(store, others)
    for same in (store, opened(tmp_path)):
        check_none_of_the_other(same, pair)


class Pictures:
    def __init__(self, keys):
        self.keys = keys

    def subset(self, rows):
        return Pictures(self.keys[rows])


class Teacher:
    output_shape = (CLASSES,)

    def __init__(self, engine):
        self.engine = engine

    def known_fingerprint(self):
        return "1"

    def logits(self, images):
        return self.engine.array(logits_of(images.pictures.keys))


def test_a_batch_with_both_gets_the_logits_of_each(pair, others, tmp_path):
    store = opened(tmp_path)
    keys = np.concatenate([pair[:1], others])
    store.put(keys, logits_of(keys))
    with Deel() as session:
        engine, cache = session.engine, TeacherCache()
        cache.store_of = lambda predictor, images: store
        for keys in (pair, pair[::-1], pair[:1], pair[1:]):
            images = ImageTensor(Pictures(keys), engine, viewing=Viewing(cache=cache))
            logits = engine.numpy(cached_logits(Teacher(engine), images))
            np.testing.assert_array_equal(logits, logits_of(keys))


def images_of(keys):
    """An image of one pixel for each key, whose colour follows from the key."""
    return [WaitingImage(key.tobytes(), bytes(16), key[-3:].tobytes(), 1, 1) for key in keys]


def check_stored(image, key):
    assert image.sound()
    assert image.read() == key[-3:].tobytes()


def test_the_decoded_image_cache_does_not_find_the_other(pair, others, tmp_path):
    first, second = pair
    keys = np.concatenate([pair[:1], others])
    # Room for whatever comes.
    PixelFiles(tmp_path, print).append(images_of(keys), lambda there: 1 << 30)
    files = PixelFiles(tmp_path, print)
    for key in keys:
        check_stored(*files.find([key.tobytes()]), key)
    assert files.find([second.tobytes()]) == [None]
    check_stored(*files.append(images_of([second]), lambda there: 1 << 30), second)
    for same in (files, PixelFiles(tmp_path, print)):
        older, newer = same.find([first.tobytes(), second.tobytes()])
        check_stored(newer, second)
        if older is not None:
            check_stored(older, first)
