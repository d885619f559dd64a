"""Rules of LRN: refusals."""

import pytest
from one_layer import shapes

from deelish.errors import PlanError
from deelish.plan import Layer, Plan


@pytest.mark.parametrize(
    ("shape", "args", "words"),
    [
        ((2, 3, 12, 14), {"local_size": 4}, r"local_size is 4; give an odd number"),
        ((1, 8), {}, r"reads \(1, 8\); it needs \(batch, channels"),
    ],
)
def test_what_caffe_refuses(shape, args, words):
    with pytest.raises(PlanError, match=words):
        shapes("LRN", shape, **args)


def test_a_region_is_one_of_two():
    with pytest.raises(PlanError, match=r"norm_region is 'ALL'; it is ACROSS_CHANNELS or WITHIN"):
        Plan([Layer("it", "LRN", "data", norm_region="ALL")], {"data": (2, 3, 12, 14)})
