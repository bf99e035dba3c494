"""`evcp demo`: a whole charging session on simulated hardware, told as it happens.

Embedded central system, simulated world and the daemon run in this process; the frames go over a real websocket and the
meter is read by the real Modbus driver from a slave on a pseudo-terminal.
"""

import argparse
import asyncio
import logging
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--plain", action="store_true", help="plain text even on a terminal")
    parser.add_argument("--wired", action="store_true",
                        help="with every real driver, against devices that speak the real protocols")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 only if everything expected was seen; the last line begins with OK or FAIL."""
    from controller.cli.demo_narrator import narrator
    from controller.cli.demo_story import Story

    logging.getLogger("evcp").setLevel(logging.CRITICAL)  # the narrator tells, not the log
    with narrator(plain=arguments.plain or not sys.stdout.isatty()) as tell:
        missing = asyncio.run(Story(tell, wired=arguments.wired).play())
    for what in missing:
        print(f"missing: {what}")
    print(f"FAIL: {len(missing)} expected things were not seen" if missing else "OK: everything expected was seen")
    return 1 if missing else 0
