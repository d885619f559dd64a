"""Network in Network: Lin, Chen and Yan, ICLR 2014 (arXiv 1312.4400).

Rows and names are those of the authors' ImageNet model. Images are BGR, minus (104, 117, 123).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deelish.labels import Labels, outputs_of
from deelish.network import Network
from deelish.plan import Layer, Plan

CONVOLUTIONS = (
    *("conv1", "cccp1", "cccp2", "conv2", "cccp3", "cccp4"),
    *("conv3", "cccp5", "cccp6", "conv4", "cccp7", "cccp8"),
)
# Pixels spread by about 70, and 11 x 11 x 3 of them are summed: 1 / (70 sqrt(363)) makes outputs of
# unit size, from which He's rule for the other layers starts.
FIRST = {"type": "gaussian", "std": 0.00075}
# The last layer has a ReLU too. Where it dies for all classes, so does every gradient; from here
# it stays alive, and a number added to all classes changes no softmax.
ALIVE = 4.0


class NetworkInNetwork(Network):
    """The ImageNet NIN: four convolutions, each followed by two of 1x1; a mean for a classifier.

    Args:
        labels: a file, a list of names, or a count; it sets the number of outputs (1000).
        modelpath: weights to start from.
        in_size: side of the images, from 32 up; below 96 the first stride is 2 instead of 4, so
            that something is left to pool.
        outputs: the number of outputs, where there are no labels.
    """

    def __init__(
        self,
        labels: Labels | None = None,
        modelpath: str | Path | None = None,
        in_size: int = 227,
        outputs: int | None = None,
    ) -> None:
        super().__init__(
            _plan(outputs_of(labels, outputs, 1000), in_size),
            labels=outputs if labels is None else labels,
            modelpath=modelpath,
            in_size=in_size,
            order="BGR",
            mean=(104.0, 117.0, 123.0),
            scale=1.0,
            share=227 / 256 if in_size == 227 else 224 / 256,
        )


def _plan(outputs: int, size: int) -> Plan:
    rows = [
        *_conv("conv1", 96, 11, stride=4 if size >= 96 else 2, weight_filler=FIRST),
        *_conv("cccp1", 96),
        *_conv("cccp2", 96),
        Layer("pool1", "Pooling", kernel_size=3, stride=2),
        *_conv("conv2", 256, kernel_size=5, pad=2),
        *_conv("cccp3", 256),
        *_conv("cccp4", 256),
        Layer("pool2", "Pooling", kernel_size=3, stride=2),
        *_conv("conv3", 384, kernel_size=3, pad=1),
        *_conv("cccp5", 384),
        *_conv("cccp6", 384),
        Layer("pool3", "Pooling", kernel_size=3, stride=2),
        Layer("drop", "Dropout", dropout_ratio=0.5),
        *_conv("conv4", 1024, kernel_size=3, pad=1),
        *_conv("cccp7", 1024),
        *_conv("cccp8", outputs, bias_filler=ALIVE),
        Layer("pool4", "Pooling", pool="AVE", global_pooling=True),
        Layer("prob", "Softmax"),
    ]
    return Plan(rows, {"data": (1, 3, size, size)}, "NetworkInNetwork")


def _conv(name: str, width: int, kernel_size: int = 1, **args: Any) -> tuple[Layer, Layer]:
    """A convolution and its ReLU, counted from relu0 through the network."""
    row = Layer(name, "Convolution", num_output=width, kernel_size=kernel_size, **args)
    return row, Layer(f"relu{CONVOLUTIONS.index(name)}", "ReLU")
