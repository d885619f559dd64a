"""JSON that a file holds, in bounds: deep, large, or none at all."""

import json

import pytest

from deelish.common.json_text import MOST_CHARACTERS, MOST_VALUES, parsed_json


@pytest.mark.parametrize("kind", [str, str.encode])
def test_what_json_says(kind):
    assert parsed_json(kind('{"a": [1, "x"]}')) == {"a": [1, "x"]}


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "[" * 9000 + "]" * 9000, "[" * 101 + "]" * 101],
)
@pytest.mark.parametrize("kind", [str, str.encode])
def test_deep_json_is_refused_as_bad_json_is(text, kind):
    with pytest.raises(ValueError, match="nested too deeply"):
        parsed_json(kind(text))


def test_within_the_bound_it_is_read():
    text = "[" * 99 + '{"a": 1}' + "]" * 99
    assert json.dumps(parsed_json(text)) == text


@pytest.mark.parametrize(
    "text", ['"' + "a" * MOST_CHARACTERS + '"', "[" + "[]," * MOST_VALUES + "[]]"]
)
def test_large_json_is_refused_before_it_is_parsed(text):
    with pytest.raises(ValueError, match=r"characters with .* values, where"):
        parsed_json(text)


@pytest.mark.parametrize("text", ["", "{", "nan?", b"\xff\xfe\xfd"])
def test_no_json(text):
    with pytest.raises(ValueError, match=r"\w"):
        parsed_json(text)
