"""A network in int8, as `quantise` gives it: it predicts and is compared as any teacher is."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path
from tempfile import mkdtemp

from deelish.common.arguments import checked_call
from deelish.distillation.wrapped import WrappedModel
from deelish.errors import FileError
from deelish.language.predicting import Teaching
from deelish.storage.atomic import write_file


class Quantised(Teaching, WrappedModel):
    """A network in int8: its .onnx, which onnxruntime runs; `quantise` makes it.

    Args:
        model: the .onnx.
        name: what the network is called.
    """

    def __init__(self, model: bytes, name: str) -> None:
        self._content = model
        # A report says how large the file is.
        folder = mkdtemp(prefix="deelish-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder, "int8.onnx")
        path.write_bytes(model)
        super().__init__(path, name=f"{name} int8")

    @checked_call()
    def save(self, path: str | Path) -> Path:
        """Write its .onnx; `Teacher` opens it.

        Raises:
            FileError: another extension, or a path that cannot be written.

        >>> net.quantise("data/train.txt").save("small.onnx").name
        'small.onnx'
        """
        target = Path(path)
        if target.suffix.lower() != ".onnx":
            raise FileError(f"{path}: int8 is saved as .onnx; give the name of one")
        self.engine.group.on_rank_zero(lambda: write_file(target, self._content))
        return target
