"""Opening files: what is no .caffemodel is named for what it is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from deelish.errors import CaffeError, MissingFileError
from deelish.formats.caffe import read_net

Saved = Callable[[bytes], Path]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty; get it again"),
        (b"PK\x03\x04" + b"\0" * 40, "is a zip archive, or weights saved by PyTorch"),
        (b"\x80\x04\x95" + b"\0" * 40, "is a Python pickle"),
        (b"\x1f\x8b\x08" + b"\0" * 40, "is a gzip archive"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 40, "is HDF5"),
        (b"\n <!DOCTYPE html><html>404</html>", "is a web page, not a .caffemodel"),
        (b"# a net\nlayer {\n  name: 'x'\n}\n", "is text, as a .prototxt is, not a .caffemodel"),
    ],
)
def test_foreign_files_are_named(saved: Saved, content: bytes, text: str) -> None:
    path = saved(content)
    with pytest.raises(CaffeError, match=f"{re.escape(str(path))}: .*{re.escape(text)}"):
        read_net(path)


def test_hdf5_is_recognised_by_its_content(material: Path) -> None:
    with pytest.raises(
        CaffeError, match=r"is HDF5, not a \.caffemodel; .* give the \.prototxt first"
    ):
        read_net(material / "caffe-golden" / "hdf5_weights" / "net.caffemodel.h5")


def test_a_prototxt_given_as_weights(material: Path) -> None:
    with pytest.raises(CaffeError, match=r"is text, as a \.prototxt is, not a \.caffemodel; "):
        read_net(material / "caffe-golden" / "conv" / "net.prototxt")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no such file; give a binary \.caffemodel"):
        read_net(tmp_path / "none.caffemodel")
    with pytest.raises(CaffeError, match="is not a file"):
        read_net(tmp_path)
    with pytest.raises(CaffeError, match="cannot be read"):
        read_net("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in the file system")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaffeError, match="is not a file"):
        read_net(tmp_path / "pipe")
