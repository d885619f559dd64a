"""Where each layer type keeps its arguments: all parameters by name, and which a type reads."""

from __future__ import annotations

from dataclasses import dataclass

from deelish.formats.caffe.arguments import ARGUMENTS, FORKS
from deelish.formats.caffe.feeds import FEEDS
from deelish.formats.caffe.fields import Message


@dataclass(frozen=True)
class Parameter:
    """A field of a layer that holds arguments: name, number, number in V1 files, its fields."""

    name: str
    number: int
    v1_number: int | None
    message: Message


PARAMETERS: dict[str, Parameter] = {
    name: Parameter(name, number, v1_number, Message(fields))
    for name, (number, v1_number, fields) in (ARGUMENTS | FEEDS | FORKS).items()
}

# The parameters that a layer type reads, the one with its own arguments first. Where two have a
# field of one name, the first counts.
TYPE_PARAMETERS: dict[str, tuple[str, ...]] = {
    "AbsVal": (),
    "Accuracy": ("accuracy_param",),
    "ArgMax": ("argmax_param",),
    "BNLL": (),
    "BatchNorm": ("batch_norm_param",),
    "BatchReindex": (),
    "Bias": ("bias_param",),
    "Clip": ("clip_param",),
    "Concat": ("concat_param",),
    "ContrastiveLoss": ("contrastive_loss_param",),
    "Convolution": ("convolution_param",),
    "Crop": ("crop_param",),
    "Data": ("data_param", "transform_param"),
    "Deconvolution": ("convolution_param",),
    "Dropout": ("dropout_param",),
    "DummyData": ("dummy_data_param",),
    "ELU": ("elu_param",),
    "Eltwise": ("eltwise_param",),
    "Embed": ("embed_param",),
    "EuclideanLoss": (),
    "Exp": ("exp_param",),
    "Filter": (),
    "Flatten": ("flatten_param",),
    "HDF5Data": ("hdf5_data_param",),
    "HDF5Output": ("hdf5_output_param",),
    "HingeLoss": ("hinge_loss_param",),
    "Im2col": ("convolution_param",),
    "ImageData": ("image_data_param", "transform_param"),
    "InfogainLoss": ("infogain_loss_param", "loss_param"),
    "InnerProduct": ("inner_product_param",),
    "Input": ("input_param",),
    "LRN": ("lrn_param",),
    "LSTM": ("recurrent_param",),
    "LSTMUnit": (),
    "Log": ("log_param",),
    "MVN": ("mvn_param",),
    "MemoryData": ("memory_data_param", "transform_param"),
    "MultinomialLogisticLoss": (),
    "PReLU": ("prelu_param",),
    "Parameter": ("parameter_param",),
    "Pooling": ("pooling_param",),
    "Power": ("power_param",),
    "Python": ("python_param",),
    "RNN": ("recurrent_param",),
    "ReLU": ("relu_param",),
    "Reduction": ("reduction_param",),
    "Reshape": ("reshape_param",),
    "SPP": ("spp_param",),
    "Scale": ("scale_param",),
    "Sigmoid": ("sigmoid_param",),
    "SigmoidCrossEntropyLoss": ("loss_param",),
    "Silence": (),
    "Slice": ("slice_param",),
    "Softmax": ("softmax_param",),
    "SoftmaxWithLoss": ("loss_param", "softmax_param"),
    "Split": (),
    "Swish": ("swish_param",),
    "TanH": ("tanh_param",),
    "Threshold": ("threshold_param",),
    "Tile": ("tile_param",),
    "WindowData": ("window_data_param", "transform_param"),
    # Only in forks of Caffe.
    "Axpy": (),
    "ConvolutionDepthwise": ("convolution_param",),
    "DepthwiseConvolution": ("convolution_param",),
    "Interp": ("interp_param",),
    "Normalize": ("norm_param",),
    "Permute": ("permute_param",),
    "ReLU6": (),
    "Reorg": ("reorg_param",),
    "ShuffleChannel": ("shuffle_channel_param",),
    "Upsample": ("upsample_param",),
}
