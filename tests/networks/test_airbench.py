"""Airbench's network: its published size, its initial weights, and the layer that whitens."""

import numpy as np
import pytest
from helpers import once
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from deelish import *
from deelish.errors import DataError, PlanError
from deelish.networks import Airbench


@pytest.fixture
def photographs(tmp_path):
    """Images whose neighbouring pixels are alike, as those of photographs; an ordered list."""
    rng, lines = np.random.default_rng(0), []
    for number in range(40):
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(small).resize((32, 32), Image.Resampling.BICUBIC).save(path)
        lines.append(f"{path} {number // 4}\n")
    (tmp_path / "train.txt").write_text("".join(lines))
    return tmp_path / "train.txt"


def patches(net, paths):
    """Every 2 x 2 patch of what the network is given, (n, 12)."""
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    values = (pixels.transpose(0, 3, 1, 2).astype(np.float64) - 128) / 64
    return sliding_window_view(values, (2, 2), (2, 3)).transpose(0, 2, 3, 1, 4, 5).reshape(-1, 12)


def images_of(path):
    return [line.split()[0] for line in path.read_text().splitlines()]


def filters(net):
    return net.engine.state(net.module)["whitening"]["weight"].reshape(24, 12)


def test_it_has_the_published_number_of_parameters():
    with Deel():
        # Jordan 2024: 1,972,792 with the 1,152 factors of its batch norms, which never learn.
        assert Airbench().parameters == 1_971_640
        assert Airbench(widths=(32, 96, 96)).parameters == 294_328


@pytest.mark.parametrize("seed", [0, 1])
def test_whitened_patches_are_uncorrelated(photographs, seed):
    with Deel(seed=seed):
        net = Airbench()
        InputBatch(photographs)
        net.whiten()
        rows = filters(net)
        np.testing.assert_array_equal(rows[12:], -rows[:12])
        seen = patches(net, images_of(photographs))
        made = seen @ rows[:12].T
        moments = made.T @ made / len(made)
        variances = np.linalg.eigvalsh(seen.T @ seen / len(seen))[::-1]
        expected = np.diag(variances / (variances + 5e-4))
        np.testing.assert_allclose(moments, expected, atol=2e-3)
        net.classify(images_of(photographs)[:2])


def test_few_images_are_drawn_from_the_whole_list(photographs):
    with Deel(seed=3):
        net = Airbench()
        InputBatch(photographs)
        net.whiten(images=10)
        some, first = filters(net), patches(net, images_of(photographs)[:10])
        net.whiten(images=10)
        np.testing.assert_array_equal(filters(net), some)
        made = first @ some[:12].T
        moments = made.T @ made / len(made)
        # Of the first ten images they would be whitened.
        assert abs(moments - np.diag(np.diag(moments))).max() > 0.02


def test_a_training_leaves_the_whitening_as_it_is(photographs):
    with Deel():
        net = Airbench(labels=10, widths=(8, 8, 8))
        InputBatch(photographs, batch_size=20, mirror="alternate", padding=2 / 32)
        net.whiten()
        before = net.engine.state(net.module)

        def workout(x, t):
            net.classify(x)
            return net.backprop(t)

        once(workout)
        after = net.engine.state(net.module)
        np.testing.assert_array_equal(after["whitening"]["weight"], before["whitening"]["weight"])
        assert (after["whitening"]["bias"] != before["whitening"]["bias"]).any()
        assert (after["conv1a"]["weight"] != before["conv1a"]["weight"]).any()


def test_biases_learn_64_times_as_fast_and_decay_as_weights_do():
    with Deel():
        plan = Airbench().plan
        rate, decay = plan.multipliers("bias2b", "bias")
        # Jordan 2024, section 3.4.
        assert (rate, rate * decay) == (64, 1)
        assert plan.multipliers("conv2b", "weight") == (1, 1)


def test_initial_filters_pass_their_channels():
    with Deel():
        weight = Airbench().engine.state(Airbench().module)["conv1b"]["weight"]
        np.testing.assert_array_equal(weight[:, :, 1, 1], np.eye(64))


def test_pixels_are_exact_in_bfloat16():
    with Deel():
        pixels = np.arange(256, dtype=np.uint8).repeat(3 * 4).reshape(1, 32, 32, 3)
        values = Airbench().preprocessing.apply(pixels)
        # bfloat16 has the upper 16 bits of float32.
        assert not (values.view(np.uint32) & 0xFFFF).any()


def test_mistakes_are_one_sentence(photographs):
    with Deel():
        with pytest.raises(DataError, match=r"whiten: there are no images; call InputBatch"):
            Airbench().whiten()
        with pytest.raises(PlanError, match=r"whiten\(images=0\): give a whole number above 0"):
            Airbench().whiten(images=0)
        for widths in ((64, 256), 64, (1, 2, 0)):
            with pytest.raises(PlanError, match="give the channels of each of the three groups"):
                Airbench(widths=widths)
