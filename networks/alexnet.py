"""AlexNet: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
neural networks", NIPS 2012; and Caffe's reference net, which pools before it normalises.

Rows, names and initial weights are those of BVLC AlexNet and BVLC CaffeNet.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from deelish.networks.family import Card, Family
from deelish.networks.parts import connected, conv, gaussian, max_pool, reduced
from deelish.networks.register import network
from deelish.plan import Layer


def rows(outputs: int, size: int, *, pool_first: bool, bias: float) -> list[Layer]:
    """Five convolutions, three fully connected layers; `bias` starts those that the paper names."""
    narrow, wide = gaussian(0.005), gaussian(0.01)
    return [
        *conv("conv1", 96, 11, stride=4, weight_filler=wide),
        *reduced(1, pool_first),
        *conv("conv2", 256, 5, pad=2, group=2, weight_filler=wide, bias_filler=bias),
        *reduced(2, pool_first),
        *conv("conv3", 384, 3, pad=1, weight_filler=wide),
        *conv("conv4", 384, 3, pad=1, group=2, weight_filler=wide, bias_filler=bias),
        *conv("conv5", 256, 3, pad=1, group=2, weight_filler=wide, bias_filler=bias),
        max_pool("pool5", 3, 2),
        *connected(6, 4096, weight_filler=narrow, bias_filler=bias),
        *connected(7, 4096, weight_filler=narrow, bias_filler=bias),
        Layer("fc8", "InnerProduct", num_output=outputs, weight_filler=wide),
        Layer("prob", "Softmax"),
    ]


@network("alexnet")
class AlexNet(Family):
    """AlexNet in two groups, as in the paper; in_size from 39 up."""

    weights = Card(
        name="alexnet",
        family="AlexNet",
        rows=partial(rows, pool_first=False, bias=0.1),
        paper="Krizhevsky, Sutskever and Hinton, NIPS 2012",
        accuracy="57.1 / 80.2 %",
        size=227,
        crop=227 / 256,
        file="bvlc_alexnet.caffemodel",
        address="http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel",
        checksum="sha1:9116a64c0fbe4459d18f4bb6b56d647b63920377",
        project="github.com/BVLC/caffe",
        licence="unrestricted use",
        note="trained with a mean image, of which the mean of each channel is used here",
    )


@network("reference_caffenet")
class ReferenceCaffeNet(Family):
    """Caffe's reference net: AlexNet with its poolings before its normalisations; 39 pixels up."""

    weights = replace(
        AlexNet.weights,
        name="caffenet",
        family="ReferenceCaffeNet",
        rows=partial(rows, pool_first=True, bias=1.0),
        accuracy="57.4 / 80.4 %",
        file="bvlc_reference_caffenet.caffemodel",
        address="http://dl.caffe.berkeleyvision.org/bvlc_reference_caffenet.caffemodel",
        checksum="sha1:4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46",
    )
