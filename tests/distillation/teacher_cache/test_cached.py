"""A teacher's logits for batches: computed once, then from the cache, equal to the bit."""

import gc
import weakref

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import keys_of

from deelish import Deel
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.engines import current_context
from deelish.errors import DataError
from deelish.network.inputs import ImageTensor
from deelish.network.outputs import cached_logits
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.plan.preprocessing import Preprocessing

CLASSES = 6


class Pictures:
    """Images that are known by their keys."""

    def __init__(self, keys):
        self.keys = keys

    def __len__(self):
        return len(self.keys)

    def subset(self, rows):
        return Pictures(self.keys[rows])


class Teacher:
    """It notes the size of each batch that it computes; its logits follow from the keys."""

    name, classes, preprocessing, members = "Teacher", CLASSES, Preprocessing(8), ()
    undescribed, has_classes, output_shape = None, True, (CLASSES,)

    def __init__(self, fingerprint="1"):
        self.print = fingerprint
        self.batches = []

    def fingerprint(self):
        return self.print

    known_fingerprint = fingerprint

    def notice_changes(self):
        pass

    @property
    def engine(self):
        return current_context().engine

    def compute(self, images):
        self.batches.append(len(images))
        return np.sin(images.pictures.keys[:, :CLASSES].astype(np.float32) + int(self.print or 0))

    def logits(self, images):
        return self.engine.array(self.compute(images))

    def __call__(self, keys, cache=None):
        return logits_of(self, images_of(keys, cache))


def images_of(keys, cache=None, crop=None, labels=None):
    """Images with these keys, whose logits are cached as those of a session are."""
    viewing = Viewing(crop=crop, cache=cache or TeacherCache())
    return ImageTensor(Pictures(keys), current_context().engine, labels, viewing)


def labels_of(numbers, items=()):
    return LabelTensor(np.asarray(numbers), current_context().engine, items)


def logits_of(teacher, images):
    """As batch_feature gets them."""
    return teacher.engine.numpy(cached_logits(teacher, images))


@pytest.fixture(autouse=True)
def folder(folder):
    with Deel():
        yield folder


def test_the_second_time_nothing_is_computed_and_the_bits_are_the_same():
    teacher, keys = Teacher(), keys_of(0, 20)
    first = teacher(keys)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, np.float16(np.sin(np.float32(keys[:, :CLASSES]) + 1)))
    second = teacher(keys[::-1])
    np.testing.assert_array_equal(second, first[::-1])
    assert teacher.batches == [20]


def test_another_session_finds_them_too():
    keys = keys_of(0, 20)
    first = Teacher()(keys)
    with Deel():
        teacher = Teacher()
        np.testing.assert_array_equal(teacher(keys), first)
        assert teacher.batches == []


def test_logits_for_pixels_of_another_version_are_not_used(monkeypatch):
    teacher, keys = Teacher(), keys_of(0, 20)
    with monkeypatch.context() as patch:
        patch.setattr("deelish.distillation.teacher_cache.cached.PIXELS", (1, 1))
        teacher(keys)
    teacher(keys)
    teacher(keys)
    assert teacher.batches == [20, 20]


def test_logits_for_pixels_of_another_decoder_are_not_used(monkeypatch):
    """The one that caches were written with before has no name in the key."""
    teacher, keys = Teacher(), keys_of(0, 20)
    for version in ("1.9.0", "1.77.0", "1.9.0", "1.77.0"):
        monkeypatch.setattr("simplejpeg.__version__", version)
        teacher(keys)
    assert teacher.batches == [20, 20]


def test_only_missing_logits_are_computed():
    teacher, keys = Teacher(), keys_of(0, 20)
    teacher(keys[5:9])
    logits = teacher(keys)
    assert teacher.batches == [4, 16]
    np.testing.assert_array_equal(logits, teacher(keys))


def test_the_images_that_are_computed_keep_their_labels():
    seen = []

    class Noting(Teacher):
        def compute(self, images):
            seen.append((images.labels.value.tolist(), images.labels.samples))
            return super().compute(images)

    teacher, keys = Noting(), keys_of(0, 6)
    for rows in ([0, 1, 2], [2, 4, 0, 5]):
        labels = labels_of(rows, [f"item {row}" for row in rows])
        logits_of(teacher, images_of(keys[rows], labels=labels))
    assert seen[1] == ([4, 5], ["item 4", "item 5"])


def test_fresh_views_and_teachers_without_a_fingerprint_are_computed_as_they_are(folder):
    unprinted, keys = Teacher(None), keys_of(0, 5)
    for _ in range(2):
        exact = unprinted(keys)
    np.testing.assert_array_equal(exact, np.sin(np.float32(keys[:, :CLASSES])))
    assert unprinted.batches == [5, 5]
    fresh = Teacher()
    images = images_of(keys)
    images.pictures.keys = None
    assert TeacherCache().store_of(fresh, images) is None
    assert not folder.exists()


def test_another_teacher_another_view_and_another_form_have_stores_of_their_own(folder):
    keys = keys_of(0, 4)
    teachers = [Teacher("1"), Teacher("2")]
    for teacher in teachers:
        for crop, top in ((1.0, None), (0.5, None), (1.0, 2)):
            cache = TeacherCache(top)
            for _ in range(2):
                logits_of(teacher, images_of(keys, cache, crop, labels_of(np.zeros(4, np.int64))))
        assert teacher.batches == [4, 4, 4]
    files = logits_files(folder)
    assert len(files) == 6
    assert sorted(str(file.header.form) for file in files) == [
        *["all logits"] * 4,
        *["top 2 and the rest"] * 2,
    ]


def test_a_teacher_that_changes_in_a_session_is_computed_again():
    cache, teacher, keys = TeacherCache(), Teacher("1"), keys_of(0, 4)
    before = teacher(keys, cache)
    teacher.print = "2"
    np.testing.assert_allclose(teacher(keys, cache), Teacher("2").compute(images_of(keys)), 1e-2)
    assert not np.array_equal(teacher(keys, cache), before)
    # So is another view of the same images.
    logits_of(teacher, images_of(keys, cache, 0.5))
    assert teacher.batches == [4, 4, 4]


def test_logits_beyond_half_precision_are_computed_each_time(capsys):
    keys = keys_of(0, 3)

    class Loud(Teacher):
        def compute(self, images):
            logits = super().compute(images)
            logits[(images.pictures.keys == keys[1]).all(1)] = 1e5
            return logits

    teacher, cache = Loud(), TeacherCache()
    for _ in range(2):
        logits = teacher(keys, cache)
        assert (logits[1] == 1e5).all()
    assert teacher.batches == [3, 1]
    assert capsys.readouterr().out.count("are not cached") == 1


def test_without_a_folder_for_the_cache_the_logits_are_the_same(monkeypatch, tmp_path, capsys):
    keys = keys_of(0, 20)
    right = Teacher()(keys)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "file"))
    teacher = Teacher()
    for _ in range(3):
        np.testing.assert_array_equal(teacher(keys), right)
    assert teacher.batches == [20, 20, 20]
    assert "logits of Teacher cannot be cached" in capsys.readouterr().out


def test_logits_that_another_process_cached_meanwhile_are_used():
    keys = keys_of(0, 3)

    class Slow(Teacher):
        def compute(self, images):
            with Deel():
                other = Teacher()
                logits_of(other, images_of(keys))
            return super().compute(images) + 1

    teacher = Slow()
    logits = teacher(keys)
    assert teacher.batches == [3]
    np.testing.assert_array_equal(logits, Teacher()(keys))


def test_logits_of_another_shape_are_refused():
    class Wrong(Teacher):
        def compute(self, images):
            return super().compute(images)[:, :4]

    with pytest.raises(DataError, match=r"of Teacher: logits are \(3, 4\), where \(3, 6\)"):
        Wrong()(keys_of(0, 3))


def test_a_store_is_opened_once_a_session_and_closed_with_it():
    keys = keys_of(0, 5)
    with Deel() as session:
        cache = session.teacher_cache = TeacherCache()
        teacher = Teacher()
        teacher(keys, cache)
        images = images_of(keys, cache)
        store = cache.store_of(teacher, images)
        assert cache.store_of(Teacher(), images) is store
        assert len(store) == 5
        gone = weakref.ref(session)
    del session, images, cache
    gc.collect()
    assert gone() is None
    assert len(store) == 0, "it was not closed"
