"""A whole charge point in a simulated world: the daemon as it is, only its time, its network and its people are played.

`plug()`, `swipe()`, `unplug()`, `fault()` are what people and cars do, and `world.outlet(1)` is what really happens;
`central_system` is the other end of the network; `kill()`, `restart()`, `stop()` happen to the process; `until(...)` and
`pass_time(...)` are virtual time.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.app import App, BrokenStore
from controller.config import load
from controller.records import Durable, Record
from controller.shell.pace import Pace
from controller.station.central_system import CentralSystem as Outbox
from controller.store.memory import MemoryStore
from controller.store.store import Store
from tests.rig.central_system import CentralSystem
from tests.rig.clock import NOON, TrueTime, VirtualClock
from tests.rig.loop import virtual_loop

LOOKS_EVERY_S = 0.02
SETTLED_WITHIN_S = 10.0
EVERY_SECOND = Pace(poll_idle_s=1.0, poll_charging_s=1.0, registers_every_s=1.0)


class MortalStore:
    """What one process sees of the disk: after its death it changes nothing any more."""

    def __init__(self, disk: Store) -> None:
        self._disk = disk
        self.dead = False

    def load(self) -> Durable:
        """What was committed."""
        return self._disk.load()

    def commit(self, records: Sequence[Record]) -> str | None:
        """Apply, unless the process was killed meanwhile."""
        return None if self.dead else self._disk.commit(records)

    def close(self) -> None:
        """The disk stays."""


class Registers:
    """What the simulated meters keep by themselves, as real ones do."""

    def __init__(self) -> None:
        self._kept: dict[str, float] = {}

    def read(self) -> dict[str, float]:
        """What was kept."""
        return dict(self._kept)

    def write(self, registers: dict[str, float]) -> bool:
        """Keep these instead."""
        self._kept = dict(registers)
        return True


class _Complaints(logging.Handler):
    """Exceptions that the daemon caught and logged: bugs all the same."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what came with a stack."""
        if record.exc_info:
            self.seen.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


def configuration_text(*, connectors: int = 1, connector: str = "", ocpp: str = "", charging: str = "", csms: str = "",
                       site: str = "", simulation: str = "", guard: str = "", reader: Sequence[Sequence[int]] | None = None,
                       lock: str = "sim", url: str = "ws://central.example/ocpp") -> str:
    """A configuration as an installer writes it; every argument is the text of a table's further rows."""
    readers = [list(range(1, connectors + 1))] if reader is None else reader
    return "\n".join((
        '[charge_point]\nidentity = "CP1"\nvendor = "Example"\nmodel = "Pi"',
        f'[csms]\nurl = "{url}"\n{csms}\n[ocpp]\n{ocpp}\n[charging]\n{charging}\n[site]\n{site}',
        f'[simulation]\n{simulation}\n[guard]\nsocket = "guard.sock"\n{guard}\n[storage]\ndirectory = "state"',
        '[control]\nsocket = "control.sock"',
        *(f'[[connector]]\nid = {number}\ncontactor = {{ driver = "sim" }}\npilot = {{ driver = "sim" }}\n'
          f'lock = {{ driver = "{lock}" }}\nmeter = {{ driver = "sim" }}\n{connector}'
          for number in range(1, connectors + 1)),
        *(f'[[reader]]\ndriver = "sim"\nconnectors = {list(served)}' for served in readers),
    ))


class ChargePoint:
    """One machine, the daemon on it, and everything around it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids = itertools.count(1)
        self._complaints = _Complaints()
        self.disk: Store = MemoryStore()
        self._registers = Registers()
        self.skip_quiet = True
        """False: the guard takes a cycle every 10 ms, as in earnest."""
        self.in_thread = False
        """True: commits go beside the loop, where `executor_takes_s` may slow them down."""
        self.pace = EVERY_SECOND
        """How often meters are read; a long day may do with less."""
        self.clock_error_s = 0.0
        self.clock_starts_at: datetime | None = None
        """What the machine believes at each start, with nobody to vouch for it; None: its clock is right but for the error."""
        self.boots = 1
        self._task: asyncio.Task[None] | None = None
        self._store: MortalStore | None = None

    # -- the process -------------------------------------------------------------------------------------------------

    async def start(self, *, ready: bool = True, **configuration: Any) -> None:
        """Write the configuration, switch the machine on; `ready`: wait until it has told its statuses."""
        self.true_time = TrueTime(configuration.pop("at", NOON))
        file = self._folder / "evcp.toml"
        file.write_text(configuration_text(**configuration))
        (self._folder / "state").mkdir(exist_ok=True)
        self.configuration = load(file)
        self.central_system = CentralSystem(
            self.true_time, message_timeout_s=float(self.configuration.csms.message_timeout_s))
        logging.getLogger("evcp").addHandler(self._complaints)
        virtual_loop().set_exception_handler(self._unexpected)
        await self._start(ready=ready)

    def _unexpected(self, _loop: object, context: dict[str, Any]) -> None:
        self._complaints.seen.append(f"{context.get('message')}: {context.get('exception')!r}")

    async def _start(self, *, ready: bool) -> None:
        self.clock = VirtualClock(self.true_time, error_s=self.clock_error_s, starts_at=self.clock_starts_at,
                                  boot_id=f"boot-{self.boots}")
        self._store = MortalStore(self.disk)
        store = self.disk if isinstance(self.disk, BrokenStore) else self._store
        self.app = App(self.configuration, store, self.clock, dial=self.central_system.network.dial,
                       in_thread=self.in_thread, skip_quiet=self.skip_quiet, new_id=lambda: f"id-{next(self._ids):08d}",
                       jitter=lambda: 0.5, pace=self.pace, register_keeper=self._registers)
        self.central_system.rules.started()
        self._task = asyncio.ensure_future(self.app.run())
        if ready:
            await self.until(self._told_everything, within_s=SETTLED_WITHIN_S)

    def _told_everything(self) -> bool:
        told = [call.payload["connectorId"] for call in self.central_system.calls("StatusNotification")]
        return {0, *self.world.outlets} <= set(told)

    async def kill(self) -> None:
        """SIGKILL, or the power goes: nothing more is stored or said from this moment on."""
        assert self._task is not None
        if self._store is not None:
            self._store.dead = True
        self.central_system.network.cut("process killed")
        self._task.cancel()
        await asyncio.wait([self._task])

    async def stop(self) -> float:
        """SIGTERM; gives the seconds until the process ended."""
        assert self._task is not None
        began_s = virtual_loop().time()
        self.app.stop.set()
        await self._task
        self.central_system.network.cut("process ended")
        return virtual_loop().time() - began_s

    async def restart(self, *, after_s: float = 2.0, kindly: bool = False, power_cut: bool = False, ready: bool = True) -> None:
        """End the process, `kindly` or not, and start it again after some time; a `power_cut` ends the machine too."""
        await (self.stop() if kindly else self.kill())
        await asyncio.sleep(after_s)
        self.boots += power_cut
        await self.start_again(ready=ready)

    async def start_again(self, *, ready: bool = True) -> None:
        """What the service manager does after the process has ended."""
        self.central_system.forget()
        await self._start(ready=ready)

    @property
    def ended(self) -> bool:
        """The process has ended by itself."""
        return self._task is not None and self._task.done()

    async def finish(self) -> None:
        """End of the test: the daemon must be alive or properly ended, and every rule kept. Raises AssertionError."""
        if self._task is None:
            return
        if self._task.done():
            self._task.result()
        else:
            self.central_system.rules.verify()
            await self.kill()
        logging.getLogger("evcp").removeHandler(self._complaints)
        self.central_system.rules.verify()
        assert not self._complaints.seen, "\n".join(self._complaints.seen)

    # -- time --------------------------------------------------------------------------------------------------------

    async def until(self, fact: Callable[[], object], *, within_s: float) -> float:
        """Wait for a fact; gives the seconds that it took. Raises AssertionError when it does not come."""
        began_s = virtual_loop().time()
        while not fact():
            if self._task is not None and self._task.done() and not self._task.cancelled():
                self._task.result()
            if virtual_loop().time() - began_s > within_s:
                raise AssertionError(f"not within {within_s:g} s; last frames:\n" + "\n".join(self.frames[-12:]))
            await asyncio.sleep(LOOKS_EVERY_S)
        return virtual_loop().time() - began_s

    async def pass_time(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass."""
        await asyncio.sleep(hours * 3600 + minutes * 60 + seconds)
        if self._task is not None and self._task.done():
            self._task.result()

    # -- people, cars and hardware -----------------------------------------------------------------------------------

    async def verb(self, name: str, **body: object) -> None:
        """One verb of `/sim/v1`."""
        assert self.app.sim is not None
        await self.app.sim.call(name, body)

    async def plug(self, connector: int = 1, **ev: object) -> None:
        """A car is plugged in."""
        await self.verb("plug", connector=connector, **({"ev": ev} if ev else {}))

    async def unplug(self, connector: int = 1) -> None:
        """The cable is pulled at the car."""
        await self.verb("unplug", connector=connector)

    async def swipe(self, id_tag: str = "TAG1", connectors: list[int] | None = None) -> None:
        """A card is held to a reader."""
        await self.verb("swipe", id_tag=id_tag, **({"connectors": connectors} if connectors is not None else {}))

    async def ev_state(self, state: str, connector: int = 1) -> None:
        """Force the vehicle's state."""
        await self.verb("ev_state", connector=connector, state=state)

    async def fault(self, kind: str, *, active: bool = True, connector: int = 1) -> None:
        """Break something, or mend it."""
        await self.verb("fault", connector=connector, kind=kind, active=active)

    async def link(self, *, up: bool) -> None:
        """Take the network away, or give it back."""
        await self.verb("link", up=up)

    async def state(self, connector: int = 1) -> dict[str, Any]:
        """The connector's row of `GET /sim/v1/state`."""
        assert self.app.sim is not None
        rows: Any = (await self.app.sim.state())["connectors"]
        return dict(rows[connector - 1])

    async def charge(self, id_tag: str = "TAG1", connector: int = 1, *, told: bool = True, **ev: object) -> None:
        """Plug in, show a card, wait until the energy flows and, where there is a connection, until that was `told`."""
        await self.plug(connector, **ev)
        await self.swipe(id_tag, [connector])
        await self.until(lambda: self.closed(connector), within_s=SETTLED_WITHIN_S)
        await self.until(lambda: self.status(connector) == "Charging", within_s=SETTLED_WITHIN_S)
        if told and self.app.connection.connected:
            await self.until(lambda: self.central_system.status(connector) == "Charging", within_s=SETTLED_WITHIN_S)

    # -- what is -----------------------------------------------------------------------------------------------------

    @property
    def world(self) -> Any:
        """The simulated world."""
        return self.app._world

    def closed(self, connector: int = 1) -> bool:
        """The contact of the contactor is really closed."""
        return bool(self.world.outlet(connector).closed)

    def row(self, connector: int = 1) -> dict[str, Any]:
        """The connector's row of `GET /api/v1/status`."""
        return dict(self.app.status()["connectors"][connector - 1])

    def status(self, connector: int = 1) -> str:
        """What the daemon holds the connector's status to be, told or not."""
        return str(self.row(connector)["status"])

    @property
    def queue_length(self) -> int:
        """Transaction messages that are owed."""
        outbox = self.app.station._by_name["central_system"]
        assert isinstance(outbox, Outbox)
        return outbox.queue_length

    @property
    def frames(self) -> list[str]:
        """Every frame of every connection, as text, with its virtual time."""
        return self.central_system.rules.frames

    @property
    def memory(self) -> MemoryStore:
        """The disk, where it is one that only remembers."""
        assert isinstance(self.disk, MemoryStore)
        return self.disk
