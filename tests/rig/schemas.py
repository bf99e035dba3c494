"""The JSON schemas of OCPP 1.6, as the `ocpp` package ships them; numbers are compared as decimals (8.1 is 81 × 0.1)."""

import json
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator, FormatChecker

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_utc(text: object) -> bool:
    """ISO 8601 in UTC with a Z, as TIME-1 recommends and as our side always sends."""
    return not isinstance(text, str) or (text.endswith("Z") and datetime.fromisoformat(text).tzinfo is not None)


@cache
def _validator(name: str) -> Any:
    text = files("ocpp.v16").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8-sig")
    return Draft4Validator(json.loads(text, parse_float=Decimal), format_checker=_formats)


def read(text: str) -> Any:
    """JSON with exact numbers."""
    return json.loads(text, parse_float=Decimal)


def check(action: str, payload: Any, *, response: bool = False) -> None:
    """Hold a payload against its schema. Raises AssertionError that names the field."""
    name = f"{action}Response" if response else action
    problems = [f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message}"
                for error in _validator(name).iter_errors(payload)]
    assert not problems, f"{name}: {'; '.join(problems)}"
