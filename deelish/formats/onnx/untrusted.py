"""An .onnx of another program, looked at before anything parses it: its size in memory, its files.

Source: onnx.proto of ONNX, and its rules for external data: inside the model's folder, no links.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from deelish.errors import CaffeError, FileError, first_line
from deelish.formats.caffe.wire import BYTES, VARINT, Source, read_fields

Table = dict[int, "Table"]

# Of all fields, and of the messages among them, of which each takes some hundred bytes.
_MOST_FIELDS, _MOST_MESSAGES = 2**20, 2**19
# Packed whole numbers take one byte in the file and eight in memory.
_MOST_PACKED = 8 << 20
# Of messages in each other; that of protobuf is 100.
_MOST_DEPTH = 100

# The messages of onnx.proto by the numbers of the fields that hold them.
_PLAIN: Table = {}
_TYPE: Table = {}
_TYPE.update(
    {1: {2: {1: _PLAIN}}, 4: {1: _TYPE}, 5: {2: _TYPE}, 8: {2: {1: _PLAIN}}, 9: {1: _TYPE}}
)
_VALUE: Table = {2: _TYPE, 4: _PLAIN}
_EXTERNAL = 13
_TENSOR: Table = {3: _PLAIN, _EXTERNAL: _PLAIN, 16: _PLAIN}
_SPARSE: Table = {1: _TENSOR, 2: _TENSOR}
_GRAPH: Table = {}
_ATTRIBUTE: Table = {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 14: _TYPE, 15: _TYPE}
_ATTRIBUTE.update({22: _SPARSE, 23: _SPARSE})
_NODE: Table = {5: _ATTRIBUTE, 9: _PLAIN, 10: _PLAIN}
_GRAPH.update({1: _NODE, 5: _TENSOR, 11: _VALUE, 12: _VALUE, 13: _VALUE, 14: _PLAIN, 15: _SPARSE})
_GRAPH.update({16: _PLAIN})
_FUNCTION: Table = {7: _NODE, 9: _PLAIN, 11: _ATTRIBUTE, 12: _VALUE, 14: _PLAIN}
_MODEL: Table = {7: _GRAPH, 8: _PLAIN, 14: _PLAIN, 20: {1: _GRAPH, 2: _GRAPH, 3: _PLAIN, 4: _PLAIN}}
_MODEL.update({25: _FUNCTION})
# The fields of whole numbers: sides, and data of some types.
_PACKED = {id(_TENSOR): (1, 5, 7, 11), id(_ATTRIBUTE): (8,), id(_SPARSE): (3,)}
_KEY, _TEXT = 1, 2
_LONGEST_NAME = 4096


class _Model(Source):
    """The bytes of a model, and what is counted of them."""

    def __init__(self, data: memoryview, path: str) -> None:
        super().__init__(data, path)
        self.left = _MOST_FIELDS
        self.messages, self.packed = _MOST_MESSAGES, _MOST_PACKED

    def error(self, place: int, got: str, cure: str = "") -> CaffeError:
        return CaffeError(f"byte {place}: {got.replace('Caffe', 'ONNX')}")

    def check(self, place: int, depth: int) -> None:
        """Refuse more than any model has."""
        if min(self.messages, self.packed) < 0 or depth > _MOST_DEPTH:
            raise self.error(place, "it holds more nodes or whole numbers than any model")


def check_model(path: Path) -> list[str]:
    """Look at a model that nobody has parsed.

    Returns:
        The names of its weight files, in its folder, each of which is there.

    Raises:
        FileError: it is damaged, would take far more memory than its file has bytes, or names
            a weight file outside of its folder, a link, or none that is there.
    """
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise FileError(f"{path}: is no model of ONNX (the file is empty); get it again")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                names = _names(path, mapped)
    except FileError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read ({first_line(error)})") from error
    for name in names:
        _check_beside(path, name)
    return sorted(names)


def _names(path: Path, mapped: mmap.mmap) -> set[str]:
    with memoryview(mapped) as data:
        model = _Model(data, str(path))
        try:
            return {_text(model, *place) for place in _locations(model)}
        except CaffeError as error:
            raise FileError(f"{path}: is no model of ONNX ({error}); get it again") from None


def _locations(model: _Model) -> list[tuple[int, int]]:
    """Where in the file each tensor names the file that holds its numbers."""
    found: list[tuple[int, int]] = []
    open_messages = [(_MODEL, read_fields(model, 0, len(model.data)))]
    while open_messages:
        table, fields = open_messages[-1]
        field = next(fields, None)
        if field is None:
            open_messages.pop()
            continue
        number, wire, first, stop = field
        inner = table.get(number) if wire == BYTES else None
        if inner is not None:
            model.messages -= 1
        elif wire == BYTES and number in _PACKED.get(id(table), ()):
            model.packed -= stop - first
        model.check(first, len(open_messages))
        if inner is not None and table is _TENSOR and number == _EXTERNAL:
            found += _location(model, first, stop)
        elif inner is not None and stop > first:
            open_messages.append((inner, read_fields(model, first, stop)))
    return found


def _location(model: _Model, start: int, end: int) -> list[tuple[int, int]]:
    """The place of the value of an entry whose key is location."""
    key, value = b"", None
    for number, wire, first, stop in read_fields(model, start, end):
        if wire == VARINT:
            continue
        if number == _KEY:
            key = bytes(model.data[first : min(stop, first + 9)])
        if number == _TEXT:
            value = (first, stop)
    return [value] if key == b"location" and value else []


def _text(model: _Model, start: int, end: int) -> str:
    try:
        return bytes(model.data[start : min(end, start + _LONGEST_NAME)]).decode()
    except UnicodeDecodeError:
        raise model.error(start, "the name of a weight file is not in UTF-8") from None


def _check_beside(path: Path, name: str) -> None:
    """Refuse a weight file that is not an ordinary one in the model's folder."""
    where = f"{path}: keeps weights in {name[:200]!r}"
    kinds = (PurePosixPath(name), PureWindowsPath(name))
    outside = any(kind.is_absolute() or kind.drive or ".." in kind.parts for kind in kinds)
    if outside or not name or "\0" in name:
        raise FileError(f"{where}, which is outside of its folder; such files are refused")
    folder = path.resolve().parent
    file = folder / name
    try:
        status = file.lstat()
    except OSError as error:
        raise FileError(
            f"{where}, which cannot be read ({error.strerror}); put it beside the model"
        ) from None
    if Path(os.path.realpath(file)) != file or status.st_nlink > 1 or not file.is_file():
        raise FileError(
            f"{where}, which is a link or no ordinary file; such files are refused; put a copy"
            " beside the model"
        )
