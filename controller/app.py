"""The composition root: configuration -> objects -> one TaskGroup. The only file that knows everybody."""

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import random
import signal
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from controller import __version__
from controller.clock import Clock, Instant
from controller.commands import TellAsker
from controller.config import Configuration
from controller.errors import AlreadyRunning, ControlUnavailable, StorageError
from controller.events import Event, Started, StopRequested, StorageFailed
from controller.guard.build import build_guard, build_world
from controller.guard.link import ControllerEnd, connect, memory_link
from controller.ocpp.connection import Connection, Dial
from controller.ocpp.session import Session
from controller.records import Durable, Record
from controller.sd_notify import ServiceManager
from controller.shell.askers import Askers
from controller.shell.effects import Effects
from controller.shell.failed_starts import FailedStarts
from controller.shell.guard_link import GuardLink
from controller.shell.guard_process import GuardProcess
from controller.shell.guard_runner import GuardRunner
from controller.shell.hardware import Meter, Meters, Reader
from controller.shell.inbox import Inbox
from controller.shell.ocpp_view import Wire
from controller.shell.offers import Offers
from controller.shell.pace import NORMAL, Pace
from controller.shell.pump import Pump
from controller.shell.recorder import Recorder
from controller.shell.signals import Signals
from controller.shell.sim_registers import Keeper, RegisterFile, SimRegisters
from controller.shell.sim_verbs import SimVerbs
from controller.shell.system_clock import SystemClock
from controller.shell.tamper import Tamper
from controller.station.station import Station
from controller.store.lock import DirectoryLock
from controller.store.store import Store
from drivers import registry

logger = logging.getLogger("evcp")

DRAIN_WITHIN_S = 1.0
CONTROL_AFTER_S = 1.0
"""The control socket is loaded when BootNotification is on the wire, or after this long without a connection."""
STORAGE_RETRY_S = 5.0
MODES = ("together", "split", "controller")


async def dial_websocket(target: Any) -> Any:
    """Dial, loading the websocket library when it is first needed."""
    from controller.ocpp.websocket import dial

    return await dial(target)


class BrokenStore:
    """Stands in for a store that could not be opened: nothing is durable until it is."""

    def __init__(self, why: str) -> None:
        self._why = why

    def load(self) -> Durable:
        """Nothing is known."""
        return Durable()

    def commit(self, records: Sequence[Record]) -> None:
        """Never. Raises StorageError."""
        raise StorageError(self._why)

    def close(self) -> None:
        """Nothing to release."""


class App:
    """One daemon."""

    def __init__(self, configuration: Configuration, store: Store, clock: Clock, *, dial: Dial = dial_websocket,
                 mode: str = "together", world: Any = None, in_thread: bool = True, skip_quiet: bool = False,
                 new_id: Callable[[], str] = lambda: str(uuid.uuid4()), jitter: Callable[[], float] = random.random,
                 pace: Pace = NORMAL, register_keeper: Keeper | None = None) -> None:
        self.configuration = configuration
        self.version = __version__
        self._store, self._clock, self._mode = store, clock, mode
        self._skip_quiet = skip_quiet
        self.inbox = Inbox()
        self.link = GuardLink(self.inbox, clock)
        self.recorder = Recorder()
        self._world = world
        self._world_listener: socket.socket | None = None
        self._guard_process: GuardProcess | None = None
        self._runner: GuardRunner | None = None
        self._simulate()
        self.station = Station(configuration, store.load(), boot_id=clock.boot_id, new_id=new_id)
        self.connection = self._make_connection(dial, jitter)
        self.meters = self._make_meters(pace)
        self.readers = self._make_readers()
        self.offers = Offers(self.link, clock, valid_for_s=configuration.guard.offer_valid_s)
        by_id = Meters(self.meters)
        self._tampers = [Tamper(number, driver, self.inbox) for number, driver in self._make("tamper").items()]
        self.signals = Signals(self._make("lights"), self._make("buzzer"), self.station.status_of)
        self._askers = Askers(self.inbox.post)
        self.effects = Effects(self.connection, self.offers, self.link, clock, self.inbox, by_id.read_now, self.signals.sound,
                               self._askers.tell)
        self.pump = Pump(self.station, store, clock, self.inbox, self.effects, in_thread=in_thread,
                         observe=self.recorder.note)
        keeper = register_keeper or RegisterFile(configuration.storage.directory)
        self._registers = self._make_registers(by_id, keeper, pace.registers_every_s)
        self._advice = self._about_this_machine()
        self.sim = SimVerbs(self.port, self.desk, self.connection, self.inbox.post, self.status) if self.port else None
        self.stop = asyncio.Event()
        self._service = ServiceManager()

    # -- making ------------------------------------------------------------------------------------------------------

    def _simulate(self) -> None:
        """The simulated world, or the way to it; and the desk where simulated cards are laid."""
        self.port: Any = None
        self.desk: Any = None
        if not self.configuration.any_sim:
            return
        port, desk = registry.simulation("port"), registry.simulation("desk")
        self.desk = desk.Desk([row.id for row in self.configuration.connector])
        if self._mode == "together":
            self._world = self._world or build_world(self.configuration, self._clock.monotonic_s)
            self.port = port.LocalPort(self._world)
        elif self._mode == "split":
            name = f"\0evcp-world-{os.getpid()}-{id(self):x}"
            self._world_listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._world_listener.bind(name)
            self._world_listener.listen(4)
            self.port = port.RemotePort(name)
        else:
            self.port = port.RemotePort(self.configuration.guard.socket + ".world")

    def _make_connection(self, dial: Dial, jitter: Callable[[], float]) -> Connection:
        csms, settings = self.configuration.csms, self.station.settings
        return Connection(
            url=csms.url, identity=self.configuration.charge_point.identity, session=Session(compat=csms.compat),
            clock=self._clock, post=self.inbox.post, emit=self.inbox.emit, dial=dial, reconnect_min_s=csms.reconnect_min_s,
            reconnect_max_s=csms.reconnect_max_s, authorization_key=settings.text("AuthorizationKey"),
            security_profile=settings.integer("SecurityProfile"), certificates_directory=csms.certificates_directory,
            check_hostname=csms.check_hostname, jitter=jitter)

    def _context(self, number: int, max_current_a: float = 0.0, phases: int = 3) -> registry.Context:
        return registry.Context(number, max_current_a, phases, self.configuration.site.nominal_voltage_v, port=self.port,
                                desk=self.desk)

    def _make_meters(self, pace: Pace) -> dict[int, Meter]:
        return {
            row.id: Meter(row.id, registry.create("meter", row.meter, self._context(row.id, row.max_current_a, row.phases)),
                          self.inbox, self.link, pace)
            for row in self.configuration.connector
        }

    def _make(self, slot: str) -> dict[int, Any]:
        """The devices of a slot that is the controller's and not every connector has."""
        return {row.id: registry.create(slot, devices[slot], self._context(row.id))
                for row in self.configuration.connector if slot in (devices := row.devices())}

    def _make_readers(self) -> list[Reader]:
        readers = []
        for place, row in enumerate(self.configuration.reader):
            if row.device["driver"] == "sim":
                self.desk.add(place, row.connectors)
            driver = registry.create("reader", row.device, self._context(place))
            readers.append(Reader(place, driver, row.connectors, self.inbox, self._clock))
        return readers

    def _make_registers(self, meters: Meters, keeper: Keeper, every_s: float) -> SimRegisters | None:
        simulated = [row.id for row in self.configuration.connector if row.meter["driver"] == "sim"]
        if not simulated:
            return None
        return SimRegisters(keeper, self.port, meters, simulated, every_s=every_s)

    def _about_this_machine(self) -> list[str]:
        """What should be set on it; looked at once, at the start."""
        if self.configuration.all_sim:
            return []
        from drivers.raspberry import advice

        return advice([row.contactor["driver"] for row in self.configuration.connector])

    # -- what the control socket needs -------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """`GET /api/v1/status`."""
        station: dict[str, Any] = self.station.status()
        return {"identity": self.configuration.charge_point.identity, "version": self.version,
                "online": self.connection.connected, **station, "warnings": [*station["warnings"], *self._advice],
                "storing": self.pump.storing}

    @property
    def wire(self) -> Wire:
        """What is between the station and the central system."""
        return Wire(self.connection, self.station.central_system, self.station.settings)

    def now(self) -> Instant:
        """This moment."""
        return self._clock.now()

    def tags(self) -> dict[str, Any]:
        """`GET /api/v1/tags`."""
        return self.station.tags(self._clock.now())

    async def ask(self, make: Callable[[str], Event], *, within_s: float, has_left: Callable[[], Awaitable[bool]] | None = None
                  ) -> TellAsker:
        """A question that the station answers when what it promises is durable. Raises TimeoutError."""
        return await self._askers.ask(make, within_s=within_s, has_left=has_left)

    async def emit(self, event: Event) -> None:
        """An event from outside the hardware, such as a technician's card."""
        await self.inbox.emit(event)

    # -- running -----------------------------------------------------------------------------------------------------

    async def run(self, *services: Callable[["App"], Awaitable[None]]) -> None:
        """Until `stop` is set or the station orders a restart; `services` run beside, started last."""
        self.inbox.post(Started())
        if isinstance(self._store, BrokenStore):
            self.inbox.post(StorageFailed(self._store._why))  # noqa: SLF001 - its stand-in, made here
        works = self._guard_works()  # first: if its devices cannot be made, nothing has begun
        async with asyncio.TaskGroup() as group:
            works += [self.pump.run(), self.link.watch(), self.offers.run(self.pump)]
            if self.configuration.csms.url:
                works.append(self.connection.run())
            works += [self._run_meters(), *(reader.run() for reader in self.readers), self.signals.run(),
                      *(tamper.run() for tamper in self._tampers), self._kick()]
            tasks = [group.create_task(work) for work in works]
            tasks += [group.create_task(self._serve(service)) for service in services]
            self._service.tell("READY=1")
            await self._until_end()
            await self._shut_down()
            for task in tasks:
                task.cancel()

    async def _run_meters(self) -> None:
        """Simulated registers go on where they stopped, before anybody reads them."""
        async with asyncio.TaskGroup() as group:
            if self._registers is not None:
                await self._registers.seed()
                group.create_task(self._registers.run())
            for meter in self.meters.values():
                group.create_task(meter.run())

    def _guard_works(self) -> list[Coroutine[Any, Any, None]]:
        if self._mode == "together":
            ours, theirs = memory_link()
            guard = build_guard(self.configuration, theirs, self._world, count_late_only=True, tell=logging.getLogger("evcp.guard").warning)
            self._runner = GuardRunner(guard, theirs, self._world, self._clock, skip_quiet=self._skip_quiet)
            self.link.attach(ours)
            return [self._runner.run()]
        if self._mode == "split":
            self._guard_process = GuardProcess(self.configuration.path, self._world_listener)
            return [self.link.keep_connected(self._guard_process.connect)]
        return [self.link.keep_connected(self._connect)]

    async def _connect(self) -> ControllerEnd:
        return connect(self.configuration.guard.socket)

    async def _serve(self, service: Callable[["App"], Awaitable[None]]) -> None:
        """Load what is heavy only when the first message is out, or the central system does not answer."""
        for _ in range(int(CONTROL_AFTER_S / 0.02)):
            if self.connection.connected or not self.configuration.csms.url:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        await service(self)

    async def _kick(self) -> None:
        """Tell the service manager that the loop turns."""
        while self._service.watchdog_s > 0:
            self._service.tell("WATCHDOG=1")
            await asyncio.sleep(self._service.watchdog_s / 3)

    async def _until_end(self) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self.stop, self.effects.restart)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _shut_down(self) -> None:
        """Note the end durably, stop the power in the right order, let the last frames out."""
        self._service.tell("STOPPING=1")
        if not self.effects.restart.is_set():
            self.inbox.post(StopRequested())
            await self._drain()
        if self._mode == "controller":
            self.link.hang_up()
        else:
            self.offers.withdraw_all()
        if self._runner is not None:
            await self._runner.stop()
        if self._guard_process is not None:
            self.link.expect_end()
            await self._guard_process.stop()
        if self._registers is not None:
            self._registers.write()
        await self.connection.close()

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WITHIN_S):
                while len(self.inbox) or self.pump.busy:
                    await asyncio.sleep(0.005)


# -- the process ---------------------------------------------------------------------------------------------------------


def run_daemon(configuration: Configuration, *, mode: str) -> int:
    """Run until told to end. Exit code 0; 1 when another daemon uses the storage directory, or nobody could talk to this one."""
    _log(configuration)
    os.umask(0o077)  # identities, transactions and keys are for the service's user alone (T-SECRETS)
    lock = DirectoryLock(configuration.storage.directory, configuration.path)
    try:
        lock.acquire()
    except AlreadyRunning as error:
        sys.stderr.write(f"evcp: {error}\n")
        return 1
    except StorageError as error:
        logger.error("%s", error)
    try:
        with FailedStarts(configuration.storage.directory).watched():
            code = asyncio.run(_main(configuration, mode))
    finally:
        lock.release()
    if code is None:
        logger.info("storing works again: starting anew from what is stored")
        os.execv(sys.executable, [sys.executable, "-m", "controller", *sys.argv[1:]])  # noqa: S606 - ourselves
    return code


def _log(configuration: Configuration) -> None:
    level = getattr(logging, configuration.log.level.upper())
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr)


def open_store(configuration: Configuration) -> Store:
    """The database; a stand-in when it cannot be opened, so that the daemon is there to say so."""
    from controller.store.sqlite import SqliteStore

    store = SqliteStore(configuration.storage.directory)
    try:
        FailedStarts(configuration.storage.directory).set_aside(store)
        store.load()
    except StorageError as error:
        logger.error("%s", error)
        return BrokenStore(str(error))
    if store.recovered is not None:
        logger.warning("%s", store.recovered)
    return store


async def _main(configuration: Configuration, mode: str) -> int | None:
    """The exit code; None when everything is shut down to be started anew from a storage that came back."""
    store = open_store(configuration)
    app = App(configuration, store, SystemClock(), mode=mode)
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, app, told_to_end)
    watch = loop.create_task(_stop_when_storable(configuration, app)) if isinstance(store, BrokenStore) else None
    code = 0
    try:
        await app.run(_control)
    except* ControlUnavailable as unavailable:
        logger.error("%s", unavailable.exceptions[0])
        code = 1
    finally:
        store.close()
    storable = watch is not None and watch.done() and watch.exception() is None
    return None if storable and not told_to_end.is_set() else code


def _end(app: App, told_to_end: asyncio.Event) -> None:
    told_to_end.set()
    app.stop.set()


async def _control(app: App) -> None:
    # Beside the loop: on a slow machine this takes seconds, in which offers must be renewed and the watchdog kicked.
    control = await asyncio.to_thread(importlib.import_module, "controller.shell.control")
    # Everything is loaded, and BootNotification is out: from here on the collector need not look at what stays for ever.
    gc.collect()
    gc.freeze()
    await control.serve(app)


async def _stop_when_storable(configuration: Configuration, app: App) -> None:
    """The storage came back: an orderly end, so that guard and contactor are not left behind, then a start from what it holds."""
    from controller.store.sqlite import SqliteStore

    while True:
        await asyncio.sleep(STORAGE_RETRY_S)
        store = SqliteStore(configuration.storage.directory)
        try:
            await asyncio.to_thread(store.load)
        except StorageError:
            continue
        finally:
            store.close()
        app.stop.set()
        return
