"""What PyTorch and Keras call layer kinds and their arguments, for errors that name ours."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deelish.common.suggestions import nearest
from deelish.plan.layers import KINDS

# Names without their 1d, 2D or 3d, in lower case: our kind, and what else the row needs.
_KINDS: dict[str, tuple[str, str]] = {
    "conv": ("Convolution", ""),
    "convtranspose": ("Deconvolution", ""),
    "deconv": ("Deconvolution", ""),
    "depthwiseconv": ("DepthwiseConvolution", ""),
    "unfold": ("Im2col", ""),
    "linear": ("InnerProduct", ""),
    "dense": ("InnerProduct", ""),
    "fc": ("InnerProduct", ""),
    "fullyconnected": ("InnerProduct", ""),
    "embedding": ("Embed", ""),
    "maxpool": ("Pooling", "with pool='MAX'"),
    "maxpooling": ("Pooling", "with pool='MAX'"),
    "avgpool": ("Pooling", "with pool='AVE'"),
    "averagepooling": ("Pooling", "with pool='AVE'"),
    "adaptiveavgpool": ("Pooling", "with pool='AVE' and global_pooling=True"),
    "globalavgpool": ("Pooling", "with pool='AVE' and global_pooling=True"),
    "globalaveragepooling": ("Pooling", "with pool='AVE' and global_pooling=True"),
    "adaptivemaxpool": ("Pooling", "with global_pooling=True"),
    "globalmaxpool": ("Pooling", "with global_pooling=True"),
    "globalmaxpooling": ("Pooling", "with global_pooling=True"),
    "batchnorm": ("BatchNorm", "followed by a Scale with bias_term=True"),
    "batchnormalization": ("BatchNorm", "followed by a Scale with bias_term=True"),
    "syncbatchnorm": ("BatchNorm", "followed by a Scale with bias_term=True"),
    "instancenorm": ("MVN", ""),
    "localresponsenorm": ("LRN", ""),
    "leakyrelu": ("ReLU", "with negative_slope"),
    "silu": ("Swish", ""),
    "gelu": ("GELU", ""),
    "softplus": ("BNLL", ""),
    "hardtanh": ("Clip", "with min and max"),
    "abs": ("AbsVal", ""),
    "pow": ("Power", ""),
    "softmax": ("Softmax", ""),
    "dropout": ("Dropout", ""),
    "spatialdropout": ("Dropout", ""),
    "add": ("Eltwise", "with operation='SUM'"),
    "sum": ("Eltwise", "with operation='SUM'"),
    "subtract": ("Eltwise", "with coeff=(1, -1)"),
    "mul": ("Eltwise", "with operation='PROD'"),
    "multiply": ("Eltwise", "with operation='PROD'"),
    "maximum": ("Eltwise", "with operation='MAX'"),
    "cat": ("Concat", ""),
    "concatenate": ("Concat", ""),
    "chunk": ("Slice", ""),
    "view": ("Reshape", ""),
    "unflatten": ("Reshape", ""),
    "repeat": ("Tile", ""),
    "repeatvector": ("Tile", ""),
    "cropping": ("Crop", ""),
    "upsampling": ("Upsample", ""),
    "interpolate": ("Interp", ""),
    "resizing": ("Interp", ""),
    "channelshuffle": ("ShuffleChannel", ""),
    "simplernn": ("RNN", ""),
    "crossentropyloss": ("SoftmaxWithLoss", ""),
    "mseloss": ("EuclideanLoss", ""),
    "bcewithlogitsloss": ("SigmoidCrossEntropyLoss", ""),
}

# Names of arguments; of several of ours the kind takes one.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "out_channels": ("num_output",),
    "out_features": ("num_output",),
    "filters": ("num_output",),
    "units": ("num_output",),
    "hidden_size": ("num_output",),
    "embedding_dim": ("num_output",),
    "output_dim": ("num_output",),
    "num_embeddings": ("input_dim",),
    "kernel": ("kernel_size",),
    "pool_size": ("kernel_size",),
    "strides": ("stride",),
    "padding": ("pad",),
    "dilation_rate": ("dilation",),
    "groups": ("group",),
    "bias": ("bias_term",),
    "use_bias": ("bias_term",),
    "affine": ("bias_term",),
    "kernel_initializer": ("weight_filler", "filler"),
    "bias_initializer": ("bias_filler", "filler"),
    "ceil_mode": ("round_mode",),
    "p": ("dropout_ratio",),
    "rate": ("dropout_ratio",),
    "size": ("local_size", "scale"),
    "scale_factor": ("scale", "zoom_factor"),
    "alpha": ("negative_slope",),
    "epsilon": ("eps",),
    "dim": ("axis",),
    "dims": ("order",),
    "start_dim": ("axis",),
    "end_dim": ("end_axis",),
    "target_shape": ("shape",),
    "ignore_index": ("ignore_label",),
}
# The blob that a layer reads says it.
_INFERRED = frozenset(("in_channels", "in_features", "num_features", "input_size", "input_shape"))


def suggested_kind(type: str) -> str:
    """The end of an error about a type that no kind has."""
    word = re.sub(r"[123]d$", "", type.removeprefix("nn.").replace("_", "").lower())
    kind, needs = _KINDS.get(word, ("", ""))
    hint = nearest(type, KINDS, {type: kind})
    return f"{hint}, {needs}" if needs else hint


def suggested_argument(name: str, known: Iterable[str]) -> str:
    """The end of an error about an argument that a kind does not take."""
    if name in _INFERRED:
        return "leave it out, since the blob that the layer reads has it"
    return nearest(name, known, _ARGUMENTS)
