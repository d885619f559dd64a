"""mixup and CutMix on the shared batch, against their formulas at two sizes."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from deelish.errors import DataError
from deelish.images.decoding.decode import decode
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views.mixing import Mixture
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

RENDERINGS = [Rendering(24, 32), Rendering(48, 64)]
KINDS = ["mixup", "cutmix"]


def loader_of(source, mix, views=None, **options):
    facts = {"batch_size": 4, "seed": 5, "read_options": ReadOptions(views=views, mix=mix)}
    return Loader(read_samples(source), **facts | options)


def entries_of(loader, epoch):
    """Label of the image itself -> its entry."""
    batches = loader.batches(epoch, True)
    return {r.image.sample.label: r for batch in batches for r in batch.entries}


def both(entry, rendering):
    """The views of an image and of its partner, unmixed."""
    views = (entry.image, entry.mixed[1])
    return [render(np.asarray(decode(image.sample.path)), image.view, rendering) for image in views]


@pytest.mark.parametrize("views", [None, 2, "centre"])
def test_mixup_is_the_weighted_mean_of_two_views(noise, views):
    for batch in loader_of(noise, "mixup", views).batches(1, True):
        for rendering in RENDERINGS:
            for entry, pixels in zip(batch.entries, batch.pixels(rendering), strict=True):
                image, partner = both(entry, rendering)
                ratio = entry.mixed[0].ratio
                exact = ratio * image.astype(float) + (1 - ratio) * partner
                assert np.abs(pixels - exact).max() < 0.5001


@pytest.mark.parametrize("views", [None, 2, "centre"])
def test_cutmix_pastes_the_same_box_at_every_size(noise, views):
    for batch in loader_of(noise, "cutmix", views).batches(1, True):
        for rendering in RENDERINGS:
            for entry, pixels in zip(batch.entries, batch.pixels(rendering), strict=True):
                image, partner = both(entry, rendering)
                mixture = entry.mixed[0]
                side = (1 - mixture.ratio) ** 0.5
                low = np.rint(np.array([mixture.left, mixture.top]) * rendering.size)
                high = np.rint(np.array([mixture.left + side, mixture.top + side]) * rendering.size)
                column, row = np.arange(rendering.size), np.arange(rendering.size)[:, None]
                inside = (column >= low[0]) & (column < high[0]) & (row >= low[1]) & (row < high[1])
                np.testing.assert_array_equal(pixels, np.where(inside[..., None], partner, image))


def test_a_box_has_the_partners_part_of_the_area_and_is_inside():
    draw = np.random.default_rng(0)
    areas, expected = [], []
    for _ in range(500):
        mixture = Mixture.draw("cutmix", *draw.random(3).tolist())
        left, top, right, bottom = mixture.box(1000)
        assert 0 <= left <= right <= 1000
        assert 0 <= top <= bottom <= 1000
        areas.append((right - left) * (bottom - top) / 1e6)
        expected.append(1 - mixture.ratio)
    np.testing.assert_allclose(areas, expected, atol=0.002)


@pytest.mark.parametrize("kind", KINDS)
def test_ratios_and_partners_are_drawn_evenly(noise, kind):
    loader = loader_of(noise, kind)
    entries = [r for epoch in range(80) for r in entries_of(loader, epoch).values()]
    ratios = np.array([entry.mixed[0].ratio for entry in entries])
    np.testing.assert_allclose(np.quantile(ratios, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.08)
    pairs = [(r.image.sample.label, r.mixed[1].sample.label) for r in entries]
    assert all(first != second for first, second in pairs)
    assert len(set(pairs)) == 9 * 8


@pytest.mark.parametrize("kind", KINDS)
def test_labels_become_probabilities_and_the_larger_one_is_the_label(noise, kind):
    for batch in loader_of(noise, kind).batches(1, True):
        probabilities = batch.label_probabilities(11)
        assert probabilities.dtype == np.float32
        expected = np.zeros((len(batch), 11))
        for row, entry in enumerate(batch.entries):
            mixture, partner = entry.mixed
            expected[row, entry.image.sample.label] = mixture.ratio
            expected[row, partner.sample.label] = 1 - mixture.ratio
        np.testing.assert_allclose(probabilities, expected, atol=1e-7)
        np.testing.assert_array_equal(batch.labels, expected.argmax(1))


def test_two_images_of_one_class_have_probability_one(noise):
    Path(noise).write_text("0.png 3\n1.png 3\n")
    batch = next(loader_of(noise, "mixup").batches(1, True))
    np.testing.assert_allclose(batch.label_probabilities(4), [[0, 0, 0, 1]] * 2, atol=1e-7)


def test_fresh_mixtures_depend_on_seed_epoch_and_index(noise):
    first = entries_of(loader_of(noise, "mixup"), 1)
    assert entries_of(loader_of(noise, "mixup", batch_size=9, workers=7), 1) == first
    for loader, epoch in ((loader_of(noise, "mixup"), 2), (loader_of(noise, "mixup", seed=6), 1)):
        other = entries_of(loader, epoch)
        assert all(other[i].mixed[0].ratio != first[i].mixed[0].ratio for i in range(9))


def test_mixing_changes_no_view(noise):
    plain = entries_of(loader_of(noise, None), 3)
    mixed = entries_of(loader_of(noise, "mixup"), 3)
    assert all(plain[i].image == mixed[i].image == mixed[j].mixed[1] for i, j in pairs_of(mixed))


def pairs_of(entries):
    """(label of a partner, label of the image that it is mixed into)."""
    return [(entry.mixed[1].sample.label, label) for label, entry in entries.items()]


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_mixtures_come_back_with_their_views_whatever_the_seed(noise, kind):
    def shown(seed, epoch):
        batches = loader_of(noise, kind, 2, seed=seed, batch_size=seed).batches(epoch, True)
        rows = [zip(b.entries, b.keys, b.pixels(Rendering(24, 32)), strict=True) for b in batches]
        return {r.image.sample.label: (k.tobytes(), p.tobytes()) for row in rows for r, k, p in row}

    first, second = shown(5, 1), shown(5, 2)
    assert shown(5, 3) == shown(6, 1) == first
    assert shown(6, 4) == second
    assert all(first[i][0] != second[i][0] for i in range(9))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_names_the_mixture_and_the_partner(noise, kind):
    def image(one):
        content = hashlib.blake2b(one.sample.path.read_bytes(), digest_size=16).digest()
        return content + struct.pack("<dd?B", one.view.left, one.view.top, one.view.mirror, 1)

    batch = next(loader_of(noise, kind, 2).batches(1, True))
    for entry, key in zip(batch.entries, batch.keys, strict=True):
        mixture, partner = entry.mixed
        text = image(entry.image) + kind.encode()
        text += struct.pack("<ddd", mixture.ratio, mixture.left, mixture.top) + image(partner)
        assert key.tobytes() == hashlib.blake2b(text, digest_size=16).digest()


def test_validation_is_never_mixed(noise):
    for batch in loader_of(noise, "mixup").batches(1, False):
        assert batch.label_probabilities(9) is None
        assert all(entry.mixed is None for entry in batch.entries)


@pytest.mark.parametrize("views", [None, 3])
def test_an_image_whose_partner_is_bad_stays_unmixed_and_the_partner_is_listed(noise, views):
    whole = entries_of(loader_of(noise, "mixup", views), 1)
    # A bad image that is a partner of others in this epoch.
    bad = next(i for i in range(9) if any(i == j for j, _ in pairs_of(whole)))
    Path(f"{bad}.png").write_bytes(b"<html>")
    loader = loader_of(noise, "mixup", views, on_bad_image="skip")
    rest = entries_of(loader, 1)
    assert sorted(rest) == [i for i in range(9) if i != bad]
    for label, entry in rest.items():
        assert entry.image == whole[label].image
        lost = whole[label].mixed[1].sample.label == bad
        assert entry.mixed == (None if lost else whole[label].mixed)
    assert [sample.line for sample, _ in loader.skipped] == [bad + 1]
    probabilities = [
        s for b in loader.batches(1, True) if (s := b.label_probabilities(9)) is not None
    ]
    assert probabilities
    np.testing.assert_allclose(np.concatenate(probabilities).sum(1), 1, atol=1e-6)


def test_a_bad_partner_stops_with_its_own_line(noise):
    for name in ("0.png", "1.png"):
        Path(name).write_bytes(b"<html>")
    Path(noise).write_text("5.png 0\n0.png 0\n")
    loader = loader_of(noise, "mixup", batch_size=1, workers=1)
    with pytest.raises(DataError, match=r"^train.txt line 2: 0.png: this is no JPEG"):
        list(loader.batches(1, True))


def test_one_image_cannot_be_mixed(noise):
    Path(noise).write_text("5.png 0\n")
    with pytest.raises(DataError, match=r"^train.txt: there is one image, and mix='cutmix' needs"):
        loader_of(noise, "cutmix")
