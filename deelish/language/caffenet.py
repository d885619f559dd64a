"""Any network that Caffe wrote, opened by one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.formats.caffe.network import NetOptions
from deelish.formats.match import Allowed
from deelish.language.network import Network
from deelish.network.labels import LabelNames, Labels, outputs_of
from deelish.network.opening import parts_of_caffe
from deelish.network.pretrained import find_model
from deelish.plan.preprocessing import check_range


class CaffeNet(Network):
    """A network of Caffe: ``CaffeNet("old.caffemodel")``, or with its net in text.

    All formats open: .caffemodel of 2013 (V0), 2014 (V1) and today, Caffe's HDF5 weights, and
    .prototxt of the same three. The net runs as in Caffe's TEST phase, by the same numbers; it can
    be teacher or student, be trained further, saved and exported.

    Args:
        modelpath: the weights; left out, the net of the .prototxt starts from initial weights.
        prototxt: the net in text, where the .caffemodel has no net inside, or another is wanted.
        outputs: the number of classes; another than the file's makes the last layer new.
        labels: a file, a list of names, or a count; it must fit the outputs, or replaces them.
        in_size: side of the images, where it is not the file's.
        mean: what is taken off each pixel: one number, one a channel, or a .binaryproto, whose
            mean of each channel is taken. Left out, the file's own, else that of ImageNet.
        allow_missing: run layers without weights in the file on their initial weights.
        allow_nonfinite: take weights that are NaN or infinite.
        level, stages: of the net, for layers with rules on them.
        **preprocessing: order ("BGR"), scale, crop.

    Raises:
        CaffeError: a file is damaged or of another format, or has a layer that deelish lacks.
        FileError: a file is missing, or the weights do not fit the net.

    >>> opened = CaffeNet("net.caffemodel", mean=127.5, scale=1 / 127.5, labels="data/labels.txt")
    >>> opened.layerDim("conv1")
    (4, 16, 16)
    """

    @checked_call("order", "scale", "crop")
    def __init__(
        self,
        modelpath: str | Path | None = None,
        prototxt: str | Path | None = None,
        outputs: int | None = None,
        labels: Labels | None = None,
        in_size: int | None = None,
        *,
        mean: float | Sequence[float] | str | Path | None = None,
        allow_missing: bool = False,
        allow_nonfinite: bool = False,
        level: int = 0,
        stages: Iterable[str] = (),
        **preprocessing: Any,
    ) -> None:
        check_range("CaffeNet", mean, preprocessing.get("scale"))
        chosen = labels is not None or outputs is not None
        options = NetOptions(
            outputs_of(labels, outputs, 1) if chosen else None,
            in_size,
            mean,
            preprocessing,
            level,
            tuple(stages),
            Allowed(chosen, True, allow_missing, allow_nonfinite),
        )
        weights = None if modelpath is None else find_model(modelpath)
        definition = None if prototxt is None else find_model(prototxt)
        names = None if labels is None else LabelNames.of(labels).names
        self._start(parts_of_caffe(weights, definition, names, options))
