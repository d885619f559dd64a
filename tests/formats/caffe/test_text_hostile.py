"""Hostile and damaged texts: each ends soon, with little memory, in a net or in one sentence."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fuzz.mutants import SECONDS

from deelish.errors import CaffeError
from deelish.formats.caffe.text import parse

MEGABYTE = 2**20


def outcome(text: str | bytes) -> str:
    """The sentence that a text ends in, empty if it is a net; any other error goes up."""
    try:
        net: dict[str, Any] = parse(text, "net.prototxt")
    except CaffeError as error:
        sentence = str(error)
        assert sentence.startswith("net.prototxt:")
        assert "\n" not in sentence
        assert len(sentence) < 1000
        return sentence
    assert isinstance(net, dict)
    return ""


def filled(part: str, begin: str = "", megabytes: int = 16) -> bytes:
    text = (begin + part * (megabytes * MEGABYTE // len(part.encode()) + 1)).encode()
    return text[: megabytes * MEGABYTE]


def filling(*text: str) -> Callable[[], bytes]:
    """`filled`, made by the test: memory that a process holds makes each of its forks slower."""
    return partial(filled, *text)


HOSTILE = {
    "braces": (filling("{"), "got '{' where a field is wanted"),
    "brackets": (filling("["), "is an extension or an Any"),
    "lists": (filling("[", "input_dim:"), "input_dim expects a whole number, got '['"),
    "angles": (filling("<"), "got '<' where a field is wanted"),
    "layers in layers": (filling("layer {"), "there is no field 'layer' here"),
    "old layers in layers": (filling("layers{layer{"), "there is no field 'layers' here"),
    "closed layers": (filling("layer{}"), "layer is there more than 16,384 times"),
    "numbers": (filling("1,", "input_dim:["), "input_dim is there more than 16,384 times"),
    "text": (filling("a", "name:'"), "text that begins with ' does not end on its line"),
    "escapes": (filling("\\a", "name:'"), "text that begins with ' does not end on its line"),
    "texts": (
        filling("'abcdefghijklmnopqrstuvwxyz' ", "name:"),
        "name is longer than 1,048,576 characters",
    ),
    "comment": (filling("#"), ""),
    "comments": (filling("#\n"), ""),
    "space": (filling(" \n"), ""),
    "an emoji": (filling("a", "#\U0001f600"), ""),
    "digits": (filling("1", "input_dim:"), "a number is 16,777,206 characters long"),
    "exponents": (filling("1e+", "input_dim:"), "a number is 16,777,206 characters long"),
    "letters": (filling("a"), "a word is 16,777,216 characters long"),
    "signs": (filling("-", "input_dim:"), "got '-' outside quotes"),
    "signs and comments": (filling("-#\n", "input_dim:"), "got '-' outside quotes"),
    "zeros": (filling("\0"), r"got '\x00' outside quotes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_end_soon(name: str) -> None:
    made, sentence = HOSTILE[name]
    text = made()
    start = time.process_time()
    found = outcome(text)
    assert time.process_time() - start < SECONDS
    assert bool(found) == bool(sentence)
    assert sentence in found


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_little_memory(name: str) -> None:
    text = HOSTILE[name][0]()
    tracemalloc.start()
    try:
        outcome(text)
        assert tracemalloc.get_traced_memory()[1] < 64 * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "made", [filling("0.5,", "layer{name:'x'blobs{data:["), filling("input:[]")]
)
def test_a_text_holds_no_more_than_a_net_could(made: Callable[[], bytes]) -> None:
    text = made()
    start = time.process_time()
    assert "the text holds more than 262,144 values; give weights as a .caffemodel" in outcome(text)
    assert time.process_time() - start < SECONDS


def mutant(text: str, other: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    stop = min(len(text), at + rng.randint(1, 20))
    middle = {
        "delete": "",
        "repeat": text[at:stop] * 2,
        "replace": "".join(rng.choices("{}<>[]:;,'\"\\#-.019efx \n\t_aé\0", k=stop - at)),
        "splice": other[rng.randrange(len(other)) :][: rng.randint(1, 80)],
        "end": "",
    }
    kind = rng.choice(list(middle))
    return text[:at] + middle[kind] + ("" if kind == "end" else text[stop:])


def test_damaged_nets_end_in_a_net_or_in_a_sentence(material: Path) -> None:
    rng = random.Random(2016)
    texts = [path.read_text() for path in sorted(material.glob("caffe-golden/*/net.prototxt"))]
    found = []
    for _ in range(500):
        text = rng.choice(texts)
        text = mutant(text, rng.choice(texts), rng)
        start = time.process_time()
        found.append(bool(outcome(text)))
        assert time.process_time() - start < SECONDS
    # Both ends are met often, so that the test is of both.
    assert 25 < sum(found) < 475
