"""Payloads between structs and JSON, and what is wrong with those that are not valid.

The fast way decodes straight into the typed struct. Only when that fails a slow way looks at what was sent: it forgives
what the reference says to forgive (60.0 for 60, unknown fields in a CALLRESULT) and names the rest with the error codes of
RPC-12, or those the common Python toolkits expect (`contract.md` section 4).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from controller.errors import RemoteError
from controller.ocpp.messages import Part, Request, Response
from controller.ocpp.types import PRINTABLE

R = TypeVar("R", bound=Part)

FORMATION = "FormationViolation"
OCCURENCE = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"
PROPERTY = "PropertyConstraintViolation"

_CLASSES: tuple[tuple[str, str], ...] = (
    ("Object missing required field", OCCURENCE),
    ("Object contains unknown field", FORMATION),
    ("Expected `array` of length >=", OCCURENCE),
    ("Expected `datetime` with a timezone", PROPERTY),
)
"""What the beginning of msgspec's message says about the class of failure; pinned by tests."""

_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
"""What text can raise that is no JSON, or is nested too deeply to look at."""

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
        request = _decoded(kind, payload)
        if b"null" in bytes(payload):
            _refuse_null(msgspec.json.decode(payload))
    except msgspec.ValidationError as error:
        code = FORMATION if compat else classify(str(error))
        raise RemoteError(code, str(error).replace("$.", "").replace("Object ", f"{kind.action}: ")) from error
    except _UNREADABLE as error:
        raise RemoteError(FORMATION, f"payload: {error}") from error
    return request


def _decoded(kind: type[Request], payload: msgspec.Raw) -> Request:
    try:
        return cast("Request", _decoder(kind).decode(payload))
    except msgspec.ValidationError:
        # The typed decoder stops at the first of two equal keys; the last one counts.
        return msgspec.convert(_integral(msgspec.json.decode(payload)), kind)


def decode_response(kind: type[Response], payload: msgspec.Raw) -> Response:
    """The payload of a CALLRESULT; unknown fields and nulls are overlooked. Raises RemoteError when it is no such payload."""
    try:
        return cast("Response", _decoder(kind).decode(payload))
    except msgspec.ValidationError:
        pass
    except _UNREADABLE as error:
        raise RemoteError(FORMATION, f"payload: {error}") from error
    try:
        return msgspec.convert(_integral(_known_fields(kind, msgspec.json.decode(payload))), kind)
    except msgspec.ValidationError as error:
        raise RemoteError(classify(str(error)), str(error)) from error
    except _UNREADABLE as error:
        raise RemoteError(FORMATION, f"payload: {error}") from error


def classify(message: str) -> str:
    """The CALLERROR code for a validation message (RPC-12)."""
    for beginning, code in _CLASSES:
        if message.startswith(beginning):
            return code
    wrong_type = message.startswith("Expected") and ", got `" in message
    return TYPE if wrong_type else PROPERTY


def _refuse_null(value: Any) -> None:
    """No schema of OCPP 1.6 admits null. Raises ValidationError."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if inner is None:
                raise msgspec.ValidationError(f"Expected `{name}` to have a value, got `null`")
            _refuse_null(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_null(inner)


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
    """The same object without fields that the struct does not have, and without nulls; lists of objects likewise."""
    if isinstance(value, list):
        return [_known_fields(kind, inner) for inner in value]
    if not isinstance(value, dict):
        return value
    known = {}
    for field in msgspec.structs.fields(kind):
        inner = value.get(field.encode_name)
        if inner is not None:
            part = _part_of(_hints(kind)[field.name])
            known[field.encode_name] = _known_fields(part, inner) if part is not None else inner
    return known


@cache
def _hints(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _within(hint: Any) -> Iterator[Any]:
    """The hint and everything it is made of: the items of a list, the alternatives of a union."""
    yield hint
    for inner in get_args(hint):
        yield from _within(inner)


@cache
def _part_of(hint: Any) -> type[Part] | None:
    for candidate in _within(hint):
        if isinstance(candidate, type) and issubclass(candidate, Part):
            return candidate
    return None


# -- before sending ------------------------------------------------------------------------------------------------------


def sendable(payload: Part) -> bytes:
    """JSON of a payload that is about to leave, shortened to what the schema allows (RPC-13).

    Nearly everything fits as it is. That is seen fastest by decoding it again, which checks every length: GetConfiguration
    has seventy strings.
    """
    content = encode(payload)
    plain = content.isascii() and b"\\" not in content and b"\x7f" not in content
    return content if plain and _is_valid(type(payload), content) else encode(shortened(payload))


def _is_valid(kind: type[Part], content: bytes) -> bool:
    try:
        _decoder(kind).decode(content)
    except msgspec.ValidationError:
        return False
    return True


def shortened(payload: R) -> R:
    """The payload with every over-long string cut to its maximum and unprintable characters replaced (RPC-13).

    Also in objects and lists inside. Characters are replaced only where the type is a CiString or an IdToken: a certificate
    keeps its line ends.
    """
    changes = {}
    for field in payload.__struct_fields__:
        value = getattr(payload, field)
        fitting = _fitting(value, _limits(type(payload)).get(field))
        if fitting != value:
            changes[field] = fitting
    return msgspec.structs.replace(payload, **changes) if changes else payload


def _fitting(value: Any, limit: msgspec.Meta | None) -> Any:
    if isinstance(value, Part):
        return shortened(value)
    if isinstance(value, list):
        return [_fitting(inner, limit) for inner in value]
    if isinstance(value, str) and limit is not None:
        return (printable(value) if limit.extra == PRINTABLE else value)[:limit.max_length]
    return value


def printable(text: str) -> str:
    """CiStrings are printable ASCII; anything else becomes a question mark."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if " " <= character <= "~" else "?" for character in text)


@cache
def _limits(kind: type[Part]) -> dict[str, msgspec.Meta]:
    """Per field what its strings are held to."""
    limits = {}
    for name, hint in _hints(kind).items():
        for candidate in _within(hint):
            if isinstance(candidate, msgspec.Meta) and candidate.max_length is not None:
                limits[name] = candidate
    return limits
