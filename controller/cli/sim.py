"""`evcp sim VERB`: play in the simulated world of a running daemon."""

import argparse
import json
import sys

from controller.cli.client import Unreachable, add_daemon_arguments, command, complain, refused, request, socket_path

KINDS = ("other", "ground", "diode", "contactor_welded", "contactor", "lock", "lock_stuck", "temperature", "estop", "rcd",
         "meter", "rfid", "overcurrent", "undervoltage", "overvoltage")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command per verb of `/sim/v1`; the daemon may be named before or after the verb."""
    add_daemon_arguments(parser)
    verbs = parser.add_subparsers(dest="sim_verb", metavar="VERB", required=True)
    plug = _verb(verbs, "plug", "plug a car in")
    plug.add_argument("--current-a", type=float, help="what the car draws at most, per phase (32)")
    plug.add_argument("--phases", type=int, choices=[1, 2, 3], help="phases it uses (3)")
    plug.add_argument("--request-after-s", type=float, help="how long after an offer it asks for power (1)")
    plug.add_argument("--passive", action="store_true", help="it does nothing by itself; use ev_state")
    _verb(verbs, "unplug", "pull the cable at the vehicle")
    _verb(verbs, "ev_state", "force the vehicle's state").add_argument("state", choices=list("ABCDEF"))
    swipe = _verb(verbs, "swipe", "hold a card to a reader", connector=False)
    swipe.add_argument("id_tag", metavar="ID_TAG")
    swipe.add_argument("--connectors", type=int, nargs="+", metavar="N", help="the reader that serves these")
    fault = _verb(verbs, "fault", "break something, or mend it")
    fault.add_argument("kind", choices=KINDS)
    fault.add_argument("--off", action="store_true", help="mend it")
    site = _verb(verbs, "site", "what else the building draws", connector=False)
    site.add_argument("--current-a", type=float, nargs=3, metavar=("L1", "L2", "L3"))
    site.add_argument("--fail", choices=["on", "off"], help="break or mend the grid meter")
    _verb(verbs, "link", "cut the network, or mend it", connector=False).add_argument("state", choices=["up", "down"])
    meter = _verb(verbs, "meter", "set or break the simulated meter")
    meter.add_argument("--energy-wh", type=float)
    meter.add_argument("--voltage-v", type=float)
    meter.add_argument("--fail", choices=["on", "off"])
    _verb(verbs, "state", "show everything simulated", connector=False)


def _verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, *, connector: bool = True
          ) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    add_daemon_arguments(parser, default=argparse.SUPPRESS)
    if connector:
        parser.add_argument("--connector", type=int, default=1, metavar="N", help="connector id (1)")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Carry the verb out."""
    if arguments.sim_verb == "state":
        return _state(arguments)
    return command(arguments, f"/sim/v1/{arguments.sim_verb}", _body(arguments))


def _body(a: argparse.Namespace) -> dict[str, object]:
    match a.sim_verb:
        case "plug":
            ev = {"current_a": a.current_a, "phases": a.phases, "request_after_s": a.request_after_s,
                  "auto": False if a.passive else None}
            return {"connector": a.connector, "ev": _given(ev)}
        case "ev_state":
            return {"connector": a.connector, "state": a.state}
        case "swipe":
            return _given({"id_tag": a.id_tag, "connectors": a.connectors})
        case "fault":
            return {"connector": a.connector, "kind": a.kind, "active": not a.off}
        case "site":
            return _given({"current_a": a.current_a, "fail": _switch(a.fail)})
        case "link":
            return {"up": a.state == "up"}
        case "meter":
            return _given({"connector": a.connector, "energy_wh": a.energy_wh, "voltage_v": a.voltage_v,
                           "fail": _switch(a.fail)})
        case _:
            return {"connector": a.connector}


def _given(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _switch(word: str | None) -> bool | None:
    return None if word is None else word == "on"


def _state(arguments: argparse.Namespace) -> int:
    try:
        status, answer = request(socket_path(arguments.socket, arguments.config), "GET", "/sim/v1/state")
    except Unreachable as error:
        return complain(error)
    if status != 200:
        return refused(status, answer)
    if arguments.json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        return 0
    sys.stdout.write(f"network {'up' if answer['online'] else 'down'}\n")
    for row in answer["connectors"]:
        sys.stdout.write(
            f"connector {row['id']}: car {row['ev']}, duty {row['pwm_duty']:.3f}, "
            f"contactor {'closed' if row['contactor'] else 'open'}, bolt {'in' if row['lock'] else 'out'}, "
            f"{max(row['current_a']):.1f} A, {row['energy_wh']:.1f} Wh, {row['ocpp']}"
            f"{', fault ' + row['fault'] if row['fault'] else ''}\n")
    return 0
