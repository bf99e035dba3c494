"""`evcp guard`: the guard alone, as its systemd unit or `evcp run` starts it."""

import argparse
import os
import sys
from typing import Any, cast

# msgspec loads typing_extensions where it finds it: 2.7 MB that a guard with locked memory keeps for ever, for a name that
# Python 3.11 and newer have themselves. None in sys.modules is Python's own way of saying "not here".
cast("dict[str, Any]", sys.modules).setdefault("typing_extensions", None)

from controller.cli.loading import INVALID, loaded  # noqa: E402 - after the line above, or it comes too late


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options; the file descriptors are for `evcp run` only."""
    parser.add_argument("--config", required=True, metavar="FILE", help="the configuration file")
    parser.add_argument("--link-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--world-fd", type=int, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM, or until whoever started it is gone."""
    if arguments.link_fd is None and not _whole_file_is_valid(arguments.config):
        return INVALID
    configuration = loaded(arguments.config, with_ocpp=False)
    if configuration is None:
        return INVALID
    from controller.guard.process import run as run_guard

    return run_guard(configuration, link_fd=arguments.link_fd, world_fd=arguments.world_fd)


def _whole_file_is_valid(path: str) -> bool:
    """Judge the `[ocpp]` table too, in a child: what that loads has no place in the guard's memory."""
    child = os.fork()
    if child == 0:
        os._exit(0 if loaded(path) is not None else INVALID)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0
