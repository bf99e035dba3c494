"""`python3 dev.py bench`: measures, prints a table, exits with 1 when a bound is broken."""

import argparse
import asyncio
import os
import platform
import sys
from pathlib import Path

import msgspec

from tests.bench import calls, drain, idle, local_list, memory, reaction, reaction_under_load, startup
from tests.bench.figures import Figure, lines

MEASURES = {"start": startup.measure, "memory": memory.measure, "calls": calls.measure, "drain": drain.measure, "list": local_list.measure, "idle": idle.measure,
            "reaction": reaction.measure, "load": reaction_under_load.measure}
BUSY = 0.5
"""A load average above this means that others wanted the processor too."""


def main() -> int:
    """Exit 1 when a bound is broken."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description="figures beside baselines of the same run")
    parser.add_argument("only", nargs="*", choices=[*MEASURES, []], help="measure only these (default: all)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to a file")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    busy = os.getloadavg()[0]
    for name in arguments.only or MEASURES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures += asyncio.run(MEASURES[name]())
    print("\n".join(lines(figures)))
    if busy > BUSY:
        print(f"bench: the load average was {busy:.1f} on {os.cpu_count()} cores before it began; measure again on a quiet machine")
    if arguments.json:
        Path(arguments.json).write_bytes(msgspec.json.format(msgspec.json.encode(report(figures)), indent=2))
    broken = [figure.name.strip() for figure in figures if figure.kept is False]
    print(f"bench: broken: {', '.join(broken)}" if broken else "bench: every bound is kept")
    return 1 if broken else 0


def report(figures: list[Figure]) -> dict[str, object]:
    """Everything, with what it was measured on."""
    rows = [{**msgspec.to_builtins(figure), "ratio": figure.ratio, "kept": figure.kept} for figure in figures]
    return {"load_average": os.getloadavg()[0], "python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count(), "figures": rows}


if __name__ == "__main__":
    sys.exit(main())
