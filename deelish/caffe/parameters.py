"""The arguments of each layer type, as Caffe numbers them: one row a type.

Source: caffe.proto of BVLC Caffe.
"""

from __future__ import annotations

from dataclasses import dataclass

from deelish.caffe.fields import (
    FILLER,
    SHAPE,
    Field,
    Message,
    boolean,
    enum,
    integer,
    message,
    messages,
    real,
    reals,
    uint,
    uints,
)


@dataclass(frozen=True)
class Parameter:
    """Where a layer type keeps its arguments: field name, number, number in V1 files, fields."""

    name: str
    number: int
    v1_number: int | None
    message: Message


_ENGINE = ("DEFAULT", "CAFFE", "CUDNN")


def _parameter(name: str, number: int, v1_number: int | None, **fields: Field) -> Parameter:
    return Parameter(name, number, v1_number, Message(fields))


PARAMETERS: dict[str, Parameter] = {
    "Input": _parameter("input_param", 143, None, shape=messages(1, SHAPE)),
    "Convolution": _parameter(
        "convolution_param",
        106,
        10,
        num_output=uint(1),
        bias_term=boolean(2),
        group=uint(5),
        pad=uints(3),
        kernel_size=uints(4),
        stride=uints(6),
        dilation=uints(18),
        pad_h=uint(9),
        pad_w=uint(10),
        kernel_h=uint(11),
        kernel_w=uint(12),
        stride_h=uint(13),
        stride_w=uint(14),
        weight_filler=message(7, FILLER),
        bias_filler=message(8, FILLER),
        engine=enum(15, *_ENGINE),
        axis=integer(16),
        force_nd_im2col=boolean(17),
    ),
    "InnerProduct": _parameter(
        "inner_product_param",
        117,
        17,
        num_output=uint(1),
        bias_term=boolean(2),
        axis=integer(5),
        transpose=boolean(6),
        weight_filler=message(3, FILLER),
        bias_filler=message(4, FILLER),
    ),
    "Pooling": _parameter(
        "pooling_param",
        121,
        19,
        pool=enum(1, "MAX", "AVE", "STOCHASTIC"),
        kernel_size=uint(2),
        stride=uint(3),
        pad=uint(4),
        kernel_h=uint(5),
        kernel_w=uint(6),
        stride_h=uint(7),
        stride_w=uint(8),
        pad_h=uint(9),
        pad_w=uint(10),
        engine=enum(11, *_ENGINE),
        global_pooling=boolean(12),
        round_mode=enum(13, "CEIL", "FLOOR"),
    ),
    "LRN": _parameter(
        "lrn_param",
        118,
        18,
        local_size=uint(1),
        alpha=real(2),
        beta=real(3),
        k=real(5),
        norm_region=enum(4, "ACROSS_CHANNELS", "WITHIN_CHANNEL"),
        engine=enum(6, *_ENGINE),
    ),
    "BatchNorm": _parameter(
        "batch_norm_param",
        139,
        None,
        use_global_stats=boolean(1),
        moving_average_fraction=real(2),
        eps=real(3),
    ),
    "Scale": _parameter(
        "scale_param",
        142,
        None,
        axis=integer(1),
        num_axes=integer(2),
        filler=message(3, FILLER),
        bias_term=boolean(4),
        bias_filler=message(5, FILLER),
    ),
    "ReLU": _parameter("relu_param", 123, 30, negative_slope=real(1), engine=enum(2, *_ENGINE)),
    "Sigmoid": _parameter("sigmoid_param", 124, 38, engine=enum(1, *_ENGINE)),
    "TanH": _parameter("tanh_param", 127, 37, engine=enum(1, *_ENGINE)),
    "Dropout": _parameter("dropout_param", 108, 12, dropout_ratio=real(1)),
    "Eltwise": _parameter(
        "eltwise_param",
        110,
        24,
        operation=enum(1, "PROD", "SUM", "MAX"),
        coeff=reals(2),
        stable_prod_grad=boolean(3),
    ),
    "Concat": _parameter("concat_param", 104, 9, concat_dim=uint(1), axis=integer(2)),
    "Flatten": _parameter("flatten_param", 135, None, axis=integer(1), end_axis=integer(2)),
    "Softmax": _parameter("softmax_param", 125, 39, engine=enum(1, *_ENGINE), axis=integer(2)),
}
