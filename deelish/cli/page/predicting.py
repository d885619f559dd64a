"""What several networks make of a picture: their five first classes, times, and where they look."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from deelish.cli.models import predictor_of
from deelish.common.html import data_uri
from deelish.errors import DataError, DeelishError
from deelish.images.decoding.decode import decode
from deelish.language.predicting import Predicting
from deelish.language.session import Deel
from deelish.network.explanation import ExplanationTensor
from deelish.network.outputs import LogitsTensor
from deelish.network.pretrained import find_model

TOP = 5


@dataclass(frozen=True)
class Served:
    """A network of the page: its name, the bytes of its file, and what computes."""

    name: str
    file_bytes: int
    network: Predicting

    def about(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {
            "name": self.name,
            "file_bytes": self.file_bytes,
            "parameters": self.network.parameters,
        }


class ServedNetworks:
    """The networks of a page, all of which compute in one thread, one picture at a time.

    Args:
        paths: their files.
        labels: a file with the names of the classes, or None for their own.

    Raises:
        FileError, CaffeError, DataError: a file that cannot be opened, or that has no classes.
    """

    def __init__(self, paths: Sequence[str], labels: str | None = None) -> None:
        self._thread = ThreadPoolExecutor(1)
        self.networks = self._thread.submit(_opened, paths, labels).result()

    @property
    def executor(self) -> ThreadPoolExecutor:
        """The thread in which `of` must be called."""
        return self._thread

    def of(self, data: bytes, *, attention: bool) -> dict[str, Any]:
        """What each network makes of a picture, as plain values for JSON.

        Args:
            data: the bytes of an image file, which a stranger may have made.
            attention: whether to show where each looks, too.

        Raises:
            DataError: it is no picture, is damaged, or has too many pixels.
        """
        pixels = decode("the picture", data)
        return {"networks": [_predicted(each, pixels, attention) for each in self.networks]}


def _opened(paths: Sequence[str], labels: str | None) -> list[Served]:
    Deel(seed=0)
    return [_served(find_model(path), labels) for path in paths]


def _served(path: Path, labels: str | None) -> Served:
    network = predictor_of(path, labels)
    if not network.has_classes or network.sequences is not None:
        raise DataError(
            f"{path}: predicts no classes of images, which the page shows; leave it out"
        )
    # The first picture would wait for what the first call prepares.
    network.batch_feature(np.full((64, 64, 3), 128, np.uint8))
    size = sum(file.stat().st_size for file in network.files or [path])
    return Served(path.name, size, network)


def _predicted(served: Served, pixels: np.ndarray, attention: bool) -> dict[str, Any]:
    start = time.perf_counter()
    # Its classes are known, so that its output is logits.
    logits = cast(LogitsTensor, served.network.batch_feature(pixels))
    (top,) = logits.top(TOP)
    milliseconds = 1000 * (time.perf_counter() - start)
    found: dict[str, Any] = {
        **served.about(),
        "top": top,
        "milliseconds": milliseconds,
        "attention": None,
    }
    if attention:
        found["attention"], found["why_not"] = _attention(served.network, pixels)
    return found


def _attention(network: Predicting, pixels: np.ndarray) -> tuple[str | None, str | None]:
    """A picture of where a network looks, as a URI; or why there is none."""
    try:
        made = network.explain(pixels)
    except DeelishError as error:
        return None, str(error)
    return data_uri(_jpeg(made), "jpeg"), None


def _jpeg(made: ExplanationTensor) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    shown = made.images[0].transpose(1, 2, 0).clip(0, 255).astype(np.uint8)
    Image.fromarray(shown).save(content, "JPEG", quality=85)
    return content.getvalue()
