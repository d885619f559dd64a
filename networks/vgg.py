"""Two networks of Oxford's Visual Geometry Group: VGG-16 and CNN-S.

VGG-16: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
recognition", ICLR 2015 (arXiv 1409.1556), configuration D. CNN-S: Chatfield et al., "Return of the
devil in the details", BMVC 2014 (arXiv 1405.3531). Neither was published with its training net:
the initial weights follow He et al. 2015, the plan's default.
"""

from __future__ import annotations

from deelish.networks.family import Card, Family
from deelish.networks.parts import connected, conv, first_layer, max_pool
from deelish.networks.register import network
from deelish.plan import Layer

# How many convolutions each of VGG-16's five stages has, and how wide they are.
STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
MEAN = (103.939, 116.779, 123.68)
OXFORD = "http://www.robots.ox.ac.uk/~vgg/software"


def vgg16(outputs: int, size: int) -> list[Layer]:
    """Thirteen convolutions of 3 x 3 in five stages, three fully connected layers."""
    rows = []
    for stage, (count, width) in enumerate(STAGES, start=1):
        for number in range(1, count + 1):
            first = {"weight_filler": first_layer(3 * 3 * 3)} if (stage, number) == (1, 1) else {}
            rows += conv(f"conv{stage}_{number}", width, 3, pad=1, **first)
        rows.append(max_pool(f"pool{stage}", 2, 2))
    return [*rows, *head(4096, "fc8", outputs)]


def cnn_s(
    outputs: int, size: int, *, k: float = 2.0, pad: int = 0, width: int = 4096, last: str = "fc8"
) -> list[Layer]:
    """CNN-S, the slow one: seven pixels wide filters first, five convolutions in all.

    `k` and `pad` are those of norm1 and conv2, `width` is that of fc6 and fc7, and `last` names
    the classifier: nets made from this one differ there.
    """
    return [
        *conv("conv1", 96, 7, stride=2, weight_filler=first_layer(7 * 7 * 3)),
        Layer("norm1", "LRN", local_size=5, alpha=5e-4, beta=0.75, k=k),
        max_pool("pool1", 3, 3),
        *conv("conv2", 256, 5, pad=pad),
        max_pool("pool2", 2, 2),
        *conv("conv3", 512, 3, pad=1),
        *conv("conv4", 512, 3, pad=1),
        *conv("conv5", 512, 3, pad=1),
        max_pool("pool5", 3, 3),
        *head(width, last, outputs),
    ]


def head(width: int, last: str, outputs: int) -> list[Layer]:
    """Two fully connected layers, the classifier and its softmax."""
    return [
        *connected(6, width),
        *connected(7, width),
        Layer(last, "InnerProduct", num_output=outputs),
        Layer("prob", "Softmax"),
    ]


@network("vgg16")
class VGG16(Family):
    """VGG-16: thirteen convolutions, half a gigabyte of weights at 224; in_size from 32 up."""

    weights = Card(
        name="vgg16",
        family="VGG16",
        rows=vgg16,
        paper="Simonyan and Zisserman, ICLR 2015, arXiv 1409.1556",
        accuracy="71.5 / 90.1 %",
        mean=MEAN,
        file="VGG_ILSVRC_16_layers.caffemodel",
        address=f"{OXFORD}/very_deep/caffe/VGG_ILSVRC_16_layers.caffemodel",
        checksum="sha1:9363e1f6d65f7dba68c4f27a1e62105cdf6c4e24",
        project="www.robots.ox.ac.uk/~vgg/research/very_deep",
        licence="CC BY 4.0",
    )


@network("vgg_s")
class VGGS(Family):
    """CNN-S, which Caffe's model zoo calls VGG_CNN_S; in_size from 31 up."""

    weights = Card(
        name="vgg_s",
        family="VGGS",
        rows=cnn_s,
        paper="Chatfield, Simonyan, Vedaldi and Zisserman, BMVC 2014, arXiv 1405.3531",
        accuracy="84.6 % among five",
        mean=MEAN,
        file="VGG_CNN_S.caffemodel",
        address=f"{OXFORD}/deep_eval/releases/bvlc/VGG_CNN_S.caffemodel",
        project="www.robots.ox.ac.uk/~vgg/research/deep_eval",
        licence="non-commercial use only",
        note="trained with a mean image of its own, for which the mean of VGG-16 is used here",
    )
