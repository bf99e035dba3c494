"""`evcp csms`: the embedded central system alone, a development aid."""

import argparse
import asyncio
import contextlib
import signal
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--port", type=int, default=0, help="port of 127.0.0.1 to listen on (default: a free one)")


def run(arguments: argparse.Namespace) -> int:
    """Until interrupted; prints its address, then a line per frame. Exit 1 when the port is taken."""
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(arguments.port))
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"evcp csms: cannot listen on 127.0.0.1:{arguments.port}: {error}\n")
        return 1
    return 0


async def _serve(port: int) -> None:
    from controller.cli.frames import line
    from controller.csms.embedded import EmbeddedCentralSystem

    central_system = EmbeddedCentralSystem(lambda frame: print(line(frame), flush=True))
    await central_system.start(port)
    print(f"ws://127.0.0.1:{central_system.port}/ocpp", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await central_system.stop()
