"""Caffe's mean images: a .binaryproto is one blob."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.formats.caffe.blobs import read_blob
from deelish.formats.caffe.opening import open_source


def read_mean(path: str | Path) -> np.ndarray:
    """The mean image of a .binaryproto.

    Returns:
        float32, (channels, height, width), channels in the file's order, which is BGR in files of
        Caffe's own tools; a read-only view of the file.

    Raises:
        CaffeError: the file is missing, damaged or of another format, is no image, or holds NaN or
            infinities.
    """
    source = open_source(path, ".binaryproto")
    blob = read_blob(source, 0, len(source.data))
    mean = blob[0] if blob.ndim == 4 and len(blob) == 1 else blob
    if mean.ndim != 3:
        sides = " x ".join(map(str, blob.shape)) or "one number"
        raise source.error(
            0,
            f"it holds {sides}, and a mean is 1 x channels x height x width",
            "give a file of compute_image_mean",
        )
    if not np.isfinite(mean).all():
        raise source.error(0, "the mean holds NaN or infinities", "compute it again")
    return mean
