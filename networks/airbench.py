"""Airbench: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv 2404.00498).

A convolution that whitens patches of two by two pixels, then three groups of two convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from deelish.common.checks import is_count
from deelish.errors import DataError, PlanError
from deelish.images.dataset import Dataset
from deelish.language.network import Network
from deelish.language.session import current_session
from deelish.network.labels import Labels, outputs_of
from deelish.networks.family import check_modelpath
from deelish.networks.register import network
from deelish.plan import Layer, Plan

WHITENING = "whitening"
# Patches of 2 x 2 pixels and 3 channels.
SIDE, CHANNELS = 2, 3
# Added to the variances that filters divide by, of pixels whose deviation is about 1: section 3.2.
FLOOR = 5e-4
# Section 3.4: biases learn 64 times as fast as weights, and their decay is no larger for it.
BIAS = {"lr_mult": 64.0, "decay_mult": 1 / 64}
# The statistics of 1 / (1 - 0.6) batches are in the running ones.
KEPT = 0.6


@network("airbench")
class Airbench(Network):
    """The network of airbench94, for 32 pixels and ten classes: 1,971,640 parameters.

    `whiten` sets its first layer from the training images; call it before the training. Pixels are
    whole numbers from -128 to 127 over 64, which reduced precision holds exactly: small differences
    between neighbours survive.

    Args:
        modelpath: weights to start from.
        labels: a file, a list of names, or a count; it sets the number of outputs (10).
        in_size: side of the images, from 9 up.
        outputs: the number of outputs, where there are no labels.
        dropout: fraction of what the last layer reads that is left out in training.
        widths: channels of the three groups.
    """

    def __init__(
        self,
        modelpath: str | Path | None = None,
        *,
        labels: Labels | None = None,
        in_size: int = 32,
        outputs: int | None = None,
        dropout: float = 0.0,
        widths: Sequence[int] = (64, 256, 256),
    ) -> None:
        check_modelpath(type(self).__name__, modelpath)
        super().__init__(
            _plan(outputs_of(labels, outputs, 10), in_size, dropout, widths),
            labels=outputs if labels is None else labels,
            modelpath=modelpath,
            in_size=in_size,
            order="RGB",
            mean=(128.0,),
            scale=1 / 64,
            crop=1.0,
        )

    def whiten(self, images: int = 5000) -> None:
        """Set the first layer from so many training images of `InputBatch`, drawn by the seed.

        Its filters are the eigenvectors of the patches' covariance, each over the root of its
        eigenvalue, and their negatives (section 3.2).

        Raises:
            DataError: InputBatch has not named the images yet, or one cannot be read.
            PlanError: `images` is no whole number above 0.
        """
        if not is_count(images):
            raise PlanError(f"{self.name}.whiten(images={images!r}): give a whole number above 0")
        dataset = current_session().dataset
        if not isinstance(dataset, Dataset):
            raise DataError(
                f"{self.name}.whiten: there are no images; call InputBatch(train=...) first"
            )
        patches, seen = np.zeros((SIDE * SIDE * CHANNELS,) * 2), 0
        for pixels in dataset.drawn(images, self.preprocessing.rendering()):
            each = _patches(self.preprocessing.apply(pixels))
            patches += each.T @ each
            seen += len(each)
        values = self.engine.state(self.module)
        values[WHITENING]["weight"] = _filters(patches / seen)
        self.module = self.engine.build(self.plan, values)
        self.version += 1


def _patches(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Images (n, 3, h, w) -> their patches (n * (h - 1) * (w - 1), 12)."""
    windows = sliding_window_view(values, (SIDE, SIDE), (2, 3)).transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(-1, SIDE * SIDE * CHANNELS).astype(np.float64)


def _filters(covariance: NDArray[np.float64]) -> NDArray[np.float32]:
    """The weights (24, 3, 2, 2) that whiten patches of this covariance (12, 12)."""
    variances, vectors = np.linalg.eigh(covariance)
    rows = (vectors / np.sqrt(variances + FLOOR)).T[::-1]
    # The sign of an eigenvector is the library's choice; so it is the same everywhere.
    largest = abs(rows).argmax(1)
    rows = rows * np.sign(rows[np.arange(len(rows)), largest])[:, np.newaxis]
    both = np.concatenate([rows, -rows]).astype(np.float32)
    return both.reshape(-1, CHANNELS, SIDE, SIDE)


def _plan(outputs: int, size: int, dropout: float, widths: Sequence[int]) -> Plan:
    if not isinstance(widths, Sequence) or len(widths) != 3 or not all(map(is_count, widths)):
        raise PlanError(
            f"Airbench(widths={widths!r}): give the channels of each of the three groups:"
            " widths=(64, 256, 256)"
        )
    rows = [
        Layer(
            WHITENING,
            "Convolution",
            num_output=2 * SIDE * SIDE * CHANNELS,
            kernel_size=SIDE,
            weight_filler="xavier",
            param=[{"lr_mult": 0.0, "decay_mult": 0.0}, {}],
        ),
        Layer("gelu", "GELU"),
    ]
    for number, width in enumerate(widths, start=1):
        rows += _convolved(f"{number}a", width)
        rows.append(Layer(f"pool{number}", "Pooling", kernel_size=2, stride=2, round_mode="FLOOR"))
        rows += _normalised(f"{number}a", width)
        rows += [*_convolved(f"{number}b", width), *_normalised(f"{number}b", width)]
    bound = widths[-1] ** -0.5
    rows.append(Layer("pool", "Pooling", global_pooling=True))
    if dropout:
        rows.append(Layer("drop", "Dropout", dropout_ratio=dropout))
    rows += [
        Layer(
            "fc",
            "InnerProduct",
            num_output=outputs,
            bias_term=False,
            weight_filler={"type": "uniform", "min": -bound, "max": bound},
        ),
        Layer("score", "Power", scale=1 / 9),
        Layer("prob", "Softmax"),
    ]
    return Plan(rows, {"data": (1, CHANNELS, size, size)}, "Airbench")


def _convolved(name: str, width: int) -> list[Layer]:
    return [
        Layer(
            f"conv{name}",
            "Convolution",
            num_output=width,
            kernel_size=3,
            pad=1,
            bias_term=False,
            weight_filler="dirac",
        )
    ]


def _normalised(name: str, width: int) -> list[Layer]:
    return [
        Layer(f"norm{name}", "BatchNorm", eps=1e-12, moving_average_fraction=KEPT),
        Layer(f"bias{name}", "Bias", param=[BIAS]),
        Layer(f"gelu{name}", "GELU"),
    ]
