"""`evcp service`: what a technician does at the charge point."""

import argparse

from controller.cli.client import add_daemon_arguments, command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("action", choices=["reset"], help="reset: clear latched faults whose cause is gone")
    parser.add_argument("--connector", type=int, default=1, metavar="N", help="connector id (1)")
    add_daemon_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when the daemon took it."""
    return command(arguments, "/api/v1/service/reset", {"connector": arguments.connector})
