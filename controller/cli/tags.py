"""`evcp tags`: the cards that this charge point knows, and its own ones among them."""

import argparse
import json
import sys
from typing import Any

from controller.cli.client import FAILED, Unreachable, add_daemon_arguments, complain, refused, request, socket_path

LEARNED_WITHIN_S = 60.0
SOURCES = {"own": "own", "list": "local list", "cache": "cache"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command each; the daemon may be named before or after it."""
    add_daemon_arguments(parser)
    verbs = parser.add_subparsers(dest="tags_verb", metavar="ACTION", required=True)
    shown = _verb(verbs, "list", "show every card that is known, by whom, and what it may")
    shown.add_argument("--source", choices=list(SOURCES), help="only the charge point's own, the central system's list, or the cache")
    learn = _verb(verbs, "learn", "wait for a card at a reader and accept it here; it starts and stops nothing")
    learn.add_argument("--within-s", type=float, default=LEARNED_WITHIN_S, metavar="S", help="how long to wait for it (60, at most 600)")
    learn.add_argument("--label", metavar="TEXT", help="whose it is")
    label = _verb(verbs, "label", "say whose an own card is")
    label.add_argument("id_tag", metavar="ID_TAG")
    label.add_argument("label", metavar="TEXT")
    block = _verb(verbs, "block", "refuse a card here, whatever the central system says")
    block.add_argument("id_tag", metavar="ID_TAG")
    block.add_argument("--label", metavar="TEXT", help="whose it is")
    _verb(verbs, "remove", "forget an own card, accepted or blocked").add_argument("id_tag", metavar="ID_TAG")


def _verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    add_daemon_arguments(parser, default=argparse.SUPPRESS)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Exit 0; 1 when no card came to be learned; 5 where the charge point refuses."""
    try:
        path = socket_path(arguments.socket, arguments.config)
        return _list(path, arguments) if arguments.tags_verb == "list" else _change(path, arguments)
    except Unreachable as error:
        return complain(error)


def _list(path: str, arguments: argparse.Namespace) -> int:
    status, answer = request(path, "GET", "/api/v1/tags")
    if status != 200:
        return refused(status, answer)
    if arguments.source is not None:
        answer["tags"] = [row for row in answer["tags"] if row["source"] == arguments.source]
    sys.stdout.write(json.dumps(answer, indent=2) + "\n" if arguments.json else "".join(f"{line}\n" for line in lines(answer)))
    return 0


def lines(answer: dict[str, Any]) -> list[str]:
    """The list in plain text: a head, then a line per card and source."""
    version = answer["list_version"]
    head = "no local list" if version < 0 else f"local list version {version}"
    rows = [("card", "known by", "status", "until", "label"),
            *((row["id_tag"], SOURCES[row["source"]], row["status"], row["expiry_date"] or "-", row["label"]) for row in answer["tags"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [f"{len(answer['tags'])} known, {head}", *(text if answer["tags"] else [])]


def _change(path: str, arguments: argparse.Namespace) -> int:
    fields = {name: getattr(arguments, name, None) for name in ("id_tag", "label", "within_s")}
    body: dict[str, object] = {name: value for name, value in fields.items() if value is not None}
    if arguments.tags_verb == "learn" and not arguments.json:
        sys.stderr.write(f"hold the card to a reader, within {arguments.within_s:g} s\n")
    wait_s = arguments.within_s if arguments.tags_verb == "learn" else 0.0
    status, answer = request(path, "POST", f"/api/v1/tags/{arguments.tags_verb}", body, more_s=wait_s)
    if status != 200:
        return refused(status, answer)
    return _tell(arguments, answer)


def _tell(arguments: argparse.Namespace, answer: dict[str, Any]) -> int:
    tag = answer["tag"]
    if arguments.json:
        sys.stdout.write(json.dumps(answer) + "\n")
    elif tag is not None:
        removed = arguments.tags_verb == "remove"
        sys.stdout.write(f"{tag['id_tag']}  {'removed' if removed else tag['status']}  {tag['label']}".rstrip() + "\n")
    if tag is None:
        sys.stderr.write("evcp: no card came\n")
        return FAILED
    return 0
