"""`evcp run`: controller and guard together, in the foreground."""

import argparse

from controller.cli.loading import INVALID, loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--config", required=True, metavar="FILE", help="the configuration file")
    parser.add_argument("--split", action="store_true",
                        help="run the guard as a child process even if every driver is simulated")


def run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or an accepted Reset."""
    configuration = loaded(arguments.config)
    if configuration is None:
        return INVALID
    from controller.app import run_daemon

    split = arguments.split or not configuration.all_sim
    return run_daemon(configuration, mode="split" if split else "together")
