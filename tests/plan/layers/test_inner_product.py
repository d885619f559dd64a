"""Rules of InnerProduct: shapes, weights, refusals."""

import pytest
from one_layer import shapes, weights

from deelish.errors import PlanError


@pytest.mark.parametrize(
    ("args", "made", "weight"),
    [
        ({}, (3, 11), (11, 60)),
        ({"axis": 2}, (3, 4, 11), (11, 15)),
        ({"axis": -1, "transpose": True}, (3, 4, 3, 11), (5, 11)),
    ],
)
def test_inner_product(args, made, weight):
    assert shapes("InnerProduct", (3, 4, 3, 5), num_output=11, **args) == [made]
    assert weights("InnerProduct", (3, 4, 3, 5), num_output=11, **args)["weight"][0] == weight


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(PlanError, match=r"axis is 2; .* from -2 to 1"):
        shapes("InnerProduct", (3, 4), num_output=2, axis=2)
