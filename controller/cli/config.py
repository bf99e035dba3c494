"""`evcp config check FILE`: every mistake with file, line and key."""

import argparse
import json
import sys

from controller.config import check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("action", choices=["check"], help="what to do with the file")
    parser.add_argument("file", metavar="FILE", help="the configuration file")
    parser.add_argument("--json", action="store_true", help="machine-readable output")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when the file can be used, 4 otherwise."""
    problems = check(arguments.file)
    if arguments.json:
        sys.stdout.write(json.dumps({"valid": not problems, "problems": problems}, indent=2) + "\n")
    elif problems:
        sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    else:
        sys.stdout.write(f"{arguments.file}: valid\n")
    return 4 if problems else 0
