"""Payloads between structs and JSON, and what is wrong with those that are not valid.

The fast way decodes straight into the typed struct. Only when that fails a slow way looks at what was sent: it forgives
what the reference says to forgive (60.0 for 60, unknown fields in a CALLRESULT) and names the rest with the error codes of
RPC-12, or those the common Python toolkits expect (`contract.md` section 4).
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from controller.errors import RemoteError
from controller.ocpp.messages import Part, Request, Response

R = TypeVar("R", bound=Part)

FORMATION = "FormationViolation"
OCCURENCE = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"
PROPERTY = "PropertyConstraintViolation"

_CLASSES: tuple[tuple[str, str], ...] = (
    ("Object missing required field", OCCURENCE),
    ("Object contains unknown field", FORMATION),
    ("Expected `datetime` with a timezone", PROPERTY),
)
"""What the beginning of msgspec's message says about the class of failure; pinned by tests."""

_encoder = msgspec.json.Encoder()


@cache
def _decoder(kind: type[R]) -> msgspec.json.Decoder[R]:
    return msgspec.json.Decoder(kind)


def encode(payload: Part) -> bytes:
    """JSON of a payload; optional fields without a value are left out, an empty payload is `{}` (RPC-8)."""
    return _encoder.encode(payload)


def decode_request(kind: type[Request], payload: msgspec.Raw, *, compat: bool = False) -> Request:
    """The payload of a CALL. Raises RemoteError with the CALLERROR's code and a description that names the field."""
    try:
        if b"null" not in memoryview(payload).tobytes():
            return cast("Request", _decoder(kind).decode(payload))
        return msgspec.convert(_integral(_without_null(msgspec.json.decode(payload))), kind)
    except msgspec.ValidationError as error:
        return _second_look(kind, payload, error, compat=compat)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteError(FORMATION, f"payload: {error}") from error


def _second_look(kind: type[Request], payload: msgspec.Raw, error: msgspec.ValidationError, *, compat: bool) -> Request:
    if "got `float`" in str(error):
        try:
            return msgspec.convert(_integral(msgspec.json.decode(payload)), kind)
        except msgspec.ValidationError as again:
            error = again
    code = FORMATION if compat else classify(str(error))
    raise RemoteError(code, str(error).replace("$.", "").replace("Object ", f"{kind.action}: ")) from error


def decode_response(kind: type[Response], payload: msgspec.Raw) -> Response:
    """The payload of a CALLRESULT; unknown fields and nulls are overlooked. Raises RemoteError when it is no such payload."""
    try:
        return cast("Response", _decoder(kind).decode(payload))
    except msgspec.ValidationError as error:
        try:
            lenient = _integral(_known_fields(kind, msgspec.json.decode(payload)))
            return msgspec.convert(lenient, kind)
        except msgspec.ValidationError:
            raise RemoteError(classify(str(error)), str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteError(FORMATION, f"payload: {error}") from error


def classify(message: str) -> str:
    """The CALLERROR code for a validation message (RPC-12)."""
    for beginning, code in _CLASSES:
        if message.startswith(beginning):
            return code
    wrong_type = message.startswith("Expected") and ", got `" in message
    return TYPE if wrong_type else PROPERTY


def _without_null(value: Any) -> Any:
    """Refuse nulls: no schema of OCPP 1.6 admits them."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if inner is None:
                message = f"Expected `{name}` to have a value, got `null`"
                raise msgspec.ValidationError(message)
            _without_null(inner)
    elif isinstance(value, list):
        for inner in value:
            _without_null(inner)
    return value


def _integral(value: Any) -> Any:
    """60.0 is 60 (ocpp16-messages.md, fact 5)."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _integral(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_integral(inner) for inner in value]
    return value


def _known_fields(kind: type[msgspec.Struct], value: Any) -> Any:
    """The same object without fields that the struct does not have, and without nulls."""
    if not isinstance(value, dict):
        return value
    hints = _hints(kind)
    known = {}
    for field in msgspec.structs.fields(kind):
        inner = value.get(field.encode_name)
        if inner is not None:
            part = _part_of(hints[field.name])
            known[field.encode_name] = _known_fields(part, inner) if part is not None else inner
    return known


@cache
def _hints(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _part_of(hint: Any) -> type[Part] | None:
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type) and issubclass(candidate, Part):
            return candidate
    return None


# -- before sending ------------------------------------------------------------------------------------------------------


def shortened(payload: R) -> R:
    """The payload with every over-long string cut to its maximum and unprintable characters replaced (RPC-13)."""
    changes = {}
    for name, limit in _limits(type(payload)).items():
        value = getattr(payload, name)
        if isinstance(value, str):
            fitting = printable(value)[:limit]
            if fitting != value:
                changes[name] = fitting
    return msgspec.structs.replace(payload, **changes) if changes else payload


def printable(text: str) -> str:
    """CiStrings are printable ASCII; anything else becomes a question mark."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if " " <= character <= "~" else "?" for character in text)


@cache
def _limits(kind: type[Part]) -> dict[str, int]:
    """Per field the longest string the schema allows."""
    limits = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for candidate in (hint, *get_args(hint)):
            for meta in getattr(candidate, "__metadata__", ()):
                if isinstance(meta, msgspec.Meta) and meta.max_length is not None:
                    limits[name] = meta.max_length
    return limits
