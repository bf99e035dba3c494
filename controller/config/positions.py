"""Where in a TOML file a table or key stands, so that an error can name its line; `tomllib` does not tell.

A scan over lines, not a second parser: strings over several lines and brackets are followed only as far as needed to
know that a line begins a header or a key. It is used on text that `tomllib` has accepted.
"""

import re
from typing import TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""A path into the document: table names, indexes of arrays of tables, keys."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'""")


def positions(text: str) -> dict[Place, int]:
    """Line numbers, from 1, of every table and key of the document."""
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    inside = _Inside()
    for number, line in enumerate(text.split("\n"), 1):
        if not inside.anything:
            header = _HEADER.match(line)
            if header is not None:
                table = _table(header, counts)
                for place in (table, tuple(part for part in table if isinstance(part, str))):
                    lines.setdefault(place, number)
                continue
            key = _KEY.match(line)
            if key is not None:
                _note(table, key.group(1), line[key.end():], number, lines)
        inside.follow(line)
    return lines


def _names(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _table(header: re.Match[str], counts: dict[Place, int]) -> Place:
    """The place of a header; an array of tables counts its elements, and later headers mean the last one."""
    place: Place = ()
    names = _names(header.group(2))
    for depth, name in enumerate(names):
        place = (*place, name)
        last = depth == len(names) - 1
        if last and header.group(1) == "[[":
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _note(table: Place, dotted: str, value: str, number: int, lines: dict[Place, int]) -> None:
    names = _names(dotted)
    for depth in range(1, len(names) + 1):
        lines.setdefault((*table, *names[:depth]), number)
    place = (*table, *names)
    if value.lstrip().startswith("{"):
        for key in re.findall(r"[{,]\s*([A-Za-z0-9_-]+)\s*=", value):
            lines.setdefault((*place, key), number)


class _Inside:
    """Whether the scan is within brackets or a string over several lines."""

    def __init__(self) -> None:
        self._quotes = ""
        self._depth = 0

    @property
    def anything(self) -> bool:
        """True where a line does not begin a key or header."""
        return bool(self._quotes) or self._depth > 0

    def follow(self, line: str) -> None:
        """Take one line into account."""
        at = 0
        while at < len(line):
            if self._quotes:
                at = self._in_string(line, at)
            else:
                at = self._outside(line, at)
        if self._quotes and len(self._quotes) == 1:
            self._quotes = ""

    def _in_string(self, line: str, at: int) -> int:
        if line[at] == "\\" and self._quotes.startswith('"'):
            return at + 2
        if line.startswith(self._quotes, at):
            at += len(self._quotes)
            self._quotes = ""
            return at
        return at + 1

    def _outside(self, line: str, at: int) -> int:
        for quotes in ('"""', "'''", '"', "'"):
            if line.startswith(quotes, at):
                self._quotes = quotes
                return at + len(quotes)
        if line[at] == "#":
            return len(line)
        self._depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(line[at], 0)
        return at + 1
