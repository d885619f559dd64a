"""Rules of Pooling and SPP: shapes and refusals."""

import pytest
from one_layer import shapes

from deelish.errors import PlanError
from deelish.plan import Layer, Plan


@pytest.mark.parametrize(
    ("sides", "args", "made"),
    [
        # Caffe's own nets pool_max, pool_ave, quirk_pool_empty_window and extra_layers.
        ((12, 14), {"kernel_size": 3, "stride": 2}, (6, 7)),
        ((13, 15), {"kernel_size": 3, "stride": 2, "pad": 1}, (7, 8)),
        ((12, 14), {"kernel_size": (2, 3), "stride": (3, 2), "pad": (1, 0)}, (5, 7)),
        ((12, 14), {"kernel_size": 5, "stride": 3, "pad": 2, "round_mode": "FLOOR"}, (4, 5)),
        # Without a pad no window is dropped, and the last may be wholly outside.
        ((12, 14), {"kernel_size": 2, "stride": 3}, (5, 5)),
        ((12, 14), {"kernel_size": 1, "stride": 3}, (5, 6)),
        # One padded axis is enough for windows of the other to be dropped.
        ((12, 14), {"kernel_size": 2, "stride": 3, "pad": (1, 0)}, (5, 5)),
        ((12, 12), {"kernel_size": 2, "stride": 3, "pad": (0, 1)}, (4, 5)),
        # A window larger than the image by less than a stride is cut.
        ((4, 4), {"kernel_size": 5, "stride": 2}, (1, 1)),
        ((12, 14), {"global_pooling": True}, (1, 1)),
    ],
)
def test_pooling(sides, args, made):
    assert shapes("Pooling", (2, 3, *sides), **args) == [(2, 3, *made)]


def test_a_mask_is_as_large_as_the_maxima():
    made = shapes("Pooling", (2, 2, 7, 8), tops=2, kernel_size=3, stride=2)
    assert made == [(2, 2, 3, 4)] * 2


def test_spp_joins_its_levels_and_leaves_a_single_one_as_it_is():
    assert shapes("SPP", (2, 3, 9, 8), pyramid_height=3) == [(2, 3 * (1 + 4 + 16))]
    assert shapes("SPP", (2, 3, 9, 8), pyramid_height=1) == [(2, 3, 1, 1)]


IMAGE = (1, 2, 8, 8)


@pytest.mark.parametrize(
    ("type", "shape", "tops", "args", "words"),
    [
        ("Pooling", IMAGE, 1, {}, r"has no kernel_size; give one, or global_pooling=True"),
        ("Pooling", IMAGE, 1, {"kernel_size": 2, "pad": 2}, r"pad 2 is not smaller than .* 2"),
        ("Pooling", IMAGE, 1, {"kernel_size": 10}, r"its kernel of 10 does not fit a side of 8"),
        (
            "Pooling",
            IMAGE,
            1,
            {"kernel_size": 2, "global_pooling": True},
            r"has both kernel_size and global_pooling; keep one",
        ),
        (
            "Pooling",
            IMAGE,
            1,
            {"stride": 2, "global_pooling": True},
            r"has global_pooling with a pad or a stride; leave them out",
        ),
        (
            "Pooling",
            IMAGE,
            2,
            {"kernel_size": 2, "pool": "AVE"},
            r"makes 2 .*; only MAX has a mask",
        ),
        ("Pooling", (1, 2, 8), 1, {"kernel_size": 2}, r"reads \(1, 2, 8\); it needs \(batch, chan"),
        ("SPP", IMAGE, 1, {"pyramid_height": 0}, r"pyramid_height is 0; give a whole number"),
        # 8 bins on a side of 5: windows of 1 padded by 2.
        ("SPP", (1, 2, 5, 5), 1, {"pyramid_height": 4}, r"pad 2 is not smaller than kernel_size"),
    ],
)
def test_what_caffe_refuses(type, shape, tops, args, words):
    with pytest.raises(PlanError, match=words):
        shapes(type, shape, tops=tops, **args)


@pytest.mark.parametrize(
    ("type", "args", "words"),
    [
        (
            "Pooling",
            {"kernel_size": 2, "pool": "STOCHASTIC"},
            r"layer 'it' \(Pooling\): pool is 'STOCHASTIC'; it is MAX or AVE",
        ),
        ("SPP", {}, r"layer 'it' \(SPP\): has no pyramid_height; give it in the row"),
    ],
)
def test_words_and_missing_arguments(type, args, words):
    with pytest.raises(PlanError, match=words):
        Plan([Layer("it", type, "data", **args)], {"data": IMAGE})
