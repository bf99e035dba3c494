"""`evcp controller`: everything but the guard, as its systemd unit starts it."""

import argparse

from controller.cli.loading import INVALID, loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--config", required=True, metavar="FILE", help="the configuration file")


def run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or an accepted Reset; offers then run out by themselves."""
    configuration = loaded(arguments.config)
    if configuration is None:
        return INVALID
    from controller.app import run_daemon

    return run_daemon(configuration, mode="controller")
