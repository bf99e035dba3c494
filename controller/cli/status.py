"""`evcp status`: one legible screen of what the charge point is doing."""

import argparse
import json
import sys
import time
from typing import Any

from controller.cli.client import Unreachable, add_daemon_arguments, complain, request, socket_path

FAULT_PRESENT = 1
WATCH_EVERY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--watch", action="store_true", help="show it anew every second, until interrupted")
    add_daemon_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0, 1 when a fault is present, 3 when no daemon answers."""
    try:
        path = socket_path(arguments.socket, arguments.config)
        if arguments.watch:
            return _watch(path, as_json=arguments.json)
        status = _status(path)
    except Unreachable as error:
        return complain(error)
    _show(status, as_json=arguments.json)
    return exit_code(status)


def _show(status: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(status, indent=2) + "\n")
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(_table(status))
    else:
        sys.stdout.write("\n".join(lines(status)) + "\n")


def _status(path: str) -> dict[str, Any]:
    code, answer = request(path, "GET", "/api/v1/status")
    if code != 200 or not isinstance(answer, dict):
        raise Unreachable(f"the daemon at {path} answers {code}: {answer}")
    return answer


def exit_code(status: dict[str, Any]) -> int:
    """1 when the charge point or some connector has a fault."""
    codes = [status["error_code"], *(row["error_code"] for row in status["connectors"])]
    return FAULT_PRESENT if any(code != "NoError" for code in codes) else 0


def lines(status: dict[str, Any]) -> list[str]:
    """The screen in plain text."""
    connection = f"{'online' if status['online'] else 'offline'}, registration {status['registration'] or 'none'}"
    if status.get("stand_alone"):
        connection = "stands alone"
    head = f"{status['identity']}  evcp {status['version']}  {connection}, {status['queue_length']} messages owed"
    text = [head]
    for row in status["connectors"]:
        text.append(f"connector {row['id']}: {row['status']}{_error(row)}")
        text.append(f"  car {row['pilot'] or '?'}  offered {row['offered_a']:.1f} A  {_power(row)}  register {_energy(row)}")
        if row["id_tag"] is not None:
            text.append(f"  transaction {_id(row)}  tag {row['id_tag']}  {(row['session_wh'] or 0) / 1000:.3f} kWh")
    return [*text, *_reservations(status), *(f"! {warning}" for warning in status["warnings"])]


def _reservations(status: dict[str, Any]) -> list[str]:
    text = []
    for row in status.get("reservations", []):
        where = f"connector {row['connector_id']}" if row["connector_id"] else "any one connector"
        group = " and its group" if row["parent_id_tag"] else ""
        text.append(f"reserved: {where} for {row['id_tag']}{group} until {row['expiry_date']}")
    return text


def _error(row: dict[str, Any]) -> str:
    return "" if row["error_code"] == "NoError" else f"  {row['error_code']}: {row['info'] or row['fault']}"


def _id(row: dict[str, Any]) -> str:
    return "not numbered yet" if row["transaction_id"] is None else str(row["transaction_id"])


def _power(row: dict[str, Any]) -> str:
    return "no reading" if row["power_w"] is None else f"{row['power_w'] / 1000:.2f} kW"


def _energy(row: dict[str, Any]) -> str:
    return "unknown" if row["energy_wh"] is None else f"{row['energy_wh'] / 1000:.3f} kWh"


COLOURS = {"Charging": "green", "Available": "cyan", "Faulted": "red", "Unavailable": "red", "Preparing": "yellow",
           "SuspendedEV": "yellow", "SuspendedEVSE": "yellow", "Finishing": "blue", "Reserved": "yellow"}


def _table(status: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head, *_ = lines(status)
    table = Table(box=None, pad_edge=False)
    for name in ("connector", "status", "car", "offered", "power", "register", "transaction", "tag"):
        table.add_column(name)
    for row in status["connectors"]:
        shown = Text(row["status"] + _error(row), style=COLOURS.get(row["status"], "white"))
        table.add_row(str(row["id"]), shown, row["pilot"] or "?", f"{row['offered_a']:.1f} A", _power(row), _energy(row),
                      "-" if row["id_tag"] is None else _id(row), row["id_tag"] or "-")
    warnings = [Text(f"! {warning}", style="yellow") for warning in status["warnings"]]
    return Group(Text(head, style="bold"), table, *map(Text, _reservations(status)), *warnings)


def _watch(path: str, *, as_json: bool) -> int:
    """Until interrupted: a live screen on a terminal, else one text after the other (JSON: one object per line)."""
    status = _status(path)
    try:
        if sys.stdout.isatty() and not as_json:
            return _watch_live(path, status)
        while True:
            sys.stdout.write((json.dumps(status) if as_json else "\n".join(lines(status))) + "\n")
            sys.stdout.flush()
            time.sleep(WATCH_EVERY_S)
            status = _status(path)
    except KeyboardInterrupt:
        return exit_code(status)


def _watch_live(path: str, status: dict[str, Any]) -> int:
    from rich.live import Live

    with Live(_table(status), refresh_per_second=4) as live:
        try:
            while True:
                time.sleep(WATCH_EVERY_S)
                status = _status(path)
                live.update(_table(status))
        except KeyboardInterrupt:
            return exit_code(status)
