"""Converts a file of a network to another format."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from deelish.common.printing import say
from deelish.errors import FileError
from deelish.formats import format_of
from deelish.formats.native.module_file import holds_module
from deelish.formats.onnx.runtime import check_runtime
from deelish.network.model import Model
from deelish.network.opening import OpenOptions, open_parts
from deelish.network.pretrained import find_model
from deelish.network.verify import TOLERANCE, largest_difference
from deelish.storage.atomic import write_files


def convert(
    source: str | Path,
    target: str | Path,
    prototxt: str | Path | None = None,
    labels: str | Path | None = None,
    verify: bool = False,
    **options: Unpack[OpenOptions],
) -> Path:
    """Write the network in `source` as `target`, in the format of its file extension; print both.

    Args:
        source, prototxt, labels, **options: as `open_parts` takes them.
        target: an .onnx, .caffemodel, .hdf5 or .safetensors.
        verify: run both files on the same inputs; where their outputs differ, nothing is written.

    Raises:
        FileError: an unknown file extension, a target that is read too, or outputs that differ.
        DeelishError: the source cannot be opened.
    """
    source, target = find_model(source), Path(target)
    written = [target, *_companions(target)]
    check_paths([source, *([] if prototxt is None else [find_model(prototxt)])], written)
    if verify and target.suffix.lower() == ".onnx":
        check_runtime()
    if holds_module(source):
        raise FileError(
            f"{source}: holds a student made from a module, which is written as .onnx, .tflite,"
            " .pte, .xml or .param alone; give one of these"
        )
    network = Model.of(open_parts(source, prototxt, labels, **options))
    if verify:
        _save_verified(network, source, target)
    else:
        network.save(target)
    say_written(written)
    return target


def check_paths(read: Sequence[Path], written: Sequence[Path]) -> None:
    """Refuse to write where there is no folder, or over what is read.

    Raises:
        FileError: it names the path.
    """
    target = written[0]
    if not target.parent.is_dir():
        raise FileError(f"{target}: there is no folder {target.parent}; make it first")
    for path in read:
        _check_not_read(path, written)


def say_written(paths: Sequence[Path]) -> None:
    """Print what was written, with its size."""
    for path in paths:
        say(f"written: {path}, {_size(path)}")


def _size(path: Path) -> str:
    count = path.stat().st_size
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _companions(target: Path) -> list[Path]:
    companion = format_of(target).companion
    return [target.with_suffix(companion[0])] if companion else []


def _check_not_read(read: Path, written: Sequence[Path]) -> None:
    for path in written:
        if path.exists() and path.samefile(read):
            raise FileError(
                f"{path}: is read, and would be written over; give the target another name"
            )


def _save_verified(network: Model, source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="deelish-") as name:
        saved = network.save(Path(name) / target.name)
        difference, blob = largest_difference(network, saved)
        line = f"largest difference {difference:.1e} of the largest output ({blob})"
        if not difference <= TOLERANCE:
            raise FileError(
                f"{target}: would give other outputs than {source}, {line}, where"
                f" {TOLERANCE:.0e} is allowed; nothing was written"
            )
        say(line)
        made = sorted(Path(name).iterdir())
        write_files({target.with_name(path.name): path.read_bytes() for path in made})
