"""`evcp guard`: the guard alone, as its systemd unit or `evcp run` starts it."""

import argparse
import os

from controller.cli.loading import INVALID, loaded


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
