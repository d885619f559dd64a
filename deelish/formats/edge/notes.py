"""What deelish notes in and beside the files of small devices: preprocessing, labels, logits.

A .tflite and a .pte carry it as a zip after their own bytes, as TFLite's metadata packs associated
files (`unzip -p x.tflite labels.txt`). OpenVINO's .xml has it in `rt_info`; a .param of ncnn can
hold nothing, so a .json is beside it. Its keys are those of `deelish.formats.onnx.notes`.
"""

from __future__ import annotations

import io
import json
import mmap
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from deelish.common.json_text import MOST_CHARACTERS, parsed_json
from deelish.errors import CaffeError, FileError, first_line
from deelish.formats.caffe.wire import BYTES, Source, read_fields

NOTES, LABELS = "deelish.json", "labels.txt"
# The section of OpenVINO's rt_info.
SECTION = "deelish"
# Of onnx.proto: ModelProto.metadata_props, and the key and value of an entry.
_METADATA, _KEY, _VALUE = 14, 1, 2
# Zips cannot say less; a date of today would make each export another file.
_DATE = (1980, 1, 1, 0, 0, 0)

Notes = dict[str, str]


def notes_in(path: Path) -> Notes:
    """The notes of a .onnx, .tflite, .pte, .xml or .param; {} where another program wrote it.

    Raises:
        FileError: the file cannot be read, or its notes are damaged.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise FileError(f"{path}: holds no notes; give one of {', '.join(_READERS)}")
    try:
        return read(path)
    except FileNotFoundError:
        raise FileError(f"{path}: is not there; give the path of a file") from None
    except FileError:
        raise
    except _DAMAGES as error:
        raise FileError(
            f"{path}: deelish's notes in it are damaged ({first_line(error)}); export it again"
        ) from None


def appended(content: bytes, notes: Mapping[str, str]) -> bytes:
    """A .tflite or .pte with its notes, and its labels one a line, as a zip after it."""
    file = io.BytesIO()
    file.write(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(NOTES, _DATE), json_of(notes))
        if "labels" in notes:
            lines = "".join(f"{name}\n" for name in json.loads(notes["labels"]))
            archive.writestr(zipfile.ZipInfo(LABELS, _DATE), lines)
    return file.getvalue()


def json_of(notes: Mapping[str, str]) -> bytes:
    """The notes as a file of their own."""
    return json.dumps(dict(notes), indent=1).encode()


def beside(path: Path) -> Path:
    """The file of notes of a .param."""
    return path.with_suffix(".json")


def _in_onnx(path: Path) -> Notes:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as data,
    ):
        source = Source(data, str(path))
        fields = read_fields(source, 0, len(data))
        spans = [f[2:] for f in fields if f[0] == _METADATA and f[1] == BYTES]
        return dict(_entry(source, *span) for span in spans)


def _entry(source: Source, start: int, end: int) -> tuple[str, str]:
    texts = {
        number: bytes(source.data[first : min(stop, first + MOST_CHARACTERS)]).decode()
        for number, wire, first, stop in read_fields(source, start, end)
        if wire == BYTES
    }
    return texts.get(_KEY, ""), texts.get(_VALUE, "")


def _in_zip(path: Path) -> Notes:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            return {}
        with zipfile.ZipFile(file) as archive:
            if NOTES not in archive.namelist():
                return {}
            with archive.open(NOTES) as member:
                # A zip may say that its few bytes are gigabytes.
                return _checked(parsed_json(member.read(MOST_CHARACTERS + 1)))


def _in_xml(path: Path) -> Notes:
    """Those of OpenVINO's, read without it: <rt_info><deelish><labels value="..."/>."""
    inside: list[str] = []
    found: Notes = {}
    for event, element in ElementTree.iterparse(path, ("start", "end")):
        if event == "start":
            inside.append(element.tag)
        else:
            inside.pop()
            # The layers of the network itself have an rt_info too.
            if inside[1:] == ["rt_info", SECTION]:
                found[element.tag] = element.get("value", "")
            if len(inside) == 2:
                element.clear()
    return found


def _in_json(path: Path) -> Notes:
    try:
        with beside(path).open("rb") as file:
            return _checked(parsed_json(file.read(MOST_CHARACTERS + 1)))
    except FileNotFoundError:
        return {}


def _checked(value: Any) -> Notes:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("they are no texts by name")
    return value


_DAMAGES = (
    *(OSError, ValueError, CaffeError, zipfile.BadZipFile, ElementTree.ParseError),
    # A zip that is encrypted, or packed in a way that Python does not know.
    *(RuntimeError, NotImplementedError, EOFError),
)
_READERS: dict[str, Callable[[Path], Notes]] = {
    ".onnx": _in_onnx,
    ".tflite": _in_zip,
    ".pte": _in_zip,
    ".xml": _in_xml,
    ".param": _in_json,
}
