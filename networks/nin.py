"""Network in Network: Lin, Chen and Yan, ICLR 2014 (arXiv 1312.4400).

Rows and names are those of the authors' ImageNet net; initial weights follow He et al. 2015.
"""

from __future__ import annotations

from deelish.formats.chainer.weights import Example
from deelish.networks.family import Card, Family
from deelish.networks.parts import ALIVE, conv, first_layer, max_pool
from deelish.networks.register import network
from deelish.plan import Layer

PAPER = "Lin, Chen and Yan, ICLR 2014, arXiv 1312.4400"
PIXELS = first_layer(11 * 11 * 3)
CHAINER = Example(
    {
        f"mlpconv{block}/{number}": layer
        for block, layers in enumerate(
            (
                ("conv1", "cccp1", "cccp2"),
                ("conv2", "cccp3", "cccp4"),
                ("conv3", "cccp5", "cccp6"),
                ("conv4-1024", "cccp7-1024", "cccp8-1024"),
            ),
            start=1,
        )
        for number, layer in enumerate(layers)
    },
    "that network has no ReLU after its last convolution, and may take other pixels",
)


def rows(outputs: int, size: int) -> list[Layer]:
    """Four convolutions, each followed by two of 1x1; a mean for a classifier."""
    return [
        *conv("conv1", 96, 11, stride=4 if size >= 96 else 2, weight_filler=PIXELS, relu="relu0"),
        *conv("cccp1", 96, 1, relu="relu1"),
        *conv("cccp2", 96, 1, relu="relu2"),
        max_pool("pool1", 3, 2),
        *conv("conv2", 256, 5, relu="relu3", pad=2),
        # The authors count no relu4.
        *conv("cccp3", 256, 1, relu="relu5"),
        *conv("cccp4", 256, 1, relu="relu6"),
        max_pool("pool2", 3, 2),
        *conv("conv3", 384, 3, relu="relu7", pad=1),
        *conv("cccp5", 384, 1, relu="relu8"),
        *conv("cccp6", 384, 1, relu="relu9"),
        max_pool("pool3", 3, 2),
        Layer("drop", "Dropout", dropout_ratio=0.5),
        # These layers are called after their width, the last by mistake; their blobs are not.
        *conv("conv4-1024", 1024, 3, relu="relu10", top="conv4", pad=1),
        *conv("cccp7-1024", 1024, 1, relu="relu11", top="cccp7"),
        *conv("cccp8-1024", outputs, 1, relu="relu12", top="cccp8", bias_filler=ALIVE),
        Layer("pool4", "Pooling", pool="AVE", global_pooling=True),
        Layer("prob", "Softmax"),
    ]


@network("nin")
class NetworkInNetwork(Family):
    """The ImageNet NIN; in_size from 32 up.

    Below 96 pixels the first stride is 2 instead of 4, so that something is left to pool.
    """

    weights = Card(
        name="nin",
        family="NetworkInNetwork",
        rows=rows,
        paper=PAPER,
        accuracy="59.4 %",
        size=227,
        crop=227 / 256,
        file="nin_imagenet.caffemodel",
        project="gist.github.com/mavenlin/d802a5849de39225bcc6",
        licence="BSD",
        note="trained with a mean image, for which the usual mean of ImageNet is used here",
        chainer=CHAINER,
    )
