"""`evcp config check FILE`: every mistake with file, line and key. `evcp config pins FILE`: the table to wire by."""

import argparse
import json
import sys

from controller.config import check, load
from drivers.pins import Pin, conflicts, merged, of_configuration

INVALID, WIRED_TWICE = 4, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("action", choices=["check", "pins"], help="check: every mistake; pins: which pins of the header are used")
    parser.add_argument("file", metavar="FILE", help="the configuration file")
    parser.add_argument("--json", action="store_true", help="machine-readable output")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when the file can be used, 4 when not; 1 when its pins are in each other's way."""
    problems = check(arguments.file)
    if problems or arguments.action == "check":
        _tell_problems(arguments, problems)
        return INVALID if problems else 0
    configuration = load(arguments.file)
    pins = of_configuration(((row.id, row.devices()) for row in configuration.connector), [row.device for row in configuration.reader])
    wrong = conflicts(pins)
    if arguments.json:
        rows = [{"gpio": pin.gpio, "header": pin.header, "direction": pin.direction, "what": pin.what} for pin in merged(pins)]
        sys.stdout.write(json.dumps({"pins": rows, "conflicts": wrong}, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join([*lines(pins), *(f"! {sentence}" for sentence in wrong)]) + "\n")
    return WIRED_TWICE if wrong else 0


def _tell_problems(arguments: argparse.Namespace, problems: list[str]) -> None:
    if arguments.json:
        sys.stdout.write(json.dumps({"valid": not problems, "problems": problems}, indent=2) + "\n")
    elif problems:
        sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    else:
        sys.stdout.write(f"{arguments.file}: valid\n")


def lines(pins: list[Pin]) -> list[str]:
    """The table in plain text, in the order of the header."""
    if not pins:
        return ["no pin of the header is used"]
    return ["header  GPIO    direction  what", *(
        f"{pin.header or '-':>6}  GPIO{pin.gpio:<3} {pin.direction:<9}  {pin.what}" for pin in merged(pins))]
