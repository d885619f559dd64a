"""The tables of Caffe's messages agree with themselves."""

from __future__ import annotations

import pytest

from deelish.formats.caffe.fields import Message
from deelish.formats.caffe.parameters import PARAMETERS, TYPE_PARAMETERS
from deelish.formats.caffe.rows import FEED_TYPES
from deelish.formats.caffe.schema import LAYER, NET, V1_LAYER, V1_TYPES
from deelish.plan.layers import KINDS


def tables(message: Message, name: str) -> dict[str, Message]:
    """The message and all messages inside it, by their names from the top."""
    found = {name: message}
    for key, field in message.fields.items():
        if field.message is not None:
            found |= tables(field.message, f"{name}.{key}")
    return found


@pytest.mark.parametrize(("name", "message"), tables(NET, "net").items())
def test_no_number_is_there_twice(name: str, message: Message) -> None:
    assert len(message.by_number) == len(message.fields), name


def test_all_that_types_read_is_in_a_layer() -> None:
    read = {name for names in TYPE_PARAMETERS.values() for name in names}
    assert read == PARAMETERS.keys()
    assert read <= LAYER.fields.keys()
    assert {row.name for row in PARAMETERS.values() if row.v1_number} <= V1_LAYER.fields.keys()


def test_a_field_of_two_parameters_counts_in_the_layers_own() -> None:
    """Only feeds have such fields: those of 2014, and the ones in transform_param today."""
    twice = {}
    for type, names in TYPE_PARAMETERS.items():
        fields = [PARAMETERS[name].message.fields.keys() for name in names]
        if len(names) > 1 and fields[0] & fields[1]:
            twice[type] = names[1:]
    assert twice == dict.fromkeys(("Data", "ImageData", "WindowData"), ("transform_param",))


def test_all_types_of_v1_are_types_of_today() -> None:
    assert len(V1_TYPES) == 40
    assert set(V1_TYPES.values()) - {""} <= KINDS.keys() | FEED_TYPES | {"HDF5Output"}


def test_a_kind_has_its_arguments_in_a_parameter_or_has_none() -> None:
    for type, kind in KINDS.items():
        if not kind.caffe:
            continue
        fields = [PARAMETERS[name].message.fields for name in TYPE_PARAMETERS.get(type, ())]
        assert kind.args.keys() <= set().union(*fields), type
