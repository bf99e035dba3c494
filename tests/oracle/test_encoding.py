"""What our side can send, judged by the schemas as a strict central system would."""

from datetime import datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings

from controller.ocpp import codec
from controller.ocpp.messages import Part
from tests.oracle.instances import full, valid
from tests.oracle.schemas import NAMES, Schema, demanded, problems
from tests.oracle.test_shapes import struct_of


def without_lengths(schema: Schema) -> Schema:
    """The same schema for strings of any length, as they may come from a file, a card or a meter."""
    if isinstance(schema, dict):
        return {key: without_lengths(inner) for key, inner in schema.items() if key != "maxLength"}
    return schema


def build(hint: Any, value: Any) -> Any:
    """Structs from JSON without any check, as our own code makes them."""
    if isinstance(hint, type) and issubclass(hint, Part):
        hints = get_type_hints(hint)
        return hint(**{field.name: build(hints[field.name], value[field.encode_name])
                       for field in msgspec.structs.fields(hint) if field.encode_name in value})
    if get_origin(hint) in (UnionType, Union):
        return build(get_args(hint)[0], value)
    if get_origin(hint) is list:
        return [build(get_args(hint)[0], item) for item in value]
    if hint is datetime:
        return datetime.fromisoformat(value)
    return value if hint is str else msgspec.convert(value, hint)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_with_every_field_is_valid(name):
    """No schema finds anything wrong with what the structs write (RPC-13)."""
    message = build(struct_of(name), full(demanded(name)))
    assert problems(name, codec.encode(message)) == []


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_sent_is_valid(name):
    """Strings of any length and any characters leave as the schema wants them, which admits no null and no list that must not be empty (RPC-8, RPC-13)."""
    @settings(derandomize=True, deadline=None, max_examples=20, database=None)
    @given(valid(without_lengths(demanded(name))))
    def judge(payload: Any) -> None:
        message = build(struct_of(name), payload)
        text = codec.sendable(message)
        assert problems(name, text) == []
        assert text == codec.encode(codec.shortened(message))
        assert msgspec.json.decode(text, type=type(message)) == codec.shortened(message)

    judge()
