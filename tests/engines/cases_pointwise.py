"""Cases of kinds that work element by element, and of those that normalise, scale and shift."""

from __future__ import annotations

from engines.case import FAR, IMAGE, POSITIVE, below, constant, of, steps

POINTWISE = [
    *(
        of(kind, shape, **args)
        for kind, args in (
            ("ReLU", {}),
            ("ReLU", {"negative_slope": 0.1}),
            ("PReLU", {}),
            ("PReLU", {"channel_shared": True}),
            ("ELU", {"alpha": 1.5}),
            ("Sigmoid", {}),
            ("TanH", {}),
            ("AbsVal", {}),
            ("BNLL", {}),
            ("Swish", {}),
            ("Swish", {"beta": 0.5}),
            ("GELU", {}),
            ("Clip", {"min": -1.0, "max": 0.5}),
            ("Power", {"power": 2.0, "scale": 0.5, "shift": 1.0}),
            ("Exp", {}),
            ("Exp", {"base": 2.0, "scale": 0.5, "shift": 1.0}),
            ("Dropout", {}),
            ("Softmax", {}),
        )
        for shape in ((3, 5), IMAGE)
    ),
    of("ReLU", (5,)),
    of("ReLU", ()),
    of("Power", (), power=3.0),
    of("Eltwise", (), ()),
    of("PReLU", (2, 3, 4)),
    of("ELU", (3, 5)),
    of("GELU", ()),
    of("Power", (3, 5)),
    of("Power", (3, 5), power=-1.0, scale=2.0, shift=0.5, fills={0: POSITIVE}),
    of("Power", (3, 5), power=1.5, scale=2.0, shift=0.5, fills={0: POSITIVE}),
    of("Log", (3, 5), fills={0: POSITIVE}),
    of("Log", IMAGE, base=2.0, scale=3.0, shift=7.0),
    of("Dropout", (3, 5), dropout_ratio=0.0, training=True),
    of("Softmax", IMAGE, axis=0),
    of("Softmax", IMAGE, axis=-1),
    of("Softmax", (5,), axis=0),
    of("Eltwise", IMAGE, IMAGE),
    of("Eltwise", IMAGE, IMAGE, IMAGE, coeff=(0.5, -2.0, 1.0)),
    of("Eltwise", IMAGE, IMAGE, IMAGE, operation="PROD"),
    of("Eltwise", IMAGE, IMAGE, IMAGE, operation="MAX"),
    *steps(
        of("Threshold", IMAGE),
        of("Threshold", (3, 5), threshold=1.0, fills={0: below(3)}),
        of("Power", (3, 5), power=0.0, scale=2.0),
        of("Power", (3, 5), power=2.0, scale=0.0, shift=3.0),
        *(
            of(kind, (3, 5), fills={0: FAR})
            for kind in ("Sigmoid", "BNLL", "ELU", "GELU", "Softmax")
        ),
    ),
]

NORMAL = [
    *(of("BatchNorm", shape) for shape in ((5, 3), (2, 3, 6), (2, 3, 3, 2), (2, 3, 2, 3, 2))),
    of("BatchNorm", IMAGE, eps=0.1, held={"factor": 0.0}),
    of("BatchNorm", (4, 3, 2), use_global_stats=False),
    of("BatchNorm", (5, 3), training=True),
    of("BatchNorm", (4, 3, 3, 2), moving_average_fraction=0.9, eps=0.01, training=True),
    of("BatchNorm", (4, 3, 3, 2), use_global_stats=True, training=True),
    of("BatchNorm", (4, 3, 2), use_global_stats=False, held={"factor": 0.0}, training=True),
    # Of one value the variance is 0; twos leave no rounding that the deviation would blow up.
    *steps(of("BatchNorm", (1, 3), fills={0: constant(2)}, training=True)),
    *(
        of(kind, (2, 3, 2, 4), *second, **args)
        for kind in ("Scale", "Bias")
        for second, args in (
            ((), {}),
            ((), {"axis": -1}),
            ((), {"axis": 0, "num_axes": 2}),
            ((), {"axis": 2, "num_axes": -1}),
            ((), {"num_axes": 0}),
            (((3,),), {}),
            (((3, 2),), {}),
            (((2, 3, 2, 4),), {"axis": 0}),
            (((),), {}),
        )
    ),
    of("Scale", (2, 3, 2, 4), bias_term=True),
    of("Scale", (2, 3), bias_term=True, axis=0, num_axes=-1),
    of("Scale", (2, 3, 2, 4), (2, 4), bias_term=True, axis=2),
    of("MVN", IMAGE),
    of("MVN", IMAGE, across_channels=True, eps=0.1),
    of("MVN", IMAGE, normalize_variance=False),
    of("MVN", (2, 3, 4)),
    of("MVN", (4, 6), across_channels=True),
    *steps(of("MVN", (4, 6)), of("MVN", IMAGE, fills={0: constant(1.5)})),
]
