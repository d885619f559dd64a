"""Caffe's nets, layers and blobs as tables: field names, numbers and kinds, to read and to write.

Source: caffe.proto of BVLC Caffe. The arguments of layer types are in `parameters`.
"""

from __future__ import annotations

from deelish.errors import PlanError
from deelish.formats.caffe.fields import (
    FILLER,
    SHAPE,
    Field,
    Message,
    boolean,
    enum,
    integer,
    integers,
    message,
    messages,
    real,
    reals,
    string,
    strings,
    uint,
)
from deelish.formats.caffe.parameters import PARAMETERS, TYPE_PARAMETERS, Parameter

# An unknown number to Caffe, so every reader skips it; it holds deelish's own plan as JSON.
NOTE_FIELD = 2016
# The key under which a layer of a net read from text holds the line where it begins, from 1.
LINE = "line"

BLOB = Message(
    {
        "num": integer(1),
        "channels": integer(2),
        "height": integer(3),
        "width": integer(4),
        "shape": message(7, SHAPE),
        "data": Field(5, "array", repeated=True),
        "diff": Field(6, "array", repeated=True),
        "double_data": Field(8, "array", repeated=True),
        "double_diff": Field(9, "array", repeated=True),
    }
)

_PHASES = ("TRAIN", "TEST")
_SHARING = ("STRICT", "PERMISSIVE")

STATE = Message({"phase": enum(1, *_PHASES), "level": integer(2), "stage": strings(3)})

RULE = Message(
    {
        "phase": enum(1, *_PHASES),
        "min_level": integer(2),
        "max_level": integer(3),
        "stage": strings(4),
        "not_stage": strings(5),
    }
)

PARAM_SPEC = Message(
    {
        "name": string(1),
        "share_mode": enum(2, *_SHARING),
        "lr_mult": real(3),
        "decay_mult": real(4),
    }
)


def _later(number: int, table: Message) -> Field:
    """An inner message that decoding gives as a list of spans, to be read only where asked for."""
    return Field(number, "message", message=table, lazy=True)


LAYER = Message(
    {
        "name": string(1),
        "type": string(2),
        "bottom": strings(3),
        "top": strings(4),
        "phase": enum(10, *_PHASES),
        "loss_weight": reals(5),
        "param": messages(6, PARAM_SPEC),
        "propagate_down": Field(11, "bool", repeated=True),
        "include": messages(8, RULE),
        "exclude": messages(9, RULE),
        **{row.name: _later(row.number, row.message) for row in PARAMETERS.values()},
        "blobs": messages(7, BLOB, lazy=True),
    }
)

# V1LayerParameter.LayerType, by number: the word in V1 files and the type's name today.
_V1_NAMES = (
    "NONE: ACCURACY:Accuracy BNLL:BNLL CONCAT:Concat CONVOLUTION:Convolution DATA:Data"
    " DROPOUT:Dropout EUCLIDEAN_LOSS:EuclideanLoss FLATTEN:Flatten HDF5_DATA:HDF5Data"
    " HDF5_OUTPUT:HDF5Output IM2COL:Im2col IMAGE_DATA:ImageData INFOGAIN_LOSS:InfogainLoss"
    " INNER_PRODUCT:InnerProduct LRN:LRN MULTINOMIAL_LOGISTIC_LOSS:MultinomialLogisticLoss"
    " POOLING:Pooling RELU:ReLU SIGMOID:Sigmoid SOFTMAX:Softmax SOFTMAX_LOSS:SoftmaxWithLoss"
    " SPLIT:Split TANH:TanH WINDOW_DATA:WindowData ELTWISE:Eltwise POWER:Power"
    " SIGMOID_CROSS_ENTROPY_LOSS:SigmoidCrossEntropyLoss HINGE_LOSS:HingeLoss"
    " MEMORY_DATA:MemoryData ARGMAX:ArgMax THRESHOLD:Threshold DUMMY_DATA:DummyData SLICE:Slice"
    " MVN:MVN ABSVAL:AbsVal SILENCE:Silence CONTRASTIVE_LOSS:ContrastiveLoss EXP:Exp"
    " DECONVOLUTION:Deconvolution"
)
V1_TYPES: dict[str, str] = dict(pair.split(":") for pair in _V1_NAMES.split())

V0_LAYER = Message(
    {
        "name": string(1),
        "type": string(2),
        "num_output": uint(3),
        "biasterm": boolean(4),
        "weight_filler": message(5, FILLER),
        "bias_filler": message(6, FILLER),
        "pad": uint(7),
        "kernelsize": uint(8),
        "group": uint(9),
        "stride": uint(10),
        "pool": enum(11, "MAX", "AVE", "STOCHASTIC"),
        "dropout_ratio": real(12),
        "local_size": uint(13),
        "alpha": real(14),
        "beta": real(15),
        "k": real(22),
        "source": string(16),
        "scale": real(17),
        "meanfile": string(18),
        "batchsize": uint(19),
        "cropsize": uint(20),
        "mirror": boolean(21),
        "blobs": messages(50, BLOB, lazy=True),
        "blobs_lr": reals(51),
        "weight_decay": reals(52),
        "rand_skip": uint(53),
        "det_fg_threshold": real(54),
        "det_bg_threshold": real(55),
        "det_fg_fraction": real(56),
        "det_context_pad": uint(58),
        "det_crop_mode": string(59),
        "new_num": integer(60),
        "new_channels": integer(61),
        "new_height": integer(62),
        "new_width": integer(63),
        "shuffle_images": boolean(64),
        "concat_dim": uint(65),
        "hdf5_output_param": message(1001, PARAMETERS["hdf5_output_param"].message),
    }
)

V1_LAYER = Message(
    {
        "layer": _later(1, V0_LAYER),
        "bottom": strings(2),
        "top": strings(3),
        "name": string(4),
        "type": Field(5, "enum", words=dict(enumerate(V1_TYPES))),
        "blobs_lr": reals(7),
        "weight_decay": reals(8),
        "param": strings(1001),
        "blob_share_mode": Field(1002, "enum", repeated=True, words=dict(enumerate(_SHARING))),
        "loss_weight": reals(35),
        "include": messages(32, RULE),
        "exclude": messages(33, RULE),
        **{
            row.name: _later(row.v1_number, row.message)
            for row in PARAMETERS.values()
            if row.v1_number is not None
        },
        "blobs": messages(6, BLOB, lazy=True),
    }
)

NET = Message(
    {
        "name": string(1),
        "layers": messages(2, V1_LAYER, lazy=True),
        "input": strings(3),
        "input_dim": integers(4),
        "input_shape": messages(8, SHAPE),
        "force_backward": boolean(5),
        "state": message(6, STATE),
        "debug_info": boolean(7),
        "layer": messages(100, LAYER, lazy=True),
        "note": string(NOTE_FIELD),
    }
)


def add_parameter(type: str, name: str, number: int, fields: dict[str, Field]) -> None:
    """Let layers of a type that Caffe does not have keep their arguments under a field of theirs.

    Raises:
        PlanError: the name or the number is another field's.
    """
    known = LAYER.by_number.get(number, (name,))[0]
    if known != name or (name in LAYER.fields and TYPE_PARAMETERS.get(type) != (name,)):
        raise PlanError(
            f"layer type {type!r}: field {name!r} of number {number} is taken by {known!r} in"
            " Caffe's layers; choose another"
        )
    table = Message(fields)
    PARAMETERS[name] = Parameter(name, number, None, table)
    TYPE_PARAMETERS[type] = (name,)
    LAYER.fields[name] = _later(number, table)
    LAYER.by_number[number] = (name, LAYER.fields[name])
