"""Cases of kinds that judge scores, and of those that go through time."""

from __future__ import annotations

from engines.case import (
    BITS,
    FAR,
    POSITIVE,
    TARGETS,
    Fill,
    below,
    constant,
    of,
    steps,
)

MAP = (4, 6, 2, 3)
MARKS = (4, 2, 3)
PAIR = ((3, 4), (3,))
LABELS = {1: below(6)}
ONES = constant(1)
MATRIX = {1: below(6), 2: TARGETS}
# Each item's classes, as a softmax gives them.
PROBABILITIES = Fill("probabilities", lambda rng, shape: rng.dirichlet([1.0] * shape[1], shape[0]))

LOSSES = [
    of("GaussianKL", (3, 6)),
    of("GaussianKL", (2, 4, 3, 2), loss_weight=0.5),
    *(
        of("SoftmaxWithLoss", MAP, MARKS, fills=LABELS, **args)
        for args in (
            {},
            {"normalization": "FULL", "ignore_label": 1},
            {"normalization": "VALID", "ignore_label": 1},
            {"normalization": "BATCH_SIZE", "ignore_label": 1},
            {"normalization": "NONE", "ignore_label": 1},
            {"normalize": False, "ignore_label": 1},
            {"normalize": True, "normalization": "BATCH_SIZE"},
            {"tops": 2},
        )
    ),
    of("SoftmaxWithLoss", *PAIR, fills={1: below(4)}),
    of("SoftmaxWithLoss", MAP, (4, 1, 2, 3), fills=LABELS),
    of("SoftmaxWithLoss", MAP, (4, 6, 2), fills={1: below(3)}, axis=-1, tops=2),
    of("SoftmaxWithLoss", (4, 4), (4,), fills={1: below(4)}, axis=0),
    of("SoftmaxWithLoss", *PAIR, fills={1: constant(255)}, ignore_label=255),
    *(
        of("InfogainLoss", MAP, MARKS, (6, 6), fills=MATRIX, **args)
        for args in (
            {},
            {"ignore_label": 1},
            {"ignore_label": 1, "normalization": "FULL"},
            {"normalization": "BATCH_SIZE", "tops": 2},
            {"normalization": "NONE"},
        )
    ),
    of("InfogainLoss", *PAIR, (1, 1, 4, 4), fills={1: below(4), 2: TARGETS}),
    of("InfogainLoss", MAP, (4, 6, 2), (3, 3), fills={1: below(3), 2: TARGETS}, axis=-1),
    *(
        of("SigmoidCrossEntropyLoss", (4, 6), (4, 6), fills={1: TARGETS}, **args)
        for args in (
            {},
            {"normalize": True},
            {"normalize": False},
            {"normalization": "FULL"},
            {"normalization": "VALID", "ignore_label": 0},
            {"normalization": "NONE"},
            {"ignore_label": 0},
        )
    ),
    of("SigmoidCrossEntropyLoss", MAP, (4, 36), fills={1: BITS}, ignore_label=1),
    of("EuclideanLoss", (4, 6), (4, 6)),
    of("EuclideanLoss", (4, 6), (4, 2, 3)),
    of("EuclideanLoss", (5,), (5, 1)),
    of("HingeLoss", *PAIR, fills={1: below(4)}),
    of("HingeLoss", *PAIR, fills={1: below(4)}, norm="L2"),
    of("HingeLoss", (4, 2, 3), (4, 1, 1), fills=LABELS, norm="L2"),
    of("MultinomialLogisticLoss", *PAIR, fills={0: PROBABILITIES, 1: below(4)}),
    of("MultinomialLogisticLoss", (4, 6, 1, 1), (4, 1), fills={0: POSITIVE, 1: below(6)}),
    *(
        of("ContrastiveLoss", (5, 3), (5, 3), labels, fills={2: BITS}, margin=3.0, **args)
        for labels, args in (((5,), {}), ((5, 1), {"legacy_version": True}))
    ),
    of("ContrastiveLoss", (5, 3), (5, 3, 1, 1), (5,), fills={2: BITS}),
    *steps(
        of("ContrastiveLoss", (5, 3), (5, 3), (5,), fills={0: ONES, 1: ONES, 2: BITS}),
        of("SoftmaxWithLoss", *PAIR, fills={0: FAR, 1: below(4)}, tops=2),
        of("InfogainLoss", *PAIR, (4, 4), fills={0: FAR, 1: below(4), 2: TARGETS}),
        of("SigmoidCrossEntropyLoss", (3, 4), (3, 4), fills={0: FAR, 1: TARGETS}),
        of("MultinomialLogisticLoss", *PAIR, fills={0: constant(0), 1: below(4)}),
    ),
]

ACCURACY = steps(
    *(
        of("Accuracy", MAP, MARKS, fills={0: below(4), 1: below(6)}, **args)
        for args in (
            {},
            {"top_k": 3},
            {"top_k": 2, "ignore_label": 1},
            {"tops": 2},
            {"tops": 2, "top_k": 3, "ignore_label": 0},
        )
    ),
    of("Accuracy", *PAIR, fills={1: below(4)}),
    of("Accuracy", *PAIR, fills={1: below(4)}, top_k=4),
    of("Accuracy", *PAIR, fills={1: constant(255)}, ignore_label=255, tops=2),
    of("Accuracy", MAP, (4, 6, 2), fills={1: below(3)}, axis=-1, tops=2),
)

TIME = (4, 2, 3)
CONT = {1: BITS}
UNBROKEN = {1: ONES}

RECURRENT = [
    of("ImageToSequence", (2, 3, 5, 4), tops=2),
    of("LastStep", (4, 2, 3)),
    of("LastStep", (1, 2, 3, 2)),
    *(
        case
        for kind, states in (("LSTM", 2), ("RNN", 1))
        for case in (
            of(kind, TIME, TIME[:2], fills=CONT, num_output=3),
            of(kind, TIME, TIME[:2], fills=UNBROKEN, num_output=3),
            of(kind, (3, 2, 2, 2), (3, 2), fills=CONT, num_output=2),
            of(kind, TIME, TIME[:2], (2, 2, 2), fills=CONT, num_output=3),
            of(
                kind,
                TIME,
                TIME[:2],
                *[(1, 2, 3)] * states,
                tops=1 + states,
                fills=UNBROKEN,
                num_output=3,
                expose_hidden=True,
            ),
            of(
                kind,
                TIME,
                TIME[:2],
                (2, 2),
                *[(1, 2, 3)] * states,
                tops=1 + states,
                fills=CONT,
                num_output=3,
                expose_hidden=True,
            ),
        )
    ),
]
