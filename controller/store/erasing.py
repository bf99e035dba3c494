"""What may be forgotten, as SQL: sessions of which nothing is owed, and dead letters (T-PRIVACY)."""

import sqlite3
from datetime import datetime
from typing import NamedTuple

import msgspec

from controller import records as r
from controller.store import rows as t

PAST = "ended = 1 AND local_id NOT IN (SELECT local_id FROM outbox)"
"""A session that is over, and everything that tells of it was acknowledged or given up."""


class Condition(NamedTuple):
    """Part of a WHERE clause, with what belongs in its gaps."""

    text: str
    values: tuple[str, ...]


def sessions(what: r.Erase) -> Condition:
    """Which sessions are meant, owed or not."""
    return _condition(what, "settled", "ended", "upper(json_extract(content, '$.id_tag')) = upper(?)", 1)


def dead_letters(what: r.Erase) -> Condition:
    """Which dead letters are meant: by their own times, and by a tag that they name or their session has."""
    payload = "json_extract(content, '$.payload')"
    tag = (f"(CASE WHEN json_valid({payload}) THEN upper(json_extract({payload}, '$.idTag')) = upper(?) ELSE 0 END OR "  # noqa: S608 - our own words
           "json_extract(content, '$.local_id') IN "
           "(SELECT local_id FROM charging_transaction WHERE upper(json_extract(content, '$.id_tag')) = upper(?)))")
    return _condition(what, "buried", "stamp", tag, 2)


def _condition(what: r.Erase, settled: str, ended: str, tag: str, tags: int) -> Condition:
    parts, values = ["1"], []
    if what.settled_before is not None:
        parts.append(f"json_extract(content, '$.{settled}.trusted') AND {_day(settled)} < julianday(?)")
        values.append(_text(what.settled_before))
    if what.ended_before is not None:
        parts.append(f"{_day(ended)} < julianday(?)")
        values.append(_text(what.ended_before))
    if what.id_tag is not None:
        parts.append(tag)
        values += [what.id_tag] * tags
    return Condition(" AND ".join(parts), tuple(values))


def _day(stamp: str) -> str:
    return f"julianday(json_extract(content, '$.{stamp}.utc'))"


def _text(utc: datetime) -> str:
    return str(msgspec.to_builtins(utc))


def erase(connection: sqlite3.Connection, what: r.Erase) -> None:
    """Dead letters first, and all of a tag at once: they are found by its sessions."""
    letters, past = dead_letters(what), sessions(what)
    letters_limit = what.limit if what.id_tag is None else -1
    connection.execute(
        "DELETE FROM dead_letter WHERE seq IN (SELECT seq FROM dead_letter "  # noqa: S608 - our own words
        f"WHERE {letters.text} ORDER BY {_day('stamp')} LIMIT ?)", (*letters.values, letters_limit))
    connection.execute(
        "DELETE FROM charging_transaction WHERE local_id IN (SELECT local_id FROM charging_transaction "  # noqa: S608 - our own words
        f"WHERE {PAST} AND {past.text} ORDER BY {_day('ended')} LIMIT ?)", (*past.values, what.limit))


def date(connection: sqlite3.Connection, stamp: r.Stamp, limit: int) -> None:
    """Give `stamp` to what has no date to count from."""
    undated = "coalesce(json_extract(content, '$.{}.trusted'), 0) = 0 LIMIT ?"
    for row in list(t.rows(connection, t.TRANSACTION, f"WHERE {PAST} AND {undated.format('settled')}", (limit,))):
        transaction = t.unpacked(r.Transaction, row[3])
        if transaction is not None:
            content = t.packed(msgspec.structs.replace(transaction, settled=stamp))
            t.put(connection, t.TRANSACTION, (*row[:3], content))
    for row in list(t.rows(connection, t.DEAD_LETTER, f"WHERE {undated.format('buried')}", (limit,))):
        letter = t.unpacked(r.QueuedMessage, row[1])
        if letter is not None:
            t.put(connection, t.DEAD_LETTER, (row[0], t.packed(msgspec.structs.replace(letter, buried=stamp)), row[2]))
