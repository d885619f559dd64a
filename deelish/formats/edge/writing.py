"""Writes the files of a runtime: converted, run and compared, and only then in their place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from deelish.errors import DeelishError, FileError, reason
from deelish.formats.agreement import Run
from deelish.formats.edge.checking import RunningFile, check_file
from deelish.formats.edge.converters import CONVERTERS
from deelish.formats.edge.notes import beside, notes_in
from deelish.formats.edge.source import EdgeOptions, EdgeSource
from deelish.storage.atomic import check_target, write_files

# A further look at a running file before it is written; it raises where something is wrong.
Check = Callable[[Run], None]


def write_edge(
    path: Path, source: EdgeSource, options: EdgeOptions, check: Check | None = None
) -> list[Path]:
    """Write the files of a network for a runtime, by the extension; returns their paths.

    Args:
        path: a .tflite, .pte, .xml or .param; what belongs to it is written beside it.
        source: the network.
        options: how it is written; `Converter.check` has found what that needs.
        check: looks at the file in its runtime, after it agrees with the network.

    Raises:
        FileError: the converter cannot take a layer, the file gives other logits, or it cannot be
            written; old files are unchanged.
    """
    extension = path.suffix.lower()
    converter = CONVERTERS[extension]
    for each in (path, *companions(path)):
        check_target(each)
    _check_not_of_others(path)
    with tempfile.TemporaryDirectory(prefix="deelish-") as folder:
        work, ready = Path(folder, "work"), Path(folder, "ready")
        work.mkdir()
        ready.mkdir()
        try:
            made = converter.convert(source, options, work)
        except DeelishError:
            raise
        except OSError as error:
            raise FileError(
                f"{path}: cannot be made in {tempfile.gettempdir()} ({reason(error)}); make room"
                " there, or name another folder in TMPDIR"
            ) from error
        for suffix, content in made.items():
            (ready / f"model{suffix}").write_bytes(content)
        running = RunningFile(ready / f"model{extension}", path)
        try:
            check_file(running.run, path, source, options, converter.rounding(options.precision))
            if check is not None:
                check(running.run)
        finally:
            running.close()
    files = {
        path if suffix == extension else path.with_suffix(suffix): content
        for suffix, content in made.items()
    }
    write_files(files)
    return list(files)


def _check_not_of_others(path: Path) -> None:
    """Refuse to write over the weights of another runtime, or a .json that holds no notes."""
    weights, others = path.with_suffix(".bin"), {".xml": ".param", ".param": ".xml"}
    names = {".xml": "openvino", ".param": "ncnn"}
    other = path.with_suffix(others.get(path.suffix.lower(), path.suffix))
    if other != path and other.exists() and weights.exists():
        raise FileError(
            f"{path}: its weights would be {weights.name}, which are those of {other.name}; give"
            f" another name, such as {path.stem}_{names[path.suffix.lower()]}{path.suffix}"
        )
    if path.suffix.lower() == ".param" and beside(path).exists():
        try:
            is_ours = "deelish" in notes_in(beside(path).with_suffix(".param"))
        except FileError:
            is_ours = False
        if not is_ours:
            raise FileError(
                f"{beside(path)}: is no file of deelish's notes, and would be written over; give"
                " the .param another name"
            )


def companions(path: Path) -> list[Path]:
    """What else is written with a file of this extension."""
    others = {".xml": (".bin",), ".param": (".bin", ".json")}
    return [path.with_suffix(each) for each in others.get(path.suffix.lower(), ())]
