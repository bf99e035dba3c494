"""`evcp sessions`: what was charged, for the technician's eyes, for a spreadsheet, and to be forgotten (T-PRIVACY)."""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from controller.cli.client import (
    FAILED,
    REFUSED,
    Refused,
    Unreachable,
    add_daemon_arguments,
    asked,
    complain,
    request,
    socket_path,
)
from controller.cli.screen import moment, show_table

URL, ERASE_URL = "/api/v1/sessions", "/api/v1/service/erase"
PAGE = 1000
LISTED = 50
SHORT = 8
"""So much of a local id is shown in the list: `show` takes it."""
FIELDS = ("local_id", "transaction_id", "connector", "id_tag", "started", "started_trusted", "ended", "ended_trusted",
          "energy_wh", "meter_start_wh", "meter_stop_wh", "stop_reason", "stop_id_tag", "delivery")
"""The columns of the export, in this order."""
HEADS = ("started", "ended", "connector", "tag", "energy", "reason", "delivery", "transaction", "local id")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so is a formula to a spreadsheet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per action; the daemon may be named before or after it."""
    add_daemon_arguments(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = _action(actions, "list", "the last sessions, running ones too, the newest first")
    _add_filters(listing)
    listing.add_argument("--limit", type=int, default=LISTED, metavar="N", help=f"so many at most ({LISTED})")
    show = _action(actions, "show", "everything about one session")
    show.add_argument("name", metavar="ID", help="local id, the beginning of it, or transaction id")
    export = _action(actions, "export", "all sessions as CSV (RFC 4180, times in UTC), or with --json as a list")
    _add_filters(export)
    export.add_argument("--limit", type=int, metavar="N", help="so many at most (all)")
    export.add_argument("--csv", action="store_true", help="as CSV, which is what happens without --json too")
    export.add_argument("--output", metavar="FILE", help="write this file, for its owner's eyes only, instead of standard output")
    erase = _action(actions, "erase", "forget sessions and given-up messages for good; what is owed stays")
    which = erase.add_mutually_exclusive_group(required=True)
    which.add_argument("--older-than", type=int, metavar="DAYS", help="those that ended longer ago")
    which.add_argument("--id-tag", metavar="ID_TAG", help="those of this card")


def _action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, description=summary)
    add_daemon_arguments(parser, default=argparse.SUPPRESS)
    return parser


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="TIME", help="started then or later: 2026-03-01 or 2026-03-01T12:00:00Z, UTC")
    parser.add_argument("--until", metavar="TIME", help="started before then")
    parser.add_argument("--connector", type=int, metavar="N", help="on this connector")
    parser.add_argument("--id-tag", metavar="ID_TAG", help="started with this card")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0, 5 when an erasure left sessions that are still owed."""
    actions = {"list": _list, "show": _show, "export": _export, "erase": _erase}
    try:
        return actions[arguments.action](arguments)
    except (Unreachable, Refused) as error:
        return complain(error)


def _rows(arguments: argparse.Namespace, limit: int | None) -> list[dict[str, Any]]:
    """Page by page, until nothing is left or `limit` is reached."""
    query: dict[str, object] = {"since": arguments.since, "until": arguments.until, "connector": arguments.connector,
                                "id_tag": arguments.id_tag}
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        wanted = PAGE if limit is None else min(PAGE, limit - len(rows))
        answer = asked(arguments, URL, {**query, "limit": wanted, "after": after})
        rows += answer["sessions"]
        after = answer["next"]
        if after is None or len(rows) == limit:
            return rows


def _list(arguments: argparse.Namespace) -> int:
    rows = _rows(arguments, arguments.limit)
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    elif rows:
        show_table(HEADS, [_cells(row) for row in rows])
    else:
        sys.stdout.write("no sessions\n")
    return 0


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    return (moment(row["started"], trusted=row["started_trusted"]),
            "running" if row["ended"] is None else moment(row["ended"], trusted=row["ended_trusted"]),
            row["connector"], row["id_tag"], f"{row['energy_wh'] / 1000:.3f} kWh", row["stop_reason"], row["delivery"],
            row["transaction_id"], row["local_id"][:SHORT])


def _show(arguments: argparse.Namespace) -> int:
    row = asked(arguments, f"{URL}/{_quoted(arguments.name)}")
    if arguments.json:
        sys.stdout.write(json.dumps(row, indent=2) + "\n")
    else:
        show_table(("field", "value"), [(name.replace("_", " "), row[name]) for name in FIELDS])
    return 0


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


# -- export --------------------------------------------------------------------------------------------------------------


def _export(arguments: argparse.Namespace) -> int:
    rows = _rows(arguments, arguments.limit)
    try:
        with _output(arguments.output) as file:
            if arguments.json:
                file.write(json.dumps(rows, indent=2) + "\n")
            else:
                write_csv(rows, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stderr.write(f"evcp: {arguments.output} cannot be written: {error.strerror}\n")
        return FAILED
    return 0


@contextmanager
def _output(path: str | None) -> Iterator[IO[str]]:
    """Standard output, or a file that is there whole or not at all: it names people and where they were."""
    if path is None:
        yield sys.stdout
        return
    part = f"{path}.part"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="", encoding="utf-8") as file:
            yield file
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise


def write_csv(rows: list[dict[str, Any]], file: IO[str]) -> None:
    """RFC 4180 with a header: CRLF, quotes where needed; no cell is a formula."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(FIELDS)
    writer.writerows([_harmless(row[name]) for name in FIELDS] for row in rows)


def _harmless(value: object) -> object:
    """Text as a spreadsheet takes it for text; numbers stay numbers."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() if value.startswith(FORMULA):
            return f"'{value}"
        case _:
            return value


# -- erasing -------------------------------------------------------------------------------------------------------------


def _erase(arguments: argparse.Namespace) -> int:
    body: dict[str, object] = ({"id_tag": arguments.id_tag} if arguments.older_than is None
                               else {"older_than_days": arguments.older_than})
    path, erased, left, refused = socket_path(arguments.socket, arguments.config), 0, 1, 0
    while left:
        status, answer = request(path, "POST", ERASE_URL, body)
        if status != 200:
            raise Refused(status, answer)
        erased, left, refused = erased + answer["erased"], answer["left"], answer["refused"]
    sys.stdout.write(json.dumps({"erased": erased, "refused": refused}) + "\n" if arguments.json else f"erased: {erased}\n")
    if refused:
        sys.stderr.write(f"evcp: {refused} sessions stay: they run, or the central system is still owed them\n")
    return REFUSED if refused else 0
