"""Rules of LSTM and RNN: shapes, weights in Caffe's order, refusals."""

import pytest
from one_layer import shapes, weights

from deelish.errors import PlanError
from deelish.plan.kind import REQUIRED
from deelish.plan.layers import KINDS

X, CONT, STATIC, STATE = (5, 3, 4), (5, 3), (3, 2, 7), (1, 3, 6)


@pytest.mark.parametrize("type", ["LSTM", "RNN"])
def test_shapes(type):
    states = [STATE] * (2 if type == "LSTM" else 1)
    assert KINDS[type].args["num_output"] is REQUIRED
    assert shapes(type, X, CONT, num_output=6) == [(5, 3, 6)]
    assert shapes(type, X, CONT, STATIC, num_output=6) == [(5, 3, 6)]
    for static in ([], [STATIC]):
        made = shapes(
            type,
            X,
            CONT,
            *static,
            *states,
            tops=1 + len(states),
            num_output=6,
            expose_hidden=True,
        )
        assert made == [(5, 3, 6), *states]


@pytest.mark.parametrize(
    ("type", "bottoms", "args", "wanted"),
    [
        # Caffe's own nets lstm and rnn.
        ("LSTM", [X, CONT], {"num_output": 6}, [(24, 4), (24,), (24, 6)]),
        ("LSTM", [X, CONT, (3, 3)], {"num_output": 4}, [(16, 4), (16,), (16, 3), (16, 4)]),
        ("RNN", [X, CONT], {"num_output": 6}, [(6, 4), (6,), (6, 6), (6, 6), (6,)]),
        (
            "RNN",
            [(5, 3, 2, 3), CONT, STATIC],
            {"num_output": 4},
            [(4, 6), (4,), (4, 14), (4, 4), (4, 4), (4,)],
        ),
        (
            "LSTM",
            [X, CONT, STATE, STATE],
            {"num_output": 6, "expose_hidden": True},
            [(24, 4), (24,), (24, 6)],
        ),
    ],
)
def test_weights_are_in_caffes_order(type, bottoms, args, wanted):
    assert [shape for shape, _, _ in weights(type, *bottoms, **args).values()] == wanted


@pytest.mark.parametrize(
    ("type", "bottoms", "args", "words"),
    [
        ("LSTM", [X], {}, r"reads 1 blobs and makes 1; with expose_hidden False it reads 2 or 3"),
        ("LSTM", [X, CONT, STATE], {"expose_hidden": True}, r"it reads 4 or 5 and makes 3"),
        ("RNN", [X, CONT, STATE], {"expose_hidden": True}, r"it reads 3 or 4 and makes 2"),
        (
            "LSTM",
            [(5, 3), CONT],
            {},
            r"reads \(5, 3\) and cont \(5, 3\); give \(time, batch, ...\)",
        ),
        ("LSTM", [X, (5, 2)], {}, r"cont \(5, 2\); give \(time, batch, ...\) and \(time, batch\)"),
        ("RNN", [X, CONT, (4, 7)], {}, r"reads the static input \(4, 7\); it is \(3, ...\)"),
    ],
)
def test_what_caffe_refuses(type, bottoms, args, words):
    with pytest.raises(PlanError, match=words):
        shapes(type, *bottoms, num_output=6, **args)


def test_states_of_another_size_are_refused():
    with pytest.raises(PlanError, match=r"reads the state \(1, 3, 5\); it is \(1, 3, 6\)"):
        shapes("RNN", X, CONT, (1, 3, 5), tops=2, num_output=6, expose_hidden=True)
