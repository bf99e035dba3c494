"""The published schemas, and the table of what the specification demands beyond them or instead of them."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

from jsonschema import Draft4Validator, Draft6Validator, FormatChecker

Schema: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]
"""Names of fields from the payload inwards; items of arrays have the path of their array."""

FOLDER = files("ocpp.v16").joinpath("schemas")
NAMES = sorted(entry.name.removesuffix(".json") for entry in FOLDER.iterdir() if entry.name.endswith(".json"))
ACTIONS = [name for name in NAMES if not name.endswith("Response")]


class Deviation(NamedTuple):
    """Where we follow the specification's text, not the schema file."""

    where: Callable[[Path, Schema, Schema], bool]
    """Path, schema of the field, schema of the object it is in."""
    change: Schema
    why: str


DEVIATIONS = [
    Deviation(lambda path, it, _: it.get("type") == "integer", {"minimum": -(2**63), "maximum": 2**63 - 1},
              "integers are bounded by what 64 bits hold; larger ones are nobody's transaction id"),
    Deviation(lambda path, it, _: path[-1] == "connectorId", {"minimum": 0, "maximum": 2**31 - 1},
              "connectorId >= 0 by OCPP16; the files give no minimum (ocpp16-messages.md, fact 6)"),
    Deviation(lambda path, it, of: path[-1] == "stackLevel" and "chargingProfileId" in of["properties"], {"minimum": 0},
              "stackLevel >= 0 in a ChargingProfile (fact 6)"),
    Deviation(lambda path, it, _: path[-1] in ("chargingSchedulePeriod", "sampledValue", "meterValue"), {"minItems": 1},
              "1..* by OCPP16; the published files carry no minItems there (fact 6)"),
    Deviation(lambda path, it, _: path[-1] == "unit", {"without": "Hertz"},
              "Hertz is no unit of OCPP 1.6, the `ocpp` package has added it (fact 8)"),
]
"""Format `uri` is checked by neither side here: what a URL may be is decided where files are fetched (T-CMDINJ)."""

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_ALSO_READ = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)", re.ASCII | re.IGNORECASE)


def _is_instant(text: object, form: re.Pattern[str]) -> bool:
    if not isinstance(text, str):
        return True
    if form.fullmatch(text) is None:
        return False
    whole = re.sub(r"\.\d+", "", text.upper())
    return datetime.fromisoformat(whole).tzinfo is not None


_published_formats = FormatChecker(formats=())
_published_formats.checks("date-time", raises=ValueError)(lambda text: _is_instant(text, _RFC3339))
_our_formats = FormatChecker(formats=())
# RFC 3339 less what the calendar does not hold (second 60, year 0), plus two spellings that leave no doubt: a blank for the
# T, an offset without its colon.
_our_formats.checks("date-time", raises=ValueError)(lambda text: _is_instant(text, _ALSO_READ))


@cache
def published(name: str) -> Schema:
    """The file, with its `$ref`s written out."""
    found = json.loads(FOLDER.joinpath(f"{name}.json").read_text(encoding="utf-8-sig"), parse_float=Decimal)
    inlined = _inlined(found, found.pop("definitions", {}))
    assert isinstance(inlined, dict)
    return inlined


def _inlined(part: Any, definitions: Schema) -> Any:
    if isinstance(part, list):
        return [_inlined(inner, definitions) for inner in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(inner, definitions) for key, inner in part.items()}


@cache
def demanded(name: str) -> Schema:
    """The file with the deviations applied: what our side has to accept and refuse.

    Objects of answers are open: what a CALLRESULT adds is overlooked, rather than lose a transaction id (RPC-14).
    """
    schema = deepcopy(published(name))
    if name.endswith("Response"):
        del schema["additionalProperties"]
    for path, field, parent in list(fields(schema)):
        if name.endswith("Response"):
            field.pop("additionalProperties", None)
            field.get("items", {}).pop("additionalProperties", None)
        for deviation in DEVIATIONS:
            if deviation.where(path, field, parent):
                change = dict(deviation.change)
                unwanted = change.pop("without", None)
                if unwanted is not None:
                    change["enum"] = [value for value in field["enum"] if value != unwanted]
                field.update(change)
    return schema


def fields(schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema, Schema]]:
    """Every field of a payload with its path and the object it is in, the array before its items."""
    for name, field in schema.get("properties", {}).items():
        yield (*path, name), field, schema
        yield from fields(field, (*path, name))
        if "items" in field:
            yield from fields(field["items"], (*path, name))


@cache
def _validator(name: str, *, ours: bool) -> Any:
    schema = demanded(name) if ours else published(name)
    dialect = Draft6Validator if "draft-06" in schema["$schema"] else Draft4Validator
    return dialect(schema, format_checker=_our_formats if ours else _published_formats)


def read(text: str | bytes) -> Any:
    """JSON with exact numbers: in binary 8.1 is no multiple of 0.1."""
    return json.loads(text, parse_float=Decimal)


def is_demanded(name: str, text: str) -> bool:
    """Whether our side has to accept this payload."""
    payload = _whole(read(text))
    if name.endswith("Response"):
        payload = _without_nulls(payload)
    return bool(_validator(name, ours=True).is_valid(payload))


def problems(name: str, text: str | bytes) -> list[str]:
    """What a strict central system would find wrong with a payload of ours."""
    return [error.message for error in _validator(name, ours=False).iter_errors(read(text))]


def _whole(value: Any) -> Any:
    """60.0 counts as 60 (fact 5)."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


def _without_nulls(value: Any) -> Any:
    """In an answer a null is as good as nothing (RPC-14)."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
