"""Cases of kinds that move numbers, find or follow indices, and of those that only forks have."""

from __future__ import annotations

from engines.case import BITS, IMAGE, STILL, Fill, below, constant, of, steps

LARGE = (2, 8, 6, 4)

ARRAYS = [
    of("Concat", (2, 3, 4), (2, 1, 4), (2, 2, 4)),
    of("Concat", (2, 3), (1, 3), axis=0),
    of("Concat", (2, 3, 4), (2, 3, 1), axis=-1),
    of("Concat", (2, 3, 4)),
    of("Slice", (2, 6, 3), tops=3),
    of("Slice", (2, 6, 3), tops=3, slice_point=(1, 4)),
    of("Slice", (4, 3), tops=2, axis=-2, slice_point=(3,)),
    of("Split", IMAGE, tops=3),
    of("Split", (), tops=1),
    of("Flatten", IMAGE),
    of("Flatten", IMAGE, axis=2),
    of("Flatten", IMAGE, axis=0, end_axis=-2),
    of("Reshape", IMAGE, shape=(0, -1)),
    of("Reshape", IMAGE, shape=(5, 3), axis=1, num_axes=2),
    of("Reshape", IMAGE, shape=(1,), axis=-1, num_axes=0),
    of("Reshape", (1, 1), shape=()),
    of("Crop", (2, 3, 5, 6), (1, 1, 3, 4), fills={1: STILL}),
    of("Crop", (2, 3, 5, 6), (1, 1, 3, 4), fills={1: STILL}, offset=(2,)),
    of("Crop", (2, 3, 5, 6), (1, 1, 3, 4), fills={1: STILL}, axis=1, offset=(2, 0, 1)),
    of("Crop", (4, 6), (2, 3), fills={1: STILL}, axis=-1, offset=(3,)),
    of("Tile", IMAGE, tiles=3),
    of("Tile", (2, 3), tiles=2, axis=-1),
    of("Tile", (2, 3), tiles=1, axis=0),
    *(
        of("Reduction", (2, 3, 4), operation=operation, **args)
        for operation in ("SUM", "ASUM", "SUMSQ", "MEAN")
        for args in ({}, {"axis": 1, "coeff": -2.0}, {"axis": -1, "coeff": 0.5})
    ),
    *steps(of("Silence", IMAGE, (3,), tops=0)),
    # Outside of a training a code is the means.
    of("GaussianSample", (3, 6)),
    of("GaussianSample", (2, 4, 3, 2)),
]

ITEMS = [
    *steps(
        *(
            of("ArgMax", IMAGE, fills={0: below(3)}, **args)
            for args in (
                {},
                {"top_k": 4},
                {"top_k": 4, "out_max_val": True},
                {"axis": 1},
                {"axis": -1, "top_k": 3},
                {"axis": 2, "top_k": 2, "out_max_val": True},
            )
        ),
        of("ArgMax", (4, 6)),
        of("ArgMax", (4, 6), top_k=6, out_max_val=True),
        of("ArgMax", (5,)),
        of("ArgMax", (5,), axis=0, top_k=2),
        of("DummyData", shape=((2, 3, 4),)),
        of("DummyData", num=(1,), channels=(2,), height=(3,), width=(4,), data_filler=(7,)),
        of(
            "DummyData",
            tops=2,
            shape=((2, 3), (4,)),
            data_filler=({"type": "gaussian", "std": 2.0}, {"type": "uniform", "min": -1.0}),
        ),
        of("Filter", (3, 2), (3,), fills={1: constant(0)}),
    ),
    of("Embed", (2, 3), fills={0: below(5)}, num_output=4, input_dim=5),
    of("Embed", (4,), fills={0: below(5)}, num_output=3, input_dim=5, bias_term=False),
    of("Embed", (2, 1, 2), fills={0: below(2)}, num_output=3, input_dim=2),
    of("BatchReindex", IMAGE, (3,), fills={1: below(2)}),
    of("BatchReindex", (4,), (6,), fills={1: below(4)}),
    of("Filter", (6, 2), (6,), fills={1: BITS}),
    of("Filter", (6, 2), (6, 3, 1, 2), (6, 1), fills={2: BITS}, tops=2),
    of("Filter", (3, 2), (3, 1, 1, 1), fills={1: constant(-0.5)}),
    of("Parameter", shape=(2, 3)),
    of("Parameter", shape=(1, 3, 2, 2)),
]

FORKS = [
    *(
        of(kind, (2, 4, 6, 5), num_output=4, **args)
        for kind in ("DepthwiseConvolution", "ConvolutionDepthwise")
        for args in (
            {"kernel_size": 3, "pad": 1},
            {"kernel_size": 3, "pad": (1, 2), "stride": (2, 1), "dilation": (1, 2)},
            {"kernel_size": 2, "stride": 2, "bias_term": False, "group": 4},
        )
    ),
    of("DepthwiseConvolution", (2, 3, 7), num_output=3, kernel_size=3),
    of("ConvolutionDepthwise", (2, 3, 5), (2, 3, 5), tops=2, num_output=3, kernel_size=2),
    of("Permute", IMAGE, order=(0, 2, 3, 1)),
    of("Permute", IMAGE, order=(2,)),
    of("Permute", (2, 3), order=(1, 0)),
    of("Permute", (2, 3, 4)),
    *(
        of("Normalize", shape, across_spatial=across, channel_shared=shared, eps=eps)
        for across, shared, eps in ((True, True, 1e-10), (False, False, 0.5), (True, False, 0.1))
        for shape in (IMAGE, (3, 5))
    ),
    of("Upsample", IMAGE),
    of("Upsample", IMAGE, scale=2),
    of("Upsample", (1, 2, 3, 2), scale=3),
    of("Interp", LARGE, height=7, width=9),
    of("Interp", LARGE, height=1, width=5),
    of("Interp", LARGE, height=3, width=2),
    of("Interp", LARGE, zoom_factor=3),
    of("Interp", LARGE, shrink_factor=2),
    of("Interp", LARGE, shrink_factor=2, zoom_factor=3),
    of("Interp", LARGE, zoom_factor=2, pad_beg=-1, pad_end=-2),
    of("Interp", LARGE, height=8, width=8, pad_beg=-2),
    of("Interp", (1, 2, 1, 3), height=3, width=5),
    of("Reorg", LARGE, stride=2),
    of("Reorg", LARGE, stride=2, reverse=True),
    of("Reorg", (1, 9, 3, 6), stride=3),
    of("Reorg", (1, 18, 3, 2), stride=3, reverse=True),
    of("ShuffleChannel", (2, 6, 3, 2), group=2),
    of("ShuffleChannel", (2, 6, 3, 2), group=3),
    of("ShuffleChannel", IMAGE),
    of("Axpy", (2, 3), IMAGE, IMAGE),
    of("Axpy", (2, 3, 1, 1), IMAGE, IMAGE),
    of("Axpy", (2, 3), (2, 3), (2, 3)),
    of("ReLU6", (3, 5), fills={0: Fill("beyond 6", lambda rng, shape: rng.uniform(-2, 10, shape))}),
]
