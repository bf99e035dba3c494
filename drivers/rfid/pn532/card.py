"""From the bytes of a card to an idTag, and which cards are refused (IDT-2). Pure.

A UID is identification, not authentication: 4-byte UIDs are not unique, and every plain UID can be copied.
"""

from typing import Literal

UID_LENGTHS = (4, 7, 10)
RANDOM_FIRST_BYTE = 0x08
"""A 4-byte UID that begins so is made up anew at each tap, as phones do (ISO 14443-3)."""
LONGEST_ID_TAG = 20

Order = Literal["msb", "lsb"]
Format = Literal["hex", "decimal"]


class UnusableCard(Exception):
    """A card that cannot be used; the message says why."""


def id_tag(uid: bytes, *, order: Order = "msb", form: Format = "hex", refuse_random: bool = True) -> str:
    """The idTag of a UID: upper-case hex, byte 0 first, at most 20 characters. Raises UnusableCard."""
    if len(uid) not in UID_LENGTHS:
        raise UnusableCard(f"a UID of {len(uid)} bytes; there are {', '.join(str(length) for length in UID_LENGTHS)}")
    if refuse_random and len(uid) == 4 and uid[0] == RANDOM_FIRST_BYTE:
        raise UnusableCard("a random UID, as phones make up: it will be another one next time")
    ordered = uid if order == "msb" else uid[::-1]
    tag = ordered.hex().upper() if form == "hex" else str(int.from_bytes(ordered, "big"))
    if len(tag) > LONGEST_ID_TAG:
        raise UnusableCard(f'its decimal form has {len(tag)} digits, an idTag at most {LONGEST_ID_TAG}; use format = "hex"')
    return tag


class Presence:
    """Reports a card once per presence: again only when it was away for a while."""

    def __init__(self, away_s: float) -> None:
        self._away_s = away_s
        self._present: bytes | None = None
        self._seen_s = 0.0

    def look(self, uid: bytes | None, now_s: float) -> bool:
        """Take one poll's result; True when this is a card that has just come."""
        if uid is None:
            if self._present is not None and now_s - self._seen_s >= self._away_s:
                self._present = None
            return False
        new = uid != self._present
        self._present, self._seen_s = uid, now_s
        return new
