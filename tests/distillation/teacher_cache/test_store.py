"""Cached logits come back: all, the highest and the mass of the rest, in half precision."""

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    CLASSES,
    IDENTITY,
    check_right,
    keys_of,
    logits_of,
    opened,
)

from deelish.distillation.teacher_cache.store import open_store
from deelish.errors import DataError
from deelish.storage.index import Index


def random_logits(count, classes, seed=0):
    return np.random.default_rng(seed).normal(0, 4, (count, classes)).astype(np.float32)


def softmax(logits, temperature=1.0):
    powers = np.exp(logits.astype(np.float64) / temperature)
    return powers / powers.sum(1, keepdims=True)


def log_sum_exp(logits):
    return np.log(np.exp(logits.astype(np.float64)).sum(1))


def test_logits_come_back_in_any_order_and_after_opening_again(tmp_path):
    keys = keys_of(0, 300)
    store = opened(tmp_path)
    for start in range(0, 300, 50):
        store.put(keys[start : start + 50], logits_of(keys[start : start + 50]))
    mixed = keys[np.random.default_rng(1).permutation(300)]
    check_right(store, mixed)
    store.close()
    check_right(store, mixed)
    check_right(opened(tmp_path), mixed)
    assert len(opened(tmp_path)) == 300


def test_unknown_keys_are_not_found(tmp_path):
    known, unknown = keys_of(0, 20), keys_of(1, 20)
    store = opened(tmp_path)
    found, logits = store.get(unknown)
    assert not found.any()
    assert not list(tmp_path.iterdir()), "looking made a file"
    store.put(known, logits_of(known))
    found, logits = store.get(np.concatenate([unknown[:5], known, unknown[5:]]))
    assert found.tolist() == [False] * 5 + [True] * 20 + [False] * 15
    assert np.isnan(logits[~found]).all()
    np.testing.assert_array_equal(logits[found], logits_of(known))


def test_no_keys_are_no_trouble(tmp_path):
    store = opened(tmp_path)
    nothing = np.empty((0, 16), np.uint8)
    store.put(nothing, np.empty((0, CLASSES), np.float32))
    found, logits = store.get(nothing)
    assert (found.shape, logits.shape, logits.dtype) == ((0,), (0, CLASSES), np.float32)


def test_all_logits_are_rounded_to_half_precision_and_no_further(tmp_path):
    keys, logits = keys_of(0, 64), random_logits(64, 10)
    store = open_store(IDENTITY, 10, folder=tmp_path)
    store.put(keys, logits)
    _, cached = store.get(keys)
    np.testing.assert_array_equal(cached, logits.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(cached, store.rounded(logits))
    np.testing.assert_array_equal(cached, store.rounded(cached))


@pytest.mark.parametrize(("classes", "top"), [(10, 3), (1000, 10), (70_000, 5)])
def test_the_highest_and_the_mass_of_the_rest(classes, top, tmp_path):
    keys, logits = keys_of(0, 16), random_logits(16, classes)
    store = open_store(IDENTITY, classes, top, tmp_path)
    store.put(keys, logits)
    found, cached = store.get(keys)
    assert found.all()
    assert cached.dtype == np.float32
    np.testing.assert_array_equal(cached, store.rounded(logits))
    for whole, row in zip(logits, cached, strict=True):
        best = np.argsort(-whole)[:top]
        np.testing.assert_array_equal(row[best], whole[best].astype(np.float16))
        rest = np.delete(row, best)
        # All others alike, and together what they were: half precision holds 11 bits of the sum.
        assert (rest == rest[0]).all()
        right = log_sum_exp(np.delete(whole, best)[None])[0]
        assert log_sum_exp(rest[None])[0] == pytest.approx(right, rel=2**-11, abs=1e-4)
        ours, theirs = softmax(row[None])[0], softmax(whole[None])[0]
        np.testing.assert_allclose(ours[best], theirs[best], rtol=0.02)
        assert np.delete(ours, best).sum() == pytest.approx(np.delete(theirs, best).sum(), rel=0.02)


def test_at_other_temperatures_the_even_share_errs_to_the_side_that_is_documented(tmp_path):
    logits = random_logits(50, 100)
    cached = open_store(IDENTITY, 100, 5, tmp_path).rounded(logits)
    rest = np.argsort(-logits, 1)[:, 5:]

    def mass(values, temperature):
        return np.take_along_axis(softmax(values, temperature), rest, 1).sum(1)

    assert (mass(cached, 4) > mass(logits, 4)).all()
    assert (mass(cached, 0.5) < mass(logits, 0.5)).all()


def test_top_that_leaves_nothing_out_caches_all(tmp_path):
    assert (
        open_store(IDENTITY, 10, 10, tmp_path).path == open_store(IDENTITY, 10, None, tmp_path).path
    )


def test_the_file_follows_from_identity_classes_and_form(tmp_path):
    other = {**IDENTITY, "base": 128}
    stores = [
        open_store(identity, classes, top, tmp_path)
        for identity in (IDENTITY, other)
        for classes in (10, 11)
        for top in (None, 2, 3)
    ]
    assert len({store.path for store in stores}) == len(stores)
    turned = dict(reversed(IDENTITY.items()))
    assert open_store(turned, 10, None, tmp_path).path == stores[0].path
    stores[0].put(keys_of(0, 1), random_logits(1, 10))
    assert not stores[1].get(keys_of(0, 1))[0].any()


def test_what_is_there_stays(tmp_path):
    keys = keys_of(0, 8)
    store = opened(tmp_path)
    store.put(keys, logits_of(keys))
    store.put(keys, logits_of(keys) + 1)
    assert len(store) == 8
    check_right(store, keys)


def test_of_one_image_twice_in_a_batch_the_first_counts(tmp_path):
    keys = keys_of(0, 4)[[0, 1, 0, 2, 3, 1]]
    logits = logits_of(keys)
    logits[2] += 1
    store = opened(tmp_path)
    store.put(keys, logits)
    assert len(store) == 4
    check_right(store, keys)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 65520.0, -1e6])
@pytest.mark.parametrize("top", [None, 2])
def test_what_half_precision_cannot_hold_is_not_cached(value, top, tmp_path, capsys):
    keys, logits = keys_of(0, 6), random_logits(6, 10)
    logits[3, 4] = value
    store = open_store(IDENTITY, 10, top, tmp_path)
    held = np.arange(6) != 3
    if (top, value) == (2, -1e6):
        held[3] = True  # it has no weight in the mass of the rest
    for _ in range(2):
        store.put(keys, logits)
        found, cached = store.get(keys)
        assert found.tolist() == held.tolist()
        np.testing.assert_array_equal(store.rounded(logits)[~held], logits[~held])
        np.testing.assert_array_equal(store.rounded(logits)[held], cached[held])
    printed = capsys.readouterr().out
    assert printed.count("beyond what half precision holds (65504), are not cached") == (
        not held.all()
    )


def test_the_largest_number_of_half_precision_is_cached(tmp_path):
    logits = np.full((1, 10), -65504.0, np.float32)
    store = open_store(IDENTITY, 10, folder=tmp_path)
    store.put(keys_of(0, 1), logits)
    np.testing.assert_array_equal(store.get(keys_of(0, 1))[1], logits)


def test_keys_that_differ_in_one_half_only_are_told_apart(tmp_path):
    keys = np.zeros((512, 16), np.uint8)
    keys[:256, 0] = np.arange(256)
    keys[256:, 15] = np.arange(256)
    keys = np.unique(keys, axis=0)
    store = opened(tmp_path)
    store.put(keys, logits_of(keys))
    check_right(store, keys)


def test_many_keys_one_by_one_and_at_once():
    keys = keys_of(0, 20_000)
    index = Index()
    index.add(keys[:6000])
    for start in range(6000, 20_000, 7):
        index.add(keys[start : start + 7])
    assert index.find(keys).tolist() == list(range(20_000))
    assert (index.find(keys_of(1, 100)) == -1).all()
    index.add(keys[5:6])
    assert index.find(keys[4:7]).tolist() == [4, 20_000, 6]


def test_wrong_shapes_are_refused(tmp_path):
    store = opened(tmp_path)
    with pytest.raises(DataError, match=r"keys are uint8 \(3, 8\); give uint8 \(n, 16\)"):
        store.get(np.zeros((3, 8), np.uint8))
    with pytest.raises(
        DataError, match=r"of Teacher: logits are \(3, 7\), where \(3, 100\) are needed"
    ):
        store.put(keys_of(0, 3), np.zeros((3, 7), np.float32))
    with pytest.raises(DataError, match="top is 0; give a whole number above 0"):
        open_store(IDENTITY, 10, 0, tmp_path)
    with pytest.raises(DataError, match="cannot be written as JSON; give plain values"):
        open_store({"teacher": object()}, 10, None, tmp_path)
