"""The runtimes of small devices: what each reads, and how it is installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deelish.common.extras import EXECUTORCH, LITERT, NCNN, ONNX, OPENVINO
from deelish.errors import MissingFileError

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Runtime:
    """One runtime.

    name: what users call it.  title: what its makers call it.  extension: that of its files.
    package: what is imported.  install: the command that installs it, as the end of a sentence.
    weights: the extension of the file of weights beside, None where there is no such file.
    """

    name: str
    title: str
    extension: str
    package: str
    install: str
    weights: str | None = None

    @property
    def program(self) -> Path:
        """The file with its `Program`."""
        return PROGRAMS / f"of_{self.name}.py"

    @property
    def is_installed(self) -> bool:
        """Whether its package is there; nothing is imported."""
        return find_spec(self.package) is not None

    def files_of(self, path: Path) -> list[Path]:
        """All files of a model: the one that is named, and that of its weights."""
        return [path] if self.weights is None else [path, path.with_suffix(self.weights)]

    def check_files(self, path: Path) -> None:
        """Refuse a model without its weights.

        Raises:
            MissingFileError: they are not beside it.
        """
        for file in self.files_of(path):
            if not file.is_file():
                raise MissingFileError(
                    f"{path}: its weights, {file.name}, are not beside it; copy both files"
                )


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("onnxruntime", "onnxruntime", ".onnx", "onnxruntime", ONNX),
        Runtime("openvino", "OpenVINO", ".xml", "openvino", OPENVINO, ".bin"),
        Runtime("litert", "LiteRT", ".tflite", "ai_edge_litert", LITERT),
        Runtime("executorch", "ExecuTorch", ".pte", "executorch", EXECUTORCH),
        Runtime("ncnn", "ncnn", ".param", "ncnn", NCNN, ".bin"),
    )
}


def runtime_of(path: Path) -> Runtime | None:
    """The runtime that reads a file, by its extension; None where there is none."""
    extension = path.suffix.lower()
    found = (runtime for runtime in RUNTIMES.values() if runtime.extension == extension)
    return next(found, None)
