"""The guard's deadlines under everything at once: `python -m tests.bench.reaction_under_load [--trials N]`.

From a cause to the moment the contactor driver is told to let go: a fault input and a change of the simulated pilot within
40 ms, a change of the pilot through the real driver, its sampler thread and a converter within 70 ms (F-SDSLOW, F-FLOOD;
IEC 61851-1 gives 100 ms with the contactor's own 30). `load.py` says what bears on the machine meanwhile, `deadlines.py` how
the trials go. Beside each distribution runs a bare loop of the same priority and grid that does nothing: how late the machine
itself is, which no program can mend, is what the limit may be exceeded by. Exits with 1 when any trial took longer.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys

import msgspec

from tests.bench.daemon import ROOT, stop
from tests.bench.deadlines import Kind, Outcome
from tests.bench.figures import Figure, lines, percentile
from tests.bench.load import load

LIMIT_MS: dict[Kind, float] = {"fault": 40.0, "pilot": 40.0, "converter": 70.0}
NAMES: dict[Kind, str] = {
    "fault": "fault input to coil off", "pilot": "pilot edge to coil off", "converter": "pilot edge through the converter to coil off",
}
SHARES: dict[Kind, float] = {"fault": 0.5, "pilot": 0.5, "converter": 0.2}
"""Trials of each kind for one of `--trials`."""
TRIALS, FEW_TRIALS = 10_000, 500
BARE = "a bare real-time loop's lateness"


def judged(kind: Kind, outcome: Outcome, bare_ms: dict[str, float]) -> list[Figure]:
    """The distribution, each value beside the bare loop's; the slowest may exceed the limit by the bare loop's worst."""
    reactions_ms = outcome.reactions_ms
    bound_ms = LIMIT_MS[kind] + bare_ms["max"]
    over = sum(reaction_ms > bound_ms for reaction_ms in reactions_ms)
    return [
        Figure(f"{NAMES[kind]}, half of {len(reactions_ms)}", percentile(reactions_ms, 0.5), "ms", bare_ms["p50"], BARE),
        Figure("  99 of 100", percentile(reactions_ms, 0.99), "ms", bare_ms["p99"], BARE),
        Figure("  the slowest", max(reactions_ms), "ms", bare_ms["max"], BARE, bound=bound_ms),
        Figure(f"  trials over {LIMIT_MS[kind]:g} ms and the bare loop's worst", over, "", bound=0.0),
        Figure("  late cycles (> 20 ms)", outcome.late_ticks, ""),
        Figure("  opened before the cause, by a cycle too late (> 60 ms)", outcome.too_early, ""),
    ]


async def measured(kind: Kind, trials: int) -> tuple[list[Figure], list[str]]:
    """The figures of one kind, and what real-time means the system did not permit."""
    bare = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-m", "tests.bench.bare_loop"], cwd=ROOT, stdout=subprocess.PIPE)
    assert bare.stdout is not None
    try:
        await asyncio.to_thread(bare.stdout.readline)  # on a busy machine it takes its time to begin
        done = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "tests.bench.deadlines", kind, str(trials)], cwd=ROOT,
                                       check=True, stdout=subprocess.PIPE)
    finally:
        await asyncio.to_thread(stop, bare)
    with bare.stdout:
        bare_ms = json.loads(bare.stdout.read())
    outcome = msgspec.json.decode(done.stdout, type=Outcome)
    return judged(kind, outcome, bare_ms), outcome.not_permitted


async def everything(trials: int, *, loaded: bool) -> list[Figure]:
    """Every kind in turn, under one load; tells on standard error what the load was."""
    figures: list[Figure] = []
    refused: dict[str, None] = {}
    async with contextlib.AsyncExitStack() as stack:
        bearing = await stack.enter_async_context(load()) if loaded else None
        for kind, share in SHARES.items():
            found, missing = await measured(kind, max(1, round(trials * share)))
            figures += found
            refused |= dict.fromkeys(missing)
        print(f"under load: {bearing.said if bearing is not None else 'none'}", file=sys.stderr)
    for what in refused:
        print(f"under load: {what}", file=sys.stderr)
    return figures


async def measure() -> list[Figure]:
    """Few trials of each, under the whole load."""
    return await everything(FEW_TRIALS, loaded=True)


def main() -> int:
    """Exit 1 when a bound is broken."""
    parser = argparse.ArgumentParser(description="the guard's deadlines under load")
    parser.add_argument("--trials", type=int, default=TRIALS,
                        help="of faults and pilot edges together (default: %(default)s); a fifth as many through the converter come on top")
    parser.add_argument("--no-load", dest="loaded", action="store_false", help="on the machine as it is")
    arguments = parser.parse_args()
    figures = asyncio.run(everything(arguments.trials, loaded=arguments.loaded))
    print("\n".join(lines(figures)))
    return 1 if any(figure.kept is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
