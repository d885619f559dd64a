"""Cases of kinds that go window by window, or multiply with a matrix."""

from __future__ import annotations

from engines.case import IMAGE, below, of, steps

NINE = {"num_output": 2, "kernel_size": 3}
MIXED = {"kernel_size": (2, 3), "stride": (3, 2), "pad": (1, 0)}
SPREAD = {"kernel_size": 3, "stride": (1, 2), "pad": 2, "dilation": (2, 1)}
CUBE = {"kernel_size": (2, 3, 1), "stride": (1, 2, 1), "pad": (0, 1, 0)}

WINDOWS = [
    *(
        case
        for kind in ("Convolution", "Deconvolution")
        for case in (
            of(kind, IMAGE, **NINE),
            of(kind, IMAGE, num_output=4, kernel_size=1, bias_term=False),
            of(kind, (2, 4, 5, 7), num_output=6, group=2, **MIXED),
            of(kind, (1, 4, 5, 6), num_output=4, group=4, **SPREAD),
            of(kind, (2, 3, 9), pad=1, dilation=2, **NINE),
            of(kind, (1, 2, 4, 5, 3), num_output=2, **CUBE),
            of(kind, (2, 2, 3, 4, 4), axis=2, **NINE),
            of(kind, (3, 4, 5), axis=-3, **NINE),
            of(kind, IMAGE, IMAGE, tops=2, **NINE),
        )
    ),
    of("Im2col", (2, 3, 9, 8), kernel_size=3, stride=2, pad=1),
    of("Im2col", (2, 3, 6, 5), **SPREAD),
    of("Im2col", (2, 3, 9), kernel_size=4, stride=3),
    of("Im2col", (1, 2, 4, 5, 3), **CUBE),
    of("Im2col", (2, 2, 3, 4, 4), kernel_size=2, axis=-3),
    of("InnerProduct", (3, 7), num_output=4),
    of("InnerProduct", (2, 3, 2, 3), num_output=5),
    of("InnerProduct", (2, 3, 2, 3), num_output=5, axis=2, transpose=True),
    of("InnerProduct", (2, 3, 4), num_output=5, axis=-1, bias_term=False),
    of("InnerProduct", (2, 3, 4), num_output=5, axis=0),
]

# A window beyond the padded image, one that has only padding, and one that has nothing at all.
POOLS = [
    *(
        of("Pooling", (2, 2, 7, 6), pool=pool, **args)
        for pool in ("MAX", "AVE")
        for args in (
            {"kernel_size": 3, "stride": 2},
            {"kernel_size": 3, "stride": 2, "round_mode": "FLOOR"},
            {"kernel_size": (2, 3), "stride": (1, 2), "pad": (0, 1)},
            {"kernel_size": 3, "stride": 2, "pad": 1},
            {"kernel_size": 3, "stride": 3, "pad": 2},
            {"kernel_size": 2, "stride": 3, "pad": 1},
            {"global_pooling": True},
        )
    ),
    of("Pooling", (2, 2, 7, 6), kernel_size=3, stride=2, pad=1, tops=2),
    of("Pooling", (2, 2, 7, 6), kernel_size=4, stride=3, pad=3, tops=2),
    of("Pooling", (2, 2, 7, 6), global_pooling=True, tops=2),
    *steps(
        of("Pooling", (1, 2, 6, 6), kernel_size=3, pad=1, tops=2, fills={0: below(3)}),
        of("Pooling", (1, 1, 5, 7), kernel_size=1, stride=3, tops=2),
        of("Pooling", (1, 1, 5, 7), kernel_size=1, stride=3, pool="AVE"),
    ),
    of("SPP", (2, 3, 5, 4), pyramid_height=1),
    of("SPP", (2, 3, 9, 8), pyramid_height=3),
    of("SPP", (2, 3, 9, 8), pyramid_height=3, pool="AVE"),
    of("SPP", (1, 2, 13, 7), pyramid_height=2, pool="AVE"),
    of("LRN", (2, 7, 3, 2)),
    of("LRN", (1, 7, 3, 2), local_size=3, alpha=0.5, beta=0.6, k=2.0),
    of("LRN", (1, 2, 2, 3), local_size=5, alpha=0.5),
    of("LRN", (1, 4, 2, 3), local_size=1),
    of("LRN", (2, 2, 6, 5), local_size=3, norm_region="WITHIN_CHANNEL"),
    of("LRN", (1, 2, 2, 3), local_size=5, alpha=2.0, beta=0.5, k=3.0, norm_region="WITHIN_CHANNEL"),
]
