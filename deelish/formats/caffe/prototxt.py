"""A plan as the text of a deploy net, which Caffe and OpenCV read beside a .caffemodel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deelish.formats.caffe.codec import field_of
from deelish.formats.caffe.fields import Field, Message
from deelish.formats.caffe.schema import NET
from deelish.formats.caffe.write import net_values
from deelish.plan import Plan

_ESCAPES = {
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def prototxt(plan: Plan) -> str:
    """The layers of the TEST phase in Caffe's text format."""
    return "\n".join(_lines(net_values(plan, "TEST"), NET)) + "\n"


def _lines(values: Mapping[str, Any], message: Message, indent: str = "") -> Iterator[str]:
    for name, value in values.items():
        field = field_of(message, name)
        for item in value if field.repeated else [value]:
            if field.message is None:
                yield f"{indent}{name}: {_word(field, item)}"
                continue
            yield f"{indent}{name} {{"
            yield from _lines(item, field.message, indent + "  ")
            yield f"{indent}}}"


def _word(field: Field, value: Any) -> str:
    if field.kind == "string":
        return quoted(value)
    if field.kind == "bool":
        return "true" if value else "false"
    if field.kind == "float":
        return repr(float(value))
    return str(value)


def quoted(text: str) -> str:
    """A string of the text format: bytes that are no plain ASCII become octal escapes."""
    plain = (
        _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
        for byte in text.encode()
    )
    return '"' + "".join(plain) + '"'
