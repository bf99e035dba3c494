"""Does a wrong value ever come out of the meter driver? `python -m tests.bench.meter_noise [--reads N]` (F-METER).

Three answers in ten are damaged (`noisy_line.py`). A value is wrong when it was in the meter's registers at no moment between
the beginning and the end of its `read()`. Most reads skip their pauses over a stand-in for pyserial, some go over a
pseudo-terminal; then two tasks read two meters on one bus. Exits with 1 when a single value is wrong.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from unittest import mock

import msgspec

from drivers.errors import DriverError
from drivers.meter import modbus
from drivers.meter import register_map as maps
from drivers.meter.modbus import ModbusMeter, Options
from drivers.registry import Context
from tests.bench.figures import Figure, lines
from tests.bench.noisy_line import SHARE, Damage, NoisyPtyMeter, SkippedLine, Truth

READS, PTY_SHARE, PTY_LEAST, TWO_METERS_READS = 100_000, 0.03, 3000, 5000
POLL_S = 1.0
BLIND_SHARE = 0.02
MODELS = {"sdm630": (0.7, BLIND_SHARE), "em340": (0.1, BLIND_SHARE), "b23": (0.1, BLIND_SHARE), "sdm72": (0.1, 0.0)}
"""A share of the reads each, and how much of the damage is random values under a right CRC: two long blocks; integers, words
swapped, blocks of equal length; 64 bits; many short blocks of equal length. One float of the last, alone in its block and zero, has
half of all random floats so near that nothing tells them apart (the docstring of drivers/meter/modbus.py): none for that one."""
CONTEXT = Context(1, 32.0, 3, 230.0)


class Count(msgspec.Struct):
    """What came out."""

    right: int = 0
    refused: int = 0
    lies: list[str] = []
    damaged: collections.Counter[str] = msgspec.field(default_factory=collections.Counter)

    def add(self, other: "Count") -> None:
        """Both together."""
        self.right, self.refused, self.lies = self.right + other.right, self.refused + other.refused, self.lies + other.lies
        self.damaged += other.damaged


async def ask(meter: ModbusMeter, truth: Truth, clock: Callable[[], float], count: Count) -> None:
    """One read and its judgement."""
    from_s = clock()
    try:
        reading = await meter.read()
    except DriverError:
        count.refused += 1
        return
    lies = truth.lies(reading, from_s, clock())
    count.right += not lies
    if lies:
        count.lies.append(f"{meter._where}: {', '.join(lies)}")


def skipped(model: str, reads: int, *, blind: float = 0.0, seed: int = 1) -> Count:
    """Reads without waiting."""
    register_map, count = maps.load(model), Count()
    truth, damage = Truth(register_map, seed=seed), Damage(register_map, random.Random(seed), blind=blind)
    line = SkippedLine(truth, damage)

    async def story() -> None:
        meter = ModbusMeter(Options(model, "skipped", baud_rate=9600), CONTEXT)
        for _ in range(reads):
            await ask(meter, truth, line.monotonic, count)
            line.sleep(POLL_S)
        await meter.close()

    with line.in_place():
        asyncio.run(story())
    count.damaged = damage.done
    return count


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """A pseudo-terminal has no cable to wait for."""
    with mock.patch.object(ModbusMeter, "_timeout_s", return_value=0.04), mock.patch.object(modbus, "MOST_LATE_S", 0.2):
        yield


def over_ptys(reads: int, *, addresses: int = 1, share: float = SHARE, model: str = "sdm630") -> Count:
    """Reads over a pseudo-terminal, one task for each meter on it."""
    register_map, count = maps.load(model), Count()
    truths = {address: Truth(register_map, seed=address, energy_wh=1000.0 * address) for address in range(1, addresses + 1)}
    damage = Damage(register_map, random.Random(1), share=share)
    slave = NoisyPtyMeter(model, truths, damage)

    async def one(address: int) -> None:
        meter = ModbusMeter(Options(model, slave.path, address=address, baud_rate=115_200), CONTEXT)
        meter._map = msgspec.structs.replace(meter._map, gap_s=0.0)
        for _ in range(reads // addresses):
            await ask(meter, truths[address], time.monotonic, count)
        await meter.close()

    async def every() -> None:
        await asyncio.gather(*(one(address) for address in truths))

    with quick():
        asyncio.run(every())
    slave.close()
    count.damaged = damage.done
    return count


def figures(name: str, count: Count) -> list[Figure]:
    """Wrong values, beside what was read."""
    reads = count.right + count.refused + len(count.lies)
    return [Figure(f"wrong readings, {name}", len(count.lies), "", bound=0.0),
            Figure(f"  of {reads} reads these gave a value", count.right + len(count.lies), ""),
            Figure("  damaged answers", sum(count.damaged.values()), "")]


def run(reads: int) -> tuple[list[Figure], list[str]]:
    """All three parts, and what was wrong."""
    over_pty = max(min(PTY_LEAST, reads // 10), round(reads * PTY_SHARE))
    noisy = Count()
    for model, (share, blind) in MODELS.items():
        noisy.add(skipped(model, round((reads - over_pty) * share), blind=blind))
    pty, two = over_ptys(over_pty), over_ptys(min(TWO_METERS_READS, reads), addresses=2, share=0.0)
    rows = [*figures("three answers in ten damaged", noisy), *figures("the same over a pseudo-terminal", pty),
            *figures("two tasks, two meters, one bus", two)]
    return rows, noisy.lies + pty.lies + two.lies


def main() -> int:
    """Exit 1 when a value is wrong."""
    parser = argparse.ArgumentParser(description="wrong values of a meter on a noisy line")
    parser.add_argument("--reads", type=int, default=READS, help="with damaged answers (default: %(default)s)")
    rows, lies = run(parser.parse_args().reads)
    print("\n".join(lines(rows)))
    for lie in lies[:20]:
        print(f"meter noise: never true: {lie}")
    return 1 if lies else 0


if __name__ == "__main__":
    sys.exit(main())
