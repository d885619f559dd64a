"""Two networks in files, a picture, and a page of both."""

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the package starlette is not installed")
pytest.importorskip("uvicorn", reason="the package uvicorn is not installed")
from cli.page.serving import served
from models_of_others import small_network

from deelish import Deel

LABELS = ["cat", "dog", "fox", "größe", "<b>x</b>"]


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A network as .hdf5, and another one as .onnx."""
    pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    folder = tmp_path_factory.mktemp("served")
    with Deel(seed=1):
        for name in ("first.hdf5", "second.onnx"):
            made = small_network(labels=LABELS)
            made.untrained.clear()
            (made.export if name.endswith("onnx") else made.save)(folder / name)
    return folder / "first.hdf5", folder / "second.onnx"


@pytest.fixture(scope="session")
def page(files):
    with served(files) as address:
        yield address


def encoded(kind="JPEG", size=(64, 48), **options):
    """The bytes of a noisy picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return content.getvalue()


@pytest.fixture
def picture():
    return encoded()
