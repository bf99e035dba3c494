"""The command `evcp`: one module per verb, imported when used."""

import argparse
import importlib
import os
import sys

from controller import __version__

VERBS: dict[str, str] = {
    "run": "run the daemon in the foreground: controller and guard together",
    "guard": "run the guard alone, as its systemd unit does",
    "controller": "run the controller alone, as its systemd unit does",
    "config": "check a configuration file",
    "status": "show what the charge point is doing",
    "sessions": "what was charged: list, show, export, erase",
    "ocpp": "look at the connection to the central system: status, queue, trace, config",
    "tags": "the cards that this charge point knows: list, learn, label, block, remove",
    "service": "what a technician does at the charge point: reset a latched fault",
    "sim": "play in the simulated world: plug, swipe, break things",
    "demo": "watch a whole charging session, without hardware",
    "csms": "run the embedded central system alone (a development aid)",
}

INTERRUPTED, NOBODY_READS = 130, 141
"""As a shell counts the signals SIGINT and SIGPIPE; neither can be taken for one of the exit codes of a verb."""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; gives the exit code (0 ok, 1 fault or expectation, 2 usage, 3 no daemon, 4 configuration, 5 refused)."""
    arguments = sys.argv[1:] if argv is None else argv
    verb = arguments[0] if arguments else ""
    parser = argparse.ArgumentParser(prog="evcp", description="EV charge point controller")
    parser.add_argument("--version", action="version", version=f"evcp {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, summary in VERBS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if name == verb:
            _verb(name).add_arguments(subparser)
    parsed = parser.parse_args(arguments)
    try:
        code = int(_verb(parsed.verb).run(parsed))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return NOBODY_READS


def _verb(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a module with add_arguments and run
    return importlib.import_module(f"controller.cli.{name}")


if __name__ == "__main__":
    sys.exit(main())
