"""Rows of the database to and from structs: JSON content with a CRC, so that a damaged row is never taken for a good one."""

import zlib
from typing import TypeVar

import msgspec

from controller import records as r

T = TypeVar("T", bound=msgspec.Struct)


def crc(content: str) -> int:
    """CRC-32 of the content."""
    return zlib.crc32(content.encode())


def packed(row: r.Transaction | r.QueuedMessage | r.CacheEntry) -> str:
    """The content column."""
    return msgspec.json.encode(row).decode()


def unpacked(kind: type[T], content: object, checksum: object = None) -> T | None:
    """The struct; None when the row is damaged."""
    if not isinstance(content, str) or (checksum is not None and checksum != crc(content)):
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        return None
