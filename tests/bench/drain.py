"""How a queue of 10,000 transaction messages is drained after a long outage, beside an echo of frames of the same sizes.

The queue is written by the product's own store, and its central system lets it wait for BootNotification.conf until the daemon has
settled. Daemon and echo commit one row for each frame. What is measured too: that every message comes once, in order, one round
trip each, and that no memory is kept.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from controller.ocpp.messages import MeterValue, Request
from controller.ocpp.messages.core import MeterValuesReq, SampledValue, StartTransactionReq, StopTransactionReq
from controller.ocpp.types import Measurand, Reason, UnitOfMeasure
from controller.records import Enqueue, PutTransaction, QueuedMessage, Record, Stamp, Transaction
from controller.store.sqlite import SqliteStore
from tests.bench.calls import echoing
from tests.bench.central_system import BareCentralSystem, conf
from tests.bench.daemon import folders, resident_mib, start, stop
from tests.bench.figures import Figure

MESSAGES, PER_SESSION = 10_000, 100
ECHOES = 2_000
SETTLES_S = 4.0
WITHIN_S = 300.0
GROWTH_MIB = 5.0
RATIO = 2.0
LOOKS_EVERY = 500
"""Messages between two looks at the memory."""


class Drain:
    """A central system that answers nothing before it is told to, and writes down what it is told."""

    def __init__(self) -> None:
        self.may_begin = asyncio.Event()
        self.connected = asyncio.Event()
        self.drained = asyncio.Event()
        self.told: list[str] = []
        """Message ids of the transaction messages, in order of arrival."""
        self.taken_s: list[float] = []
        self.sizes: list[tuple[int, int]] = []
        """Bytes of each CALL and of its answer."""
        self.resident_mib: list[float] = []
        self.pid = 0

    async def talk(self, connection: ServerConnection) -> None:
        """One charge point."""
        self.connected.set()
        try:
            async for text in connection:
                assert isinstance(text, str)
                _, message_id, action, _payload = json.loads(text)
                if action == "BootNotification":
                    await self.may_begin.wait()
                answer = json.dumps([3, message_id, conf(action)])
                self._note(message_id, action, len(text), len(answer))
                await connection.send(answer)
        except ConnectionClosed:
            return

    def _note(self, message_id: str, action: str, size: int, answer_size: int) -> None:
        if action not in ("StartTransaction", "MeterValues", "StopTransaction"):
            return
        self.told.append(message_id)
        self.taken_s.append(time.perf_counter())
        self.sizes.append((size, answer_size))
        if len(self.told) % LOOKS_EVERY == 0:
            self.resident_mib.append(resident_mib(self.pid))
        if len(self.told) >= MESSAGES:
            self.drained.set()


async def measure() -> list[Figure]:
    """One long queue."""
    drain = Drain()
    async with serve(drain.talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], compression=None, ping_interval=None) as server:
        port = int(next(iter(server.sockets)).getsockname()[1])
        with folders() as (storage, sockets):
            owed = fill(storage)
            daemon = start(f"ws://127.0.0.1:{port}/ocpp", storage, sockets)
            try:
                drain.pid = daemon.pid
                await asyncio.wait_for(drain.connected.wait(), 20)
                await asyncio.sleep(SETTLES_S)
                before_mib = resident_mib(daemon.pid)
                drain.may_begin.set()
                await asyncio.wait_for(drain.drained.wait(), WITHIN_S)
                await asyncio.sleep(1)
            finally:
                stop(daemon.process)
    return judged(owed, drain, before_mib, await _echo_us(drain.sizes))


def judged(owed: list[str], drain: Drain, before_mib: float, echo_us: float) -> list[Figure]:
    """Against what was owed, and the echo."""
    ours_us = (drain.taken_s[-1] - drain.taken_s[0]) / (len(drain.taken_s) - 1) * 1e6
    misplaced = sum(told != expected for told, expected in zip(drain.told, owed, strict=False))
    return [
        Figure(f"each of {MESSAGES} owed messages", ours_us, "us", echo_us, "an echo that commits one row beside its loop", ratio_bound=RATIO),
        Figure("  messages in a second", 1e6 / ours_us, "", 1e6 / echo_us, "the same echo"),
        Figure("  out of order, missing or told again", misplaced + abs(len(drain.told) - len(owed)), "", bound=0.0),
        Figure("  memory that the drain takes", max(drain.resident_mib) - before_mib, "MiB", bound=GROWTH_MIB),
    ]


async def _echo_us(sizes: list[tuple[int, int]]) -> float:
    """A round trip of the same sizes; the roles are changed, for an echo only answers."""
    size, answer_size = (round(statistics.mean(column)) for column in zip(*sizes, strict=True))
    async with BareCentralSystem() as central_system, echoing(central_system, size, follows="", durable=True) as echo:
        frame = "y" * answer_size
        await echo.round_trip(frame)
        began_s = time.perf_counter()
        for _ in range(ECHOES):
            await echo.round_trip(frame)
        return (time.perf_counter() - began_s) / ECHOES * 1e6


# -- the queue -----------------------------------------------------------------------------------------------------------


def fill(storage: Path) -> list[str]:
    """Write the queue; gives the message ids in order."""
    store = SqliteStore(str(storage))
    rows = list(_sessions(datetime.now(UTC).replace(microsecond=0) - timedelta(days=7)))
    store.commit(rows)
    store.close()
    return [row.message.message_id for row in rows if isinstance(row, Enqueue)]


def _sessions(at: datetime) -> Iterator[Record]:
    """Sessions one after the other, each with its values."""
    register_wh = 0
    for number in range(MESSAGES // PER_SESSION):
        local_id = f"session-{number:04d}"
        begun, begun_wh = at, register_wh
        yield _owed(StartTransactionReq(connector_id=1, id_tag="04A1B2C3", meter_start=begun_wh, timestamp=at), local_id, 0, at)
        for sample in range(1, PER_SESSION - 1):
            at, register_wh = at + timedelta(seconds=60), register_wh + 180
            yield _owed(MeterValuesReq(connector_id=1, transaction_id=0, meter_value=[_value(at, register_wh)]), local_id, sample, at)
        at += timedelta(seconds=60)
        stop = StopTransactionReq(meter_stop=register_wh, timestamp=at, transaction_id=0, id_tag="04A1B2C3", reason=Reason.Local)
        yield _owed(stop, local_id, PER_SESSION - 1, at)
        yield PutTransaction(Transaction(
            local_id=local_id, connector_id=1, id_tag="04A1B2C3", started=_stamp(begun), meter_start_wh=begun_wh,
            last_energy_wh=float(register_wh), last_seen=_stamp(at), stop_reason="Local", ended=_stamp(at), meter_stop_wh=register_wh))


def _owed(request: Request, local_id: str, place: int, at: datetime) -> Enqueue:
    payload = msgspec.json.encode(request).decode()
    return Enqueue(QueuedMessage(f"{local_id}-{place:03d}", request.action, local_id, 1, payload, _stamp(at)))


def _value(at: datetime, register_wh: int) -> MeterValue:
    return MeterValue(timestamp=at, sampled_value=[
        SampledValue(value=str(register_wh), measurand=Measurand.EnergyActiveImportRegister, unit=UnitOfMeasure.Wh)])


def _stamp(at: datetime) -> Stamp:
    return Stamp(at, 0.0, "an earlier boot", trusted=True)
