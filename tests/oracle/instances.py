"""Payloads made from a schema alone: valid ones, and every way to spoil one in a single place."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.oracle.schemas import Schema

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.sampled_from(  # noqa: DTZ001 - zones are drawn
    [UTC, timezone(timedelta(hours=1)), timezone(timedelta(hours=-9, minutes=-30))])).map(datetime.isoformat)


def valid(schema: Schema) -> st.SearchStrategy[Any]:
    """Payloads that the schema accepts."""
    match schema:
        case {"type": "object"}:
            required = set(schema.get("required", ()))
            inner = {name: valid(field) for name, field in schema.get("properties", {}).items()}
            return st.fixed_dictionaries({name: field for name, field in inner.items() if name in required},
                                         optional={name: field for name, field in inner.items() if name not in required})
        case {"type": "array"}:
            return st.lists(valid(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"format": "date-time"}:
            return INSTANTS
        case {"type": "string"}:
            longest = schema.get("maxLength", 600)
            return TEXT | st.just("x" * longest) | st.just("ü" * longest)
        case {"type": "integer"}:
            low, high = schema["minimum"], schema["maximum"]
            return st.integers(max(low, -3), 3) | st.sampled_from([low, high]) | st.integers(low, high)
        case {"type": "number"}:
            return st.integers(-(10**6), 10**6).map(lambda tenths: tenths / 10)
        case {"type": "boolean"}:
            return st.booleans()
    raise AssertionError(f"a schema of an unknown kind: {schema}")


def full(schema: Schema) -> Any:
    """One payload with every field that there is."""
    match schema:
        case {"type": "object"}:
            return {name: full(field) for name, field in schema.get("properties", {}).items()}
        case {"type": "array"}:
            return [full(schema["items"])]
        case {"enum": values}:
            return values[0]
        case {"format": "date-time"}:
            return "2026-03-01T12:00:00Z"
        case {"type": "string"}:
            return "x" * schema.get("maxLength", 10)
    return {"integer": 1, "number": 8.1, "boolean": True}[schema["type"]]


class Spoilt(NamedTuple):
    """A payload with one thing changed."""

    what: str
    payload: Any


WRONG_TYPES: dict[str, list[Any]] = {
    "object": [[], "x", 1], "array": [{}, "x", 1], "string": [1, True, {}, []], "integer": ["1", True, 1.5, {}, []],
    "number": ["8", True, {}, []], "boolean": ["true", 1, 0, {}],
}
NO_DATES = ["", "today", "2026-03-01", "2026-03-01T12:00:00", "2026-02-29T12:00:00Z", "2026-13-01T00:00:00Z", "2026-03-01T25:00:00Z",
            "2016-12-31T23:59:60Z", "2026-03-01T12:00Z", "2026-03-01T12:00:00+25:00", "0000-01-01T00:00:00Z", "2026-03-01T12:00:00,5Z"]
ODD_DATES = ["2026-03-01t12:00:00z", "2026-03-01T12:00:00.123456789Z", "2026-03-01T12:00:00-00:00", "2026-03-01 12:00:00Z",
             "2026-03-01T12:00:00+0530", "9999-12-31T23:59:59Z"]


def spoilt(schema: Schema, payload: Any) -> Iterator[Spoilt]:
    """Every single change to the payload that somebody may find wrong, from the outside inwards."""
    yield from (Spoilt("wrong type", wrong) for wrong in WRONG_TYPES[schema["type"]])
    yield Spoilt("null", None)
    if schema["type"] == "object":
        yield from _spoilt_object(schema, payload)
    elif schema["type"] == "array":
        yield Spoilt("no item", [])
        if payload:
            yield from (Spoilt(what, [item, *payload[1:]]) for what, item in spoilt(schema["items"], payload[0]))
    elif schema["type"] == "string":
        yield from _spoilt_string(schema, payload)
    elif schema["type"] == "integer":
        yield Spoilt("whole float", float(payload) if abs(payload) < 2**53 else 1.0)
        yield from (Spoilt("out of range", number) for number in (schema["minimum"] - 1, schema["maximum"] + 1, 10**40))
        yield from (Spoilt("at the bound", number) for number in (schema["minimum"], schema["maximum"]))
    elif schema["type"] == "number":
        yield from (Spoilt("wrong multiple", number) for number in (8.15, 0.05, -0.01, 1e-7))
        yield from (Spoilt("odd number", number) for number in (9.1, 21.4, 0.0, 16, 1e20, -0.1))


def _spoilt_object(schema: Schema, payload: Any) -> Iterator[Spoilt]:
    yield Spoilt("unknown field", {**payload, "unknownField": 1})
    yield Spoilt("unknown null", {**payload, "unknownField": None})
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        without = {key: value for key, value in payload.items() if key != name}
        yield Spoilt("missing field" if name in required else "optional field left out", without)
        if name.swapcase() != name:
            yield Spoilt("misspelt field" if name in payload else "unknown field", {**without, name.swapcase(): payload.get(name)})
        if name in payload:
            for what, inner in spoilt(field, payload[name]):
                optional_null = what == "null" and inner is None and name not in required
                yield Spoilt("optional null" if optional_null else what, {**payload, name: inner})


def _spoilt_string(schema: Schema, payload: str) -> Iterator[Spoilt]:
    if "enum" in schema:
        yield from (Spoilt("bad value", text) for text in ("", "Bogus", payload + " ", payload.swapcase(), "Hertz"))
    elif schema.get("format") == "date-time":
        yield from (Spoilt("bad date", text) for text in NO_DATES)
        yield from (Spoilt("odd date", text) for text in ODD_DATES)
    elif "maxLength" in schema:
        longest = schema["maxLength"]
        yield from (Spoilt("over-long", letter * (longest + 1)) for letter in "xü\U0001f525")
        yield from (Spoilt("just fits", letter * longest) for letter in "ü\U0001f525")
