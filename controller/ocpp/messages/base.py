"""What every payload is: a frozen struct, camelCase on the wire, optional fields left out when they have no value."""

from typing import ClassVar

import msgspec


class Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """An object inside a payload; closed, as the schemas are. `codec.py` is lenient with what a CALLRESULT adds (RPC-14)."""


class Response(Part, frozen=True):
    """The payload of a CALLRESULT."""


class Request(Part, frozen=True):
    """The payload of a CALL; `action` is its name on the wire, `response` what it is answered with."""

    action: ClassVar[str]
    response: ClassVar[type[Response]]
