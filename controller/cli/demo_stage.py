"""What the demo is played on: the simulated world, or every real driver against devices that speak the real protocols.

Both give the story the same daemon, the same car and the same card; the frames that the central system sees are the same.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Protocol

from controller.app import App
from controller.clock import Clock
from controller.config import load
from controller.guard.build import build_world
from controller.guard.messages import Pilot
from controller.store.sqlite import SqliteStore
from drivers import registry

HEAD = """
[charge_point]
identity = "DEMO-1"
vendor = "evcp"
model = "Demo"
[csms]
url = "ws://127.0.0.1:{port}/ocpp"
[ocpp]
MeterValueSampleInterval = {sample}
MeterValuesSampledData = "Energy.Active.Import.Register,Power.Active.Import"
StopTxnSampledData = "Energy.Active.Import.Register"
[storage]
directory = "state"
[control]
socket = "control.sock"
[guard]
socket = "guard.sock"
"""
SIMULATED = """
[[connector]]
id = 1
contactor = {{ driver = "sim" }}
pilot = {{ driver = "sim" }}
lock = {{ driver = "sim" }}
meter = {{ driver = "modbus", model = "sdm630", port = "{meter}", address = 1 }}
[[reader]]
driver = "sim"
"""
CARD_LIES_S = 0.4


class Stage(Protocol):
    """What the story needs."""

    app: App

    @property
    def outlet(self) -> Any:
        """The simulated outlet, as it is now."""

    @property
    def socket_empty(self) -> bool:
        """The guard has seen that no car is there."""

    def about(self) -> str:
        """One line on what is real here."""

    async def run(self) -> None:
        """What must go on beside the daemon; until cancelled."""

    async def plug(self, ev: dict[str, object]) -> None:
        """A car comes."""

    async def unplug(self) -> None:
        """The car goes."""

    async def show(self, id_tag: str) -> None:
        """A card is held to the reader."""

    def link(self, *, up: bool) -> None:
        """The network goes, or comes back."""

    async def close(self) -> None:
        """Everything is put away."""


def socket_empty(app: App) -> bool:
    """The guard's word for it."""
    reports = [connector.report for connector in app.station.connectors]
    return all(report is not None and report.pilot is Pilot.A for report in reports)


def configured(folder: Path, port: int, sample_s: int, tables: str) -> Any:
    """The configuration of a demo, written and read as any other."""
    file = folder / "evcp.toml"
    file.write_text(HEAD.format(port=port, sample=sample_s) + tables)
    return load(file)


class SimulatedStage:
    """Simulated drivers, but for the meter: that is read by the real driver over a pseudo-terminal."""

    def __init__(self, folder: Path, clock: Clock, *, port: int, sample_s: int) -> None:
        slave = registry.simulation("modbus_slave")
        self._meter = slave.PtyMeter("sdm630", lambda: self.outlet.reading(clock.now().monotonic_s))
        configuration = configured(folder, port, sample_s, SIMULATED.format(meter=self._meter.path))
        self._world = build_world(configuration)
        self._store = SqliteStore(configuration.storage.directory)
        self.app = App(configuration, self._store, clock, world=self._world)

    @property
    def outlet(self) -> Any:
        """As it is now."""
        return self._world.outlet(1)

    @property
    def socket_empty(self) -> bool:
        """The guard has seen that no car is there."""
        return socket_empty(self.app)

    def about(self) -> str:
        """What is real."""
        return f"an SDM630 on {self._meter.path}, everything else simulated"

    async def run(self) -> None:
        """The world runs when somebody looks."""

    async def _call(self, verb: str, body: dict[str, object]) -> None:
        assert self.app.sim is not None
        await self.app.sim.call(verb, body)

    async def plug(self, ev: dict[str, object]) -> None:
        """As `/sim/v1/plug`."""
        await self._call("plug", {"connector": 1, "ev": ev})

    async def unplug(self) -> None:
        """As `/sim/v1/unplug`."""
        await self._call("unplug", {"connector": 1})

    async def show(self, id_tag: str) -> None:
        """As `/sim/v1/swipe`."""
        await self._call("swipe", {"id_tag": id_tag})

    def link(self, *, up: bool) -> None:
        """As `/sim/v1/link`."""
        self.app.connection.set_link(up=up)

    async def close(self) -> None:
        """Store, bus and pseudo-terminal."""
        self._store.close()
        await self.app.meters[1].close()
        await asyncio.to_thread(self._meter.close)


class WiredStage:
    """Every real driver, against devices on the wire."""

    def __init__(self, folder: Path, clock: Clock, *, port: int, sample_s: int) -> None:
        self._wired = registry.simulation("wired")
        self._bench = self._wired.WiredBench(lambda: clock.now().monotonic_s, folder)
        configuration = configured(folder, port, sample_s, self._bench.tables())
        self._store = SqliteStore(configuration.storage.directory)
        self.app = App(configuration, self._store, clock)
        self._cards: set[asyncio.Task[None]] = set()

    @property
    def outlet(self) -> Any:
        """As it is now."""
        return self._bench.outlet

    @property
    def socket_empty(self) -> bool:
        """The guard has seen that no car is there."""
        return socket_empty(self.app)

    def about(self) -> str:
        """What is real."""
        return (f"kernel PWM and SPI converter, relays on GPIO, SDM630 on {self._bench.meter_port}, "
                f"PN532 on {self._bench.reader.path}")

    async def run(self) -> None:
        """The temperature sensor follows the world."""
        while True:
            self._bench.step()
            await asyncio.sleep(self._wired.STEP_S)

    async def plug(self, ev: dict[str, object]) -> None:
        """Into the simulated outlet."""
        self._bench.world.call("plug", {"connector": 1, "ev": ev})

    async def unplug(self) -> None:
        """Out of it."""
        self._bench.world.call("unplug", {"connector": 1})

    async def show(self, id_tag: str) -> None:
        """The card lies in the field for a moment."""
        self._bench.reader.card = bytes.fromhex(id_tag)
        task = asyncio.ensure_future(self._take_away())
        self._cards.add(task)
        task.add_done_callback(self._cards.discard)

    async def _take_away(self) -> None:
        await asyncio.sleep(CARD_LIES_S)
        self._bench.reader.card = None

    def link(self, *, up: bool) -> None:
        """The websocket is dropped, or dialled at once."""
        self.app.connection.set_link(up=up)

    async def close(self) -> None:
        """Store, buses, threads and pseudo-terminals."""
        self._store.close()
        await self.app.meters[1].close()
        for reader in self.app.readers:
            with contextlib.suppress(Exception):  # its port goes with the bench
                await reader.close()
        await asyncio.to_thread(self._bench.close)
