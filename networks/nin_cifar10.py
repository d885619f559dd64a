"""Network in Network for CIFAR-10: Lin, Chen and Yan, ICLR 2014 (arXiv 1312.4400), section 4.2.

Rows and names are those of the authors' CIFAR-10 net; initial weights follow He et al. 2015.
"""

from __future__ import annotations

from deelish.networks.family import Card, Family
from deelish.networks.nin import PAPER
from deelish.networks.parts import ALIVE, conv, first_layer, max_pool
from deelish.networks.register import network
from deelish.plan import Layer

CIFAR_10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def rows(outputs: int, size: int) -> list[Layer]:
    """Three convolutions, each followed by two of 1x1; a mean for a classifier."""
    return [
        *conv("conv1", 192, 5, pad=2, weight_filler=first_layer(5 * 5 * 3)),
        *conv("cccp1", 160, 1, relu="relu_cccp1"),
        *conv("cccp2", 96, 1, relu="relu_cccp2"),
        max_pool("pool1", 3, 2),
        Layer("drop3", "Dropout", dropout_ratio=0.5),
        *conv("conv2", 192, 5, pad=2),
        *conv("cccp3", 192, 1, relu="relu_cccp3"),
        *conv("cccp4", 192, 1, relu="relu_cccp4"),
        Layer("pool2", "Pooling", pool="AVE", kernel_size=3, stride=2),
        Layer("drop6", "Dropout", dropout_ratio=0.5),
        *conv("conv3", 192, 3, pad=1),
        *conv("cccp5", 192, 1, relu="relu_cccp5"),
        # This ReLU on the scores can die for all classes: see ALIVE.
        *conv("cccp6", outputs, 1, relu="relu_cccp6", bias_filler=ALIVE),
        Layer("pool3", "Pooling", pool="AVE", global_pooling=True),
        Layer("prob", "Softmax"),
    ]


@network("nin_cifar10")
class NetworkInNetworkCIFAR10(Family):
    """The CIFAR-10 NIN: 32 pixels, ten classes; in_size from 4 up."""

    weights = Card(
        name="nin_cifar10",
        family="NetworkInNetworkCIFAR10",
        rows=rows,
        paper=PAPER,
        accuracy="89.6 % of CIFAR-10",
        outputs=10,
        size=32,
        mean=(113.9, 123.0, 125.3),
        crop=1.0,
        labels=CIFAR_10,
        file="cifar10_nin.caffemodel",
        checksum="sha1:8e89c8fcd46e02780e16c867a5308e7bb7af0803",
        project="gist.github.com/mavenlin/e56253735ef32c3c296d",
        licence="see the authors' page",
        note="trained on whitened images: on plain ones the file does worse than published",
    )
