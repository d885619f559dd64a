"""Caffe's nets, layers and blobs as tables: field names, numbers and kinds, to read and to write.

Source: caffe.proto of BVLC Caffe. The arguments of layer types are in `deelish.caffe.parameters`.
"""

from __future__ import annotations

from deelish.caffe.fields import (
    SHAPE,
    Field,
    Message,
    enum,
    integer,
    integers,
    message,
    messages,
    string,
    strings,
)
from deelish.caffe.parameters import PARAMETERS

# An unknown number to Caffe, so every reader skips it; it holds deelish's own plan as JSON.
NOTE_FIELD = 2016

BLOB = Message(
    {
        "num": integer(1),
        "channels": integer(2),
        "height": integer(3),
        "width": integer(4),
        "shape": message(7, SHAPE),
        "data": Field(5, "array", repeated=True),
        "double_data": Field(8, "array", repeated=True),
    }
)

RULE = Message(
    {
        "phase": enum(1, "TRAIN", "TEST"),
        "min_level": integer(2),
        "max_level": integer(3),
        "stage": strings(4),
        "not_stage": strings(5),
    }
)


# V1LayerParameter.LayerType, by number, as the types are called today.
_V1_NAMES = (
    "None Accuracy BNLL Concat Convolution Data Dropout EuclideanLoss Flatten HDF5Data"
    " HDF5Output Im2col ImageData InfogainLoss InnerProduct LRN MultinomialLogisticLoss"
    " Pooling ReLU Sigmoid Softmax SoftmaxWithLoss Split TanH WindowData Eltwise Power"
    " SigmoidCrossEntropyLoss HingeLoss MemoryData ArgMax Threshold DummyData Slice MVN"
    " AbsVal Silence ContrastiveLoss Exp Deconvolution"
)
V1_TYPES: dict[int, str] = dict(enumerate(_V1_NAMES.split()))

LAYER = Message(
    {
        "name": string(1),
        "type": string(2),
        "bottom": strings(3),
        "top": strings(4),
        "include": messages(8, RULE),
        "exclude": messages(9, RULE),
        **{row.name: message(row.number, row.message) for row in PARAMETERS.values()},
        "blobs": messages(7, BLOB, lazy=True),
    }
)

V1_LAYER = Message(
    {
        "layer": messages(1, Message({}), lazy=True),
        "bottom": strings(2),
        "top": strings(3),
        "name": string(4),
        "type": Field(5, "enum", words=V1_TYPES),
        "include": messages(32, RULE),
        "exclude": messages(33, RULE),
        **{
            row.name: message(row.v1_number, row.message)
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
        "layer": messages(100, LAYER, lazy=True),
        "note": string(NOTE_FIELD),
    }
)
