"""From a network to the files of each runtime, by the converter of its makers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deelish.common.extras import EXECUTORCH, LITERT, NCNN, ONNX, OPENVINO
from deelish.engines.child import ChildError, in_child, leave_images
from deelish.errors import FileError, MissingPackageError
from deelish.formats.edge.notes import appended, json_of
from deelish.formats.edge.source import EdgeOptions, EdgeSource

# Files by their extension.
Made = dict[str, bytes]
ONNX_FILE = "module.onnx"


@dataclass(frozen=True)
class Converter:
    """How the files of one runtime are made.

    Attributes:
        title: what its makers call the runtime.
        convert: makes the files in a folder, which is empty; the first one is the one that is
            named.
        packages: what is imported for it; those for int8 beyond them in `for_int8`.
        install: the command that installs them.
        rounds, rounds_half: what a file in float32 and one in float16 lose, see
            `deelish.formats.agreement`.
        no_int8: where it has none, why, with the cure.
    """

    title: str
    convert: Callable[[EdgeSource, EdgeOptions, Path], Made]
    packages: tuple[str, ...]
    install: str
    for_int8: tuple[str, ...] = ()
    rounds: str = "float32"
    rounds_half: str = "float16"
    no_int8: str = ""

    def rounding(self, precision: str) -> str:
        """What a file of floats loses."""
        return self.rounds if precision == "float32" else self.rounds_half

    def check(self, path: Path, *, int8: bool) -> None:
        """Refuse where a package is missing, or int8.

        Raises:
            MissingPackageError: it is named, with the command that installs it.
            FileError: the runtime's makers give no tool for int8.
        """
        if int8 and self.no_int8:
            raise FileError(f"{path}: {self.no_int8}")
        needed = self.packages + (self.for_int8 if int8 else ())
        for package in needed:
            if find_spec(package) is None:
                install = ONNX if package == "onnx" else self.install
                raise MissingPackageError(
                    f"{path}: writing {path.suffix.lower()} needs the package {package}; {install}"
                )


def _litert(source: EdgeSource, options: EdgeOptions, folder: Path) -> Made:
    content = _by_program("LiteRT", "litert", ".tflite", source, options, folder)
    return {".tflite": appended(content, source.notes)}


def _executorch(source: EdgeSource, options: EdgeOptions, folder: Path) -> Made:
    content = _by_program("ExecuTorch", "executorch", ".pte", source, options, folder)
    return {".pte": appended(content, source.notes)}


def _by_program(
    title: str,
    module: str,
    extension: str,
    source: EdgeSource,
    options: EdgeOptions,
    folder: Path,
) -> bytes:
    names = source.program(folder)
    request = _request(options, folder)
    _in_child(title, source, f"deelish.engines.torch.edge.{module}", folder, request, names)
    return (folder / f"made{extension}").read_bytes()


def _openvino(source: EdgeSource, options: EdgeOptions, folder: Path) -> Made:
    (folder / ONNX_FILE).write_bytes(source.onnx())
    request = {**_request(options, folder), "shape": source.shape, "notes": source.notes}
    _in_child("OpenVINO", source, "deelish.engines.openvino.converting", folder, request, {})
    return {each: (folder / f"made{each}").read_bytes() for each in (".xml", ".bin")}


def _ncnn(source: EdgeSource, options: EdgeOptions, folder: Path) -> Made:
    names = source.program(folder)
    request = {"precision": options.precision}
    _in_child("ncnn", source, "deelish.engines.ncnn.converting", folder, request, names)
    made = {each: (folder / f"module.ncnn{each}").read_bytes() for each in (".param", ".bin")}
    return {**made, ".json": json_of(source.notes)}


def _request(options: EdgeOptions, folder: Path) -> dict[str, Any]:
    if options.images is not None:
        leave_images(folder, options.images)
    return {
        "precision": options.precision,
        "int8": options.int8,
        "weights": options.weights,
    }


def _in_child(
    title: str,
    source: EdgeSource,
    module: str,
    folder: Path,
    request: Mapping[str, Any],
    names: Mapping[str, str],
) -> None:
    try:
        in_child(module, folder, request)
    except ChildError as error:
        raise _failed(title, source, error, names) from None


def _failed(
    title: str, source: EdgeSource, error: ChildError, names: Mapping[str, str]
) -> FileError:
    at = names.get(error.at, error.at)
    # A node of an .onnx of rows is called by its layer and the operator.
    at = re.sub(r"^([^/'\s]+)/\w+$", r"layer '\1'", at)
    where = f"{source.name}: {at}: " if at else f"{source.name}: "
    return FileError(
        f"{where}{title} cannot take it ({error}); write another layer in its place, or export"
        " .onnx"
    )


CONVERTERS = {
    ".tflite": Converter(
        "LiteRT", _litert, ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"), LITERT
    ),
    ".pte": Converter(
        "ExecuTorch",
        _executorch,
        ("executorch", "torchao"),
        EXECUTORCH,
        # XNNPACK adds up in float16.
        rounds_half="float16 sums",
    ),
    ".xml": Converter("OpenVINO", _openvino, ("openvino", "onnx"), OPENVINO, ("nncf",)),
    # It computes in float16 where the processor can, whatever its weights are in.
    ".param": Converter(
        "ncnn",
        _ncnn,
        ("ncnn", "pnnx"),
        NCNN,
        rounds="float16",
        no_int8="ncnn's packages have no tool for int8; write .tflite or .onnx in int8, or float16",
    ),
}
