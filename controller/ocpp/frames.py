"""CALL, CALLRESULT and CALLERROR between text and structs (RPC-1)."""

import re
from typing import TypeAlias

import msgspec

MAX_MESSAGE_ID = 36
"""Characters of a unique id (RPC-3)."""


class Call(msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True):
    """`[2, id, action, payload]`."""

    message_id: str
    action: str
    payload: msgspec.Raw


class CallResult(msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True):
    """`[3, id, payload]`."""

    message_id: str
    payload: msgspec.Raw


class CallError(msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True):
    """`[4, id, code, description, details]`; details may be missing from what others send."""

    message_id: str
    code: str
    description: str = ""
    details: msgspec.Raw = msgspec.Raw(b"{}")


Frame: TypeAlias = Call | CallResult | CallError

_decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Call | CallResult | CallError)
_encoder = msgspec.json.Encoder()
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
_KIND = re.compile(r"\s*\[\s*(-?\d+)\s*[,\]]")
_CALL_ID = re.compile(r'\s*\[\s*2\s*,\s*("(?:[^"\\]|\\.)*")')
MAX_READABLE_ID = 255
"""An id longer than this is not echoed: nobody waits for an answer to it."""


class Broken(msgspec.Struct, frozen=True):
    """Text that is no frame. `message_id` is set when it is a CALL whose id can be read, so it can be answered."""

    why: str
    message_id: str | None = None
    decodable: bool = True
    """It is JSON at least."""
    ignored: bool = False
    """A message type number that OCPP 1.6 does not know: to be ignored (RPC-2)."""


def parse(text: str) -> Frame | Broken:
    """The frame in `text`, or what is wrong with it; never raises."""
    try:
        return _decoder.decode(text)
    except _UNREADABLE as error:
        decodable = _is_json(text)
        kind = _KIND.match(text)
        if decodable and kind is not None and kind.group(1) not in ("2", "3", "4"):
            return Broken(f"message type {kind.group(1)[:9]} is unknown", ignored=True)
        return Broken(f"not a frame: {error}", _readable_id(text), decodable)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except _UNREADABLE:
        return False
    return True


def _readable_id(text: str) -> str | None:
    found = _CALL_ID.match(text)
    if found is None:
        return None
    try:
        message_id = msgspec.json.decode(found.group(1), type=str)
    except _UNREADABLE:
        return None
    return message_id if len(message_id) <= MAX_READABLE_ID else None


def call(message_id: str, action: str, payload: bytes) -> str:
    """The text of a CALL."""
    return f'[2,"{message_id}","{action}",{payload.decode()}]'


def call_result(message_id: str, payload: bytes) -> str:
    """The text of a CALLRESULT."""
    return f"[3,{_quoted(message_id)},{payload.decode()}]"


def call_error(message_id: str, code: str, description: str) -> str:
    """The text of a CALLERROR; the description is at most 255 characters, the details an empty object (RPC-10)."""
    return f"[4,{_quoted(message_id)},{_quoted(code)},{_quoted(description[:255])},{{}}]"


def _quoted(text: str) -> str:
    return _encoder.encode(text).decode()
