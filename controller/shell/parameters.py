"""The parameters of a question to the control socket. Nothing is guessed: what is wrong is 400 and says what is allowed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from controller.shell.refusal import Unusable

Query: TypeAlias = Mapping[str, str]


def only(query: Query, *names: str) -> None:
    """No parameter but these. Raises Unusable."""
    for name in query:
        if name not in names:
            allowed = ", ".join(names) or "none"
            raise Unusable(400, f"unknown parameter {name}; allowed: {allowed}")


def integer(query: Query, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number. Raises Unusable."""
    if name not in query:
        return default
    text = query[name]
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    if not digits or not lowest <= int(text) <= highest:
        raise Unusable(400, f"{name}: a whole number, {lowest} to {highest}")
    return int(text)


def id_tag(text: str) -> str:
    """An idTag as somebody writes it (CiString20). Raises Unusable."""
    if not 0 < len(text) <= 20:
        raise Unusable(400, "id_tag: 1 to 20 characters")
    return text


def moment(query: Query, name: str) -> datetime | None:
    """A date or a time, UTC unless it says otherwise. Raises Unusable."""
    if name not in query:
        return None
    try:
        return utc(query[name])
    except (ValueError, OverflowError) as error:
        raise Unusable(400, f"{name}: a date or time such as 2026-03-01 or 2026-03-01T12:00:00Z, UTC unless it says "
                            "otherwise") from error


def utc(text: str) -> datetime:
    """ISO 8601. Raises ValueError, OverflowError."""
    told = datetime.fromisoformat(text)
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
