"""GoogLeNet: Szegedy et al., "Going deeper with convolutions", CVPR 2015 (arXiv 1409.4842).

Rows, names and initial weights are those of BVLC GoogLeNet.
"""

from __future__ import annotations

from typing import Any

from deelish.formats.chainer.weights import Example
from deelish.networks.family import Card, Family
from deelish.networks.parts import whole_map
from deelish.networks.register import network
from deelish.plan import Layer

# For each block: 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5, pool_proj.
BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED_AFTER = {"3b": "pool3/3x3_s2", "4e": "pool4/3x3_s2"}
AUXILIARY_AFTER = {"4a": "loss1", "4d": "loss2"}
NORM: dict[str, Any] = {"local_size": 5, "alpha": 1e-4, "beta": 0.75}
# Links of chainer.links.Inception.
BRANCHES = {
    "conv1": "1x1",
    "proj3": "3x3_reduce",
    "conv3": "3x3",
    "proj5": "5x5_reduce",
    "conv5": "5x5",
    "projp": "pool_proj",
}
CHAINER = Example(
    {
        "conv1": "conv1/7x7_s2",
        "conv2_reduce": "conv2/3x3_reduce",
        "conv2": "conv2/3x3",
        **{
            f"inc{block}/{link}": f"inception_{block}/{branch}"
            for block in BLOCKS
            for link, branch in BRANCHES.items()
        },
        **{
            f"{name}_{link}": f"{name}/{layer}"
            for name in AUXILIARY_AFTER.values()
            for link, layer in (("conv", "conv"), ("fc1", "fc"), ("fc2", "classifier"))
        },
        "loss3_fc": "loss3/classifier",
    },
    # Chainer's alpha counts for the sum of a window, Caffe's for its mean over 5 channels.
    "that network has LRN of k 2 and alpha 5e-4, not 1 and 1e-4, and may take other pixels",
)


def rows(outputs: int, size: int) -> list[Layer]:
    """Two convolutions, nine inception blocks, two auxiliary classifiers, the mean of the map."""
    made = [
        *_conv("conv1/7x7_s2", "data", 64, 7, "conv1/relu_7x7", stride=2, pad=3),
        Layer("pool1/3x3_s2", "Pooling", kernel_size=3, stride=2),
        Layer("pool1/norm1", "LRN", **NORM),
        *_conv("conv2/3x3_reduce", "pool1/norm1", 64, 1, "conv2/relu_3x3_reduce"),
        *_conv("conv2/3x3", "conv2/3x3_reduce", 192, 3, "conv2/relu_3x3", pad=1),
        Layer("conv2/norm2", "LRN", **NORM),
        Layer("pool2/3x3_s2", "Pooling", kernel_size=3, stride=2),
    ]
    last = "pool2/3x3_s2"
    for block, widths in BLOCKS.items():
        made += _inception(f"inception_{block}", last, widths)
        last = f"inception_{block}/output"
        if block in AUXILIARY_AFTER:
            made += _auxiliary(AUXILIARY_AFTER[block], last, outputs, size)
        if block in POOLED_AFTER:
            made.append(Layer(POOLED_AFTER[block], "Pooling", last, kernel_size=3, stride=2))
            last = POOLED_AFTER[block]
    return [
        *made,
        whole_map("pool5/7x7_s1", last, 7, size),
        Layer("pool5/drop_7x7_s1", "Dropout", dropout_ratio=0.4),
        Layer("loss3/classifier", "InnerProduct", num_output=outputs, weight_filler="xavier"),
        Layer("prob", "Softmax"),
    ]


def _conv(
    name: str, bottom: str, width: int, kernel: int, relu: str, **args: Any
) -> tuple[Layer, Layer]:
    """A convolution and its ReLU, filled as BVLC fills them: Xavier, biases at 0.2."""
    filled = {"weight_filler": "xavier", "bias_filler": 0.2, **args}
    phase = filled.pop("phase", None)
    row = Layer(
        name, "Convolution", bottom, (), phase, num_output=width, kernel_size=kernel, **filled
    )
    return row, Layer(relu, "ReLU", name, phase=phase)


def _inception(block: str, bottom: str, widths: tuple[int, ...]) -> list[Layer]:
    """Four branches side by side: 1x1, 3x3, 5x5, and a pooling with a projection (figure 2b)."""
    one, three_reduce, three, five_reduce, five, projection = widths

    def conv(name: str, width: int, kernel: int, below: str = bottom) -> tuple[Layer, Layer]:
        pad = kernel // 2
        return _conv(f"{block}/{name}", below, width, kernel, f"{block}/relu_{name}", pad=pad)

    return [
        *conv("1x1", one, 1),
        *conv("3x3_reduce", three_reduce, 1),
        *conv("3x3", three, 3, f"{block}/3x3_reduce"),
        *conv("5x5_reduce", five_reduce, 1),
        *conv("5x5", five, 5, f"{block}/5x5_reduce"),
        Layer(f"{block}/pool", "Pooling", bottom, kernel_size=3, stride=1, pad=1),
        *conv("pool_proj", projection, 1, f"{block}/pool"),
        Layer(
            f"{block}/output",
            "Concat",
            [f"{block}/{branch}" for branch in ("1x1", "3x3", "5x5", "pool_proj")],
        ),
    ]


def _auxiliary(name: str, bottom: str, outputs: int, size: int) -> list[Layer]:
    """A classifier half-way up, which exists only in training."""
    # Below 80 pixels the map is less than 5 wide, and its whole mean is taken.
    window = {"kernel_size": 5, "stride": 3} if size >= 80 else {"global_pooling": True}
    filled: dict[str, Any] = {"weight_filler": "xavier", "phase": "TRAIN"}
    return [
        Layer(f"{name}/ave_pool", "Pooling", bottom, pool="AVE", phase="TRAIN", **window),
        *_conv(f"{name}/conv", f"{name}/ave_pool", 128, 1, f"{name}/relu_conv", phase="TRAIN"),
        Layer(f"{name}/fc", "InnerProduct", num_output=1024, bias_filler=0.2, **filled),
        Layer(f"{name}/relu_fc", "ReLU", phase="TRAIN"),
        Layer(f"{name}/drop_fc", "Dropout", dropout_ratio=0.7, phase="TRAIN"),
        Layer(f"{name}/classifier", "InnerProduct", num_output=outputs, **filled),
    ]


@network("googlenet")
class GoogLeNet(Family):
    """GoogLeNet; in_size from 32 up, of which the last pooling takes the whole map.

    Two auxiliary classifiers, of weight 0.3, help while it trains on labels.
    """

    weights = Card(
        name="googlenet",
        family="GoogLeNet",
        rows=rows,
        paper="Szegedy et al., CVPR 2015, arXiv 1409.4842",
        accuracy="68.7 / 88.9 %",
        auxiliary={f"{name}/classifier": 0.3 for name in AUXILIARY_AFTER.values()},
        file="bvlc_googlenet.caffemodel",
        address="http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
        checksum="sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204",
        project="github.com/BVLC/caffe",
        licence="unrestricted use",
        note="BVLC GoogLeNet, 1000 classes of ImageNet",
        chainer=CHAINER,
    )
