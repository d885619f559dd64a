"""Rows that several families share, under the names that Caffe's nets give them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from deelish.plan import Layer

# Initial bias of a last layer that a ReLU follows. Where that ReLU dies for all
# classes, so does every gradient; from here it stays alive, and a number added to all classes
# changes no softmax.
ALIVE = 4.0


def gaussian(std: float) -> dict[str, Any]:
    """Caffe's filler of normal numbers around 0."""
    return {"type": "gaussian", "std": std}


def first_layer(inputs: int) -> dict[str, Any]:
    """The filler of a layer on pixels with `inputs` numbers an output, before "msra" layers.

    Pixels spread by about 70, and `inputs` of them are summed: so filled, the outputs are of unit
    size, from which He's rule for the other layers starts.
    """
    return gaussian(1 / (70 * math.sqrt(inputs)))


def conv(
    name: str, width: int, kernel_size: int, bottom: str | Iterable[str] = (), **args: Any
) -> list[Layer]:
    """A convolution and its ReLU, which is called relu1 after conv1 unless `relu` names it."""
    relu = args.pop("relu", name.replace("conv", "relu"))
    return [
        Layer(name, "Convolution", bottom, num_output=width, kernel_size=kernel_size, **args),
        Layer(relu, "ReLU"),
    ]


def max_pool(name: str, kernel_size: int, stride: int) -> Layer:
    """The maximum of each window."""
    return Layer(name, "Pooling", kernel_size=kernel_size, stride=stride)


def whole_map(name: str, bottom: str, kernel_size: int, size: int) -> Layer:
    """The mean of the last map: at 224 by the window of the published net, which is as wide."""
    window: dict[str, Any] = (
        {"kernel_size": kernel_size} if size == 224 else {"global_pooling": True}
    )
    return Layer(name, "Pooling", bottom, pool="AVE", **window)


def reduced(number: int, pool_first: bool) -> list[Layer]:
    """AlexNet's normalisation and pooling, in the paper's order or in Caffe's."""
    norm = Layer(f"norm{number}", "LRN", local_size=5, alpha=1e-4, beta=0.75)
    pool = max_pool(f"pool{number}", 3, 2)
    return [pool, norm] if pool_first else [norm, pool]


def connected(number: int, width: int, **args: Any) -> list[Layer]:
    """A fully connected layer such as fc6, its ReLU, and dropout of a half."""
    return [
        Layer(f"fc{number}", "InnerProduct", num_output=width, **args),
        Layer(f"relu{number}", "ReLU"),
        Layer(f"drop{number}", "Dropout", dropout_ratio=0.5),
    ]
