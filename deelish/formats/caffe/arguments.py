"""The parameters of layers that compute, as rows of `fields.Row`.

A layer type that has arguments is named in a row here; one that has none needs no line.

Source: caffe.proto of BVLC Caffe, and of the forks that the layers of `FORKS` came with.
"""

from __future__ import annotations

from deelish.formats.caffe.fields import (
    FILLER,
    SHAPE,
    Field,
    Row,
    boolean,
    enum,
    integer,
    message,
    real,
    reals,
    uint,
    uints,
)

_ENGINE = ("DEFAULT", "CAFFE", "CUDNN")
_POOLS = ("MAX", "AVE", "STOCHASTIC")
_REDUCTIONS = {1: "SUM", 2: "ASUM", 3: "SUMSQ", 4: "MEAN"}
# Exp and Log: base, scale and shift.
_BASED: dict[str, Field] = {"base": real(1), "scale": real(2), "shift": real(3)}

ARGUMENTS: dict[str, Row] = {
    "argmax_param": (
        103,
        23,
        "ArgMax",
        {"out_max_val": boolean(1), "top_k": uint(2), "axis": integer(3)},
    ),
    "batch_norm_param": (
        139,
        None,
        "BatchNorm",
        {"use_global_stats": boolean(1), "moving_average_fraction": real(2), "eps": real(3)},
    ),
    "bias_param": (
        141,
        None,
        "Bias",
        {"axis": integer(1), "num_axes": integer(2), "filler": message(3, FILLER)},
    ),
    "clip_param": (148, None, "Clip", {"min": real(1), "max": real(2)}),
    "concat_param": (104, 9, "Concat", {"concat_dim": uint(1), "axis": integer(2)}),
    "convolution_param": (
        106,
        10,
        "Convolution Deconvolution Im2col ConvolutionDepthwise DepthwiseConvolution",
        {
            "num_output": uint(1),
            "bias_term": boolean(2),
            "group": uint(5),
            "pad": uints(3),
            "kernel_size": uints(4),
            "stride": uints(6),
            "dilation": uints(18),
            "pad_h": uint(9),
            "pad_w": uint(10),
            "kernel_h": uint(11),
            "kernel_w": uint(12),
            "stride_h": uint(13),
            "stride_w": uint(14),
            "weight_filler": message(7, FILLER),
            "bias_filler": message(8, FILLER),
            "engine": enum(15, *_ENGINE),
            "axis": integer(16),
            "force_nd_im2col": boolean(17),
        },
    ),
    "crop_param": (144, None, "Crop", {"axis": integer(1), "offset": uints(2)}),
    "dropout_param": (108, 12, "Dropout", {"dropout_ratio": real(1)}),
    "eltwise_param": (
        110,
        24,
        "Eltwise",
        {
            "operation": enum(1, "PROD", "SUM", "MAX"),
            "coeff": reals(2),
            "stable_prod_grad": boolean(3),
        },
    ),
    "elu_param": (140, None, "ELU", {"alpha": real(1)}),
    "embed_param": (
        137,
        None,
        "Embed",
        {
            "num_output": uint(1),
            "input_dim": uint(2),
            "bias_term": boolean(3),
            "weight_filler": message(4, FILLER),
            "bias_filler": message(5, FILLER),
        },
    ),
    "exp_param": (111, 41, "Exp", _BASED),
    "flatten_param": (135, None, "Flatten", {"axis": integer(1), "end_axis": integer(2)}),
    "inner_product_param": (
        117,
        17,
        "InnerProduct",
        {
            "num_output": uint(1),
            "bias_term": boolean(2),
            "axis": integer(5),
            "transpose": boolean(6),
            "weight_filler": message(3, FILLER),
            "bias_filler": message(4, FILLER),
        },
    ),
    "log_param": (134, None, "Log", _BASED),
    "lrn_param": (
        118,
        18,
        "LRN",
        {
            "local_size": uint(1),
            "alpha": real(2),
            "beta": real(3),
            "k": real(5),
            "norm_region": enum(4, "ACROSS_CHANNELS", "WITHIN_CHANNEL"),
            "engine": enum(6, *_ENGINE),
        },
    ),
    "mvn_param": (
        120,
        34,
        "MVN",
        {"normalize_variance": boolean(1), "across_channels": boolean(2), "eps": real(3)},
    ),
    "pooling_param": (
        121,
        19,
        "Pooling",
        {
            "pool": enum(1, *_POOLS),
            "kernel_size": uint(2),
            "stride": uint(3),
            "pad": uint(4),
            "kernel_h": uint(5),
            "kernel_w": uint(6),
            "stride_h": uint(7),
            "stride_w": uint(8),
            "pad_h": uint(9),
            "pad_w": uint(10),
            "engine": enum(11, *_ENGINE),
            "global_pooling": boolean(12),
            "round_mode": enum(13, "CEIL", "FLOOR"),
        },
    ),
    "power_param": (122, 21, "Power", {"power": real(1), "scale": real(2), "shift": real(3)}),
    "prelu_param": (
        131,
        None,
        "PReLU",
        {"filler": message(1, FILLER), "channel_shared": boolean(2)},
    ),
    "recurrent_param": (
        146,
        None,
        "LSTM RNN",
        {
            "num_output": uint(1),
            "weight_filler": message(2, FILLER),
            "bias_filler": message(3, FILLER),
            "debug_info": boolean(4),
            "expose_hidden": boolean(5),
        },
    ),
    "reduction_param": (
        136,
        None,
        "Reduction",
        {"operation": Field(1, "enum", words=_REDUCTIONS), "axis": integer(2), "coeff": real(3)},
    ),
    "relu_param": (123, 30, "ReLU", {"negative_slope": real(1), "engine": enum(2, *_ENGINE)}),
    "reshape_param": (
        133,
        None,
        "Reshape",
        {"shape": message(1, SHAPE), "axis": integer(2), "num_axes": integer(3)},
    ),
    "scale_param": (
        142,
        None,
        "Scale",
        {
            "axis": integer(1),
            "num_axes": integer(2),
            "filler": message(3, FILLER),
            "bias_term": boolean(4),
            "bias_filler": message(5, FILLER),
        },
    ),
    "sigmoid_param": (124, 38, "Sigmoid", {"engine": enum(1, *_ENGINE)}),
    "slice_param": (
        126,
        31,
        "Slice",
        {"axis": integer(3), "slice_point": uints(2), "slice_dim": uint(1)},
    ),
    "softmax_param": (
        125,
        39,
        "Softmax SoftmaxWithLoss",
        {"engine": enum(1, *_ENGINE), "axis": integer(2)},
    ),
    "spp_param": (
        132,
        None,
        "SPP",
        {"pyramid_height": uint(1), "pool": enum(2, *_POOLS), "engine": enum(6, *_ENGINE)},
    ),
    "swish_param": (147, None, "Swish", {"beta": real(1)}),
    "tanh_param": (127, 37, "TanH", {"engine": enum(1, *_ENGINE)}),
    "threshold_param": (128, 25, "Threshold", {"threshold": real(1)}),
    "tile_param": (138, None, "Tile", {"axis": integer(1), "tiles": integer(2)}),
}

# Where forks disagree, the number is one that BVLC Caffe left free.
FORKS: dict[str, Row] = {
    "interp_param": (
        163,
        None,
        "Interp",
        {
            "height": integer(1),
            "width": integer(2),
            "zoom_factor": integer(3),
            "shrink_factor": integer(4),
            "pad_beg": integer(5),
            "pad_end": integer(6),
        },
    ),
    "norm_param": (
        206,
        None,
        "Normalize",
        {
            "across_spatial": boolean(1),
            "scale_filler": message(2, FILLER),
            "channel_shared": boolean(3),
            "eps": real(4),
        },
    ),
    "permute_param": (202, None, "Permute", {"order": uints(1)}),
    "reorg_param": (159, None, "Reorg", {"stride": uint(1), "reverse": boolean(2)}),
    "shuffle_channel_param": (164, None, "ShuffleChannel", {"group": uint(1)}),
    "upsample_param": (149, None, "Upsample", {"scale": integer(1)}),
}
