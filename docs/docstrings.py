"""Docstrings and signatures as Markdown."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

WIDTH = 100
SECTIONS = {
    "Args": "Arguments",
    "Returns": "Returns",
    "Raises": "Raises",
    "Attributes": "Attributes",
}
ITEM = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): +(.*)")
# A blank before one of these must not become a line break: the next line would be a list or title.
GLUED = re.compile(r" (?=([-+*=>#]|\d+[.)])( |$))")


def text_of(value: Any) -> str:
    """The docstring: paragraphs, indented examples, and its sections as lists."""
    return "\n\n".join(_blocks(inspect.getdoc(value) or ""))


def _blocks(doc: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", doc.strip("\n")):
        first, *rest = block.splitlines() or [""]
        if first.endswith(":") and first[:-1] in SECTIONS and rest:
            yield f"**{SECTIONS[first[:-1]]}**"
            yield _items(textwrap.dedent("\n".join(rest)))
        elif block.startswith(">>> "):
            yield f"```pycon\n{block}\n```"
        elif block.startswith("    "):
            yield f"```text\n{textwrap.dedent(block)}\n```"
        else:
            yield wrapped(" ".join(line.strip() for line in (first, *rest)))


def _items(block: str) -> str:
    """The entries of a section, each behind its names; without names, one entry."""
    items: list[str] = []
    for line in block.splitlines():
        found = ITEM.fullmatch(line)
        if found:
            names = ", ".join(f"`{name}`" for name in found[1].split(", "))
            items.append(f"{names}: {found[2]}")
        elif items:
            items[-1] += " " + line.strip()
        else:
            items.append(line.strip())
    return "\n".join(wrapped(item, "- ") for item in items)


def wrapped(text: str, start: str = "") -> str:
    """Lines that Markdown reads as one paragraph; short code in backticks is not broken."""
    text = re.sub(r"\s+", " ", text.replace("``", "`"))
    text = re.sub(r"`[^`]{,60}`", lambda code: code[0].replace(" ", "\0"), text)
    return textwrap.fill(
        GLUED.sub("\0", text),
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\0", " ")


def signature_of(name: str, value: Callable[..., Any], *, bound: bool = False) -> str:
    """The call as a block of code: one line, or one for each argument; `bound` leaves self out."""
    signature = inspect.signature(value)
    known = list(signature.parameters.values())[1 if bound else 0 :]
    words: list[str] = []
    starred = False
    for one in known:
        if one.kind is one.KEYWORD_ONLY and not starred:
            words.append("*")
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        words.append(_parameter(one))
    made = "" if isinstance(value, type) else _returned(signature)
    line = f"{name}({', '.join(words)}){made}"
    if len(line) > WIDTH:
        line = f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){made}"
    return f"```py\n{line}\n```"


def _parameter(one: inspect.Parameter) -> str:
    stars = "*" * ((one.kind is one.VAR_POSITIONAL) + 2 * (one.kind is one.VAR_KEYWORD))
    typed = "" if one.annotation is one.empty else f": {_type(one.annotation)}"
    if one.default is one.empty:
        return f"{stars}{one.name}{typed}"
    # The repr of a function holds its address.
    default = getattr(one.default, "__name__", repr(one.default))
    return f"{stars}{one.name}{typed}{' = ' if typed else '='}{default}"


def _returned(signature: inspect.Signature) -> str:
    made = signature.return_annotation
    return "" if made is signature.empty else f" -> {_type(made)}"


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
