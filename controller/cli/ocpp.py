"""`evcp ocpp`: how it stands between this charge point and the central system."""

import argparse
import json
import sys
import time
from typing import Any

from controller.cli.client import FAILED, Refused, Unreachable, add_daemon_arguments, asked, complain
from controller.cli.screen import cell, moment, show_table

URL = "/api/v1/ocpp"
LAST_FRAMES, LAST_MESSAGES = 20, 100
FOLLOW_EVERY_S = 0.5
WIDTH = 60
"""Characters of a payload or a value in a table; `--json` has all of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per view; the daemon may be named before or after it."""
    add_daemon_arguments(parser)
    views = parser.add_subparsers(dest="view", metavar="VIEW", required=True)
    _view(views, "status", "connection, registration, security profile, what was heard last and what waits")
    queue = _view(views, "queue", "messages that are owed, the oldest first, and those that were given up, with the reason")
    queue.add_argument("--limit", type=int, default=LAST_MESSAGES, metavar="N", help=f"so many of each at most ({LAST_MESSAGES})")
    trace = _view(views, "trace", "the last frames, without passwords")
    trace.add_argument("--limit", type=int, default=LAST_FRAMES, metavar="N", help=f"so many at most ({LAST_FRAMES})")
    trace.add_argument("--follow", action="store_true", help="go on with every new frame, until interrupted")
    _view(views, "config", "every configuration key: value, whether it is read-only, and what it means")


def _view(views: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str) -> argparse.ArgumentParser:
    parser = views.add_parser(name, help=summary, description=summary)
    add_daemon_arguments(parser, default=argparse.SUPPRESS)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Exit 0, 1 when the dead letters cannot be read."""
    views = {"status": _status, "queue": _queue, "trace": _trace, "config": _config}
    try:
        return views[arguments.view](arguments)
    except (Unreachable, Refused) as error:
        return complain(error)


def _json(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


# -- status --------------------------------------------------------------------------------------------------------------


def _status(arguments: argparse.Namespace) -> int:
    status = asked(arguments, f"{URL}/status")
    if arguments.json:
        _json(status)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in status_lines(status)))
    return 0


def status_lines(status: dict[str, Any]) -> list[str]:
    """The view in plain text."""
    if not status["endpoint"]:
        return ["no central system is configured"]
    flying = status["in_flight"]
    full = ", full: no new session starts until some are delivered" if status["queue_full"] else ""
    rows = (
        ("central system", status["endpoint"]), ("connection", _connection(status)),
        ("registration", status["registration"] or "none"), ("security profile", status["security_profile"]),
        ("heartbeat", f"every {status['heartbeat_interval_s']} s"),
        ("last sent", moment(status["last_sent"])), ("last received", moment(status["last_received"])),
        ("owed", f"{status['queue_length']} messages{full}"),
        ("in flight", None if flying is None else f"{flying['action']} {flying['message_id']}"))
    return [f"{name:<18}{cell(value)}" for name, value in rows]


def _connection(status: dict[str, Any]) -> str:
    if status["connected"]:
        return f"up for {status['connected_for_s']:.0f} s"
    return f"down: {status['last_failure'] or 'not tried yet'}"


# -- queue ---------------------------------------------------------------------------------------------------------------


def _queue(arguments: argparse.Namespace) -> int:
    answer = asked(arguments, f"{URL}/queue", {"limit": arguments.limit})
    if arguments.json:
        _json(answer)
    else:
        _show_queue(answer)
    if answer["error"] is not None:
        sys.stderr.write(f"evcp: the dead letters cannot be read: {answer['error']}\n")
    return FAILED if answer["error"] is not None else 0


def _show_queue(answer: dict[str, Any]) -> None:
    sys.stdout.write(f"owed: {answer['owed_count']}{_shown(answer['owed'], answer['owed_count'])}\n")
    if answer["owed"]:
        show_table(("since", "message", "connector", "attempts", "content"), [(*_message(row), _brief(row["payload"]))
                                                                              for row in answer["owed"]])
    letters = answer["dead_letters"]
    if letters is not None:
        sys.stdout.write(f"dead letters: {answer['dead_letter_count']}{_shown(letters, answer['dead_letter_count'])}\n")
    if letters:
        show_table(("since", "message", "connector", "attempts", "given up", "why"),
                   [(*_message(row), moment(row["given_up"]), row["why"]) for row in letters])


def _shown(rows: list[Any], count: int) -> str:
    return f", of which {len(rows)} are shown" if len(rows) < count else ""


def _message(row: dict[str, Any]) -> tuple[object, ...]:
    return moment(row["since"], trusted=row["since_trusted"]), row["action"], row["connector"], row["attempts"]


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


# -- trace ---------------------------------------------------------------------------------------------------------------


def _trace(arguments: argparse.Namespace) -> int:
    frames = asked(arguments, f"{URL}/trace", {"limit": arguments.limit})["frames"]
    if arguments.json and not arguments.follow:
        _json(frames)
        return 0
    _print(frames, as_json=arguments.json)
    try:
        while arguments.follow:
            time.sleep(FOLLOW_EVERY_S)
            frames = _next(arguments, frames)
    except KeyboardInterrupt:
        return 0
    return 0


def _next(arguments: argparse.Namespace, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What came since, printed; what was not seen because too much came at once is counted."""
    last = before[-1]["number"] if before else 0
    frames: list[dict[str, Any]] = asked(arguments, f"{URL}/trace", {"limit": 10_000, "after": last})["frames"]
    if not frames:
        frames = asked(arguments, f"{URL}/trace", {"limit": 1})["frames"]
        if not frames or frames[-1]["number"] >= last:
            return before
        last = 0  # another daemon answers: it counts from one again
        frames = asked(arguments, f"{URL}/trace", {"limit": 10_000})["frames"]
    missed = frames[0]["number"] - last - 1
    if missed > 0:
        sys.stderr.write(f"evcp: {missed} frames were not seen\n")
    _print(frames, as_json=arguments.json)
    return frames


def _print(frames: list[dict[str, Any]], *, as_json: bool) -> None:
    """A line per frame."""
    for frame in frames:
        arrow = "->" if frame["sent"] else "<-"
        line = json.dumps(frame) if as_json else f"{frame['at'][:23]:<23} {arrow} {cell(frame['frame'])}"
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


# -- config --------------------------------------------------------------------------------------------------------------


def _config(arguments: argparse.Namespace) -> int:
    keys = asked(arguments, f"{URL}/config")["keys"]
    if arguments.json:
        _json(keys)
    else:
        show_table(("key", "value", "access", "meaning"), [(row["key"], _value(row), _access(row), row["meaning"]) for row in keys])
    return 0


def _value(row: dict[str, Any]) -> str:
    if row["writeonly"]:
        return "(hidden)"
    return f"{_brief(row['value'])} {row['unit'] or ''}".strip()


def _access(row: dict[str, Any]) -> str:
    return "read-only" if row["readonly"] else "write-only" if row["writeonly"] else "read-write"
