"""What our side accepts and refuses, judged by the schemas."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import RemoteError
from controller.ocpp import codec
from controller.ocpp.messages import REQUESTS
from tests.oracle.instances import Spoilt, full, spoilt, valid
from tests.oracle.schemas import ACTIONS, NAMES, demanded, is_demanded

CODES = {
    "missing field": "OccurenceConstraintViolation", "no item": "OccurenceConstraintViolation",
    "unknown field": "FormationViolation", "unknown null": "FormationViolation",
    "wrong type": "TypeConstraintViolation", "null": "TypeConstraintViolation", "optional null": "TypeConstraintViolation",
    "over-long": "PropertyConstraintViolation", "bad value": "PropertyConstraintViolation", "bad date": "PropertyConstraintViolation",
    "wrong multiple": "PropertyConstraintViolation", "out of range": "PropertyConstraintViolation",
}
"""The code by RPC-12 for each way to spoil a payload; ways that two codes fit are not in here."""


def verdict(name: str, text: str, *, compat: bool = False) -> str | None:
    """None where our side accepts the payload, else the error code."""
    action = name.removesuffix("Response")
    payload = msgspec.Raw(text.encode())
    try:
        if name == action:
            codec.decode_request(REQUESTS[action], payload, compat=compat)
        else:
            codec.decode_response(REQUESTS[action].response, payload)
    except RemoteError as error:
        return error.code
    return None


@pytest.mark.parametrize("name", NAMES)
def test_a_payload_with_every_field_is_accepted(name):
    """What the schema allows is understood, as are payloads with only what it requires (RPC-14)."""
    text = json.dumps(full(demanded(name)))
    assert is_demanded(name, text)
    assert verdict(name, text) is None


@pytest.mark.parametrize("name", NAMES)
def test_every_single_mistake_is_judged_as_the_schema_judges_it(name):
    """One field missing, unknown, null, of another type, over-long ... : refused if and only if the schema refuses (RPC-12, RPC-14)."""
    schema = demanded(name)
    wrong = []
    for what, payload in spoilt(schema, full(schema)):
        text = json.dumps(payload)
        accepted = verdict(name, text) is None
        if accepted != is_demanded(name, text):
            wrong.append((what, accepted, text[:300]))
    assert wrong == []


@pytest.mark.parametrize("action", ACTIONS)
def test_every_single_mistake_earns_its_code(action):
    """The class of the mistake decides the code; with compat it is always FormationViolation (RPC-11, RPC-12; contract.md section 4)."""
    schema = demanded(action)
    wrong = []
    for what, payload in spoilt(schema, full(schema)):
        text = json.dumps(payload)
        code, compat_code = verdict(action, text), verdict(action, text, compat=True)
        expected = None if is_demanded(action, text) else CODES.get(what, code)
        if code != expected or compat_code != (expected and "FormationViolation"):
            wrong.append((what, code, compat_code, text[:300]))
    assert wrong == []


@st.composite
def payloads(draw: st.DrawFn, name: str) -> list[Spoilt]:
    """A valid payload, and what one and two changes make of it."""
    schema = demanded(name)
    sound = draw(valid(schema))
    first = draw(st.sampled_from(list(spoilt(schema, sound))))
    if not isinstance(first.payload, dict):
        return [Spoilt("nothing", sound), first]
    second = draw(st.sampled_from(list(_still_spoilable(schema, first.payload))))
    return [Spoilt("nothing", sound), first, Spoilt(f"{first.what}, {second.what}", second.payload)]


def _still_spoilable(schema: Any, payload: Any) -> list[Spoilt]:
    """Changes of fields that a first change has left in their shape."""
    known = {name: field for name, field in schema.get("properties", {}).items()
             if name in payload and is_shaped(field, payload[name])}
    narrowed = {**schema, "properties": known}
    return list(spoilt(narrowed, payload))


def is_shaped(schema: Any, value: Any) -> bool:
    """Whether the value has the outer shape of its schema all the way in, so that it can be spoilt further."""
    match schema["type"]:
        case "object":
            return isinstance(value, dict) and all(
                is_shaped(field, value[name]) for name, field in schema["properties"].items() if name in value)
        case "array":
            return isinstance(value, list) and all(is_shaped(schema["items"], item) for item in value)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize("name", NAMES)
def test_any_payload_is_judged_as_the_schema_judges_it(name):
    """Random contents and two mistakes at a time: the verdict is the schema's, whatever the order of looking (RPC-12, RPC-14)."""
    @settings(derandomize=True, deadline=None, max_examples=20, database=None)
    @given(payloads(name))
    def judge(cases: list[Spoilt]) -> None:
        for what, payload in cases:
            text = json.dumps(payload)
            assert (verdict(name, text) is None) == is_demanded(name, text), (what, text)

    judge()
