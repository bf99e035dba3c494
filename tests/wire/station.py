"""A whole daemon with every real driver, wired to a bench; a test says what breaks, and looks at both ends.

One daemon lives through all tests of a module, in a loop that runs while a test does. Between two tests everything is mended,
the car is gone, and the central system knows it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from controller.app import App
from controller.config import load
from controller.csms.embedded import CALL, EmbeddedCentralSystem
from controller.events import FaultReset
from controller.shell.pace import Pace
from controller.shell.system_clock import SystemClock
from controller.store.memory import MemoryStore
from drivers.lines import Output
from drivers.sim.wired import WiredBench
from drivers.sim.world import FAULT_KINDS

HEAD = """
[charge_point]
identity = "WIRED"
vendor = "Example"
model = "Bench"
[csms]
url = "{url}"
[charging]
free_id_tag = "FREE"
before_accepted = true
[storage]
directory = "state"
[control]
socket = "control.sock"
"""
QUICK = Pace(poll_idle_s=0.2, poll_charging_s=0.2)
OPENS_WITHIN_S = 0.5
"""What a busy machine may need: this process plays the car, the wires and the daemon. tests/bench measures the reaction itself."""
LOOKS_EVERY_S = 0.005


class Told:
    """What the central system heard of a connector last."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self.status, self.error_code = payload["status"], payload["errorCode"]
        self.kind = payload.get("vendorErrorCode")

    def __repr__(self) -> str:
        return f"{self.status} {self.error_code} {self.kind or ''}".rstrip()


class WiredStation:
    """The daemon, its bench, its car and its central system."""

    def __init__(self, folder: Path, *, held: Sequence[int] = (), more: str = "") -> None:
        """`held` lines belong to another program, until `let_go`; `more` lines stand in the table of the connector."""
        self._more = more
        self._folder = folder
        self._runner = asyncio.Runner()
        self.bench = WiredBench(time.monotonic, folder)
        self._others = [Output(pin) for pin in held]
        for line in self._others:
            line.set(False)
        self.csms = EmbeddedCentralSystem()
        self.app: App
        self._tasks: list[asyncio.Task[None]] = []
        self._from = 0
        self.play(self._start())

    def play(self, story: Coroutine[Any, Any, None]) -> None:
        """Let the daemon live while the story goes on."""
        self._runner.run(story)

    async def _start(self) -> None:
        await self.csms.start()
        file = self._folder / "evcp.toml"
        file.write_text(HEAD.format(url=f"ws://127.0.0.1:{self.csms.port}/ocpp") + self.bench.tables().replace("pulse_s = 0.25", "pulse_s = 0.1")
                        .replace("[[reader]]", self._more + "[[reader]]"))
        self.app = App(load(file), MemoryStore(), SystemClock(), in_thread=False, pace=QUICK)
        self._tasks = [asyncio.ensure_future(work) for work in (self.app.run(), self._warm())]
        await self.until("a first status", lambda: self.last() is not None and self.last(0) is not None, within_s=6)
        await self.until("an empty socket, seen by the guard", lambda: self.app.status()["connectors"][0]["pilot"] == "A", within_s=6)

    async def _warm(self) -> None:
        """The temperature sensor follows the world."""
        while True:
            self.bench.step()
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """The daemon ends as by SIGTERM, and everything is put away."""
        self.play(self._end())
        self._runner.close()

    async def _end(self) -> None:
        daemon, *beside = self._tasks
        self.app.stop.set()
        await asyncio.wait_for(daemon, 10)
        for task in beside:
            task.cancel()
        await self.csms.stop()
        await self.app.meters[1].close()
        for reader in self.app.readers:
            await reader.close()
        await asyncio.to_thread(self.bench.close)

    def let_go(self) -> None:
        """The other program has ended."""
        for line in self._others:
            line.close()

    # -- what happens ------------------------------------------------------------------------------------------------

    def fault(self, kind: str, *, active: bool = True) -> None:
        """Something breaks, or is mended; nobody resets anything."""
        self.bench.world.call("fault", {"connector": 1, "kind": kind, "active": active})

    def car(self, state: str) -> None:
        """The line shows this state, whatever the car wants."""
        self.bench.world.call("ev_state", {"connector": 1, "state": state})

    def plug(self, *, request_after_s: float = 0.05, current_a: float = 16.0) -> None:
        """A car comes; its driver needs no card here."""
        ev = {"request_after_s": request_after_s, "current_a": current_a}
        self.bench.world.call("plug", {"connector": 1, "ev": ev})

    def unplug(self) -> None:
        """The car goes."""
        self.bench.world.call("unplug", {"connector": 1})

    async def reset(self) -> None:
        """A technician: evcp service reset."""
        await self.app.emit(FaultReset(1))

    async def charge(self) -> None:
        """A car comes and charges."""
        self.plug()
        await self.told("Charging")

    async def at_rest(self) -> None:
        """Everything is mended and free, as every test finds it."""
        for kind in FAULT_KINDS:
            self.fault(kind, active=False)
        self.bench.adc.dead, self.bench.adc.frozen = False, None
        self.bench.pwm.come_back()
        self.bench.reader.mode = "good"
        if self.bench.meter is None:
            self.bench.plug_meter()
        self.unplug()
        await self.until("everything mended", self._mended, within_s=12, meanwhile=self.reset)
        self._from = len(self.csms.frames)

    def _mended(self) -> bool:
        row = self.app.status()["connectors"][0]
        fine = self.app.status()["error_code"] == row["error_code"] == "NoError" and row["status"] == "Available"
        return bool(fine and row["pilot"] == "A" and not row["contactor"] and str(self.last()) == "Available NoError")

    # -- what is seen ------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """The contacts, as they are."""
        return bool(self.bench.outlet.closed)

    @property
    def duty(self) -> float:
        """What the line carries: 1 for steady +12 V, 0 for steady -12 V."""
        return float(self.bench.outlet.duty)

    def calls(self, action: str) -> list[dict[str, Any]]:
        """What the central system was sent in this test."""
        return [frame.payload for frame in self.csms.frames[self._from:] if frame.kind == CALL and frame.action == action]

    def last(self, connector: int = 1) -> Told | None:
        """The last StatusNotification of a connector, ever."""
        heard = [frame.payload for frame in self.csms.frames if frame.kind == CALL and frame.action == "StatusNotification"]
        return next((Told(payload) for payload in reversed(heard) if payload["connectorId"] == connector), None)

    def reasons(self) -> list[str]:
        """Why transactions ended in this test."""
        return [payload["reason"] for payload in self.calls("StopTransaction")]

    async def ended(self, reason: str) -> None:
        """Wait for the one StopTransaction of this test: it comes when the contact is open and the meter was read once more."""
        await self.until("StopTransaction", lambda: bool(self.reasons()), within_s=12)
        assert self.reasons() == [reason]

    async def told(self, status: str, error_code: str = "NoError", kind: str | None = None, *, connector: int = 1,
                   within_s: float = 6.0) -> None:
        """Wait until the central system has heard exactly this, as the last word."""

        def heard() -> bool:
            last = self.last(connector)
            return last is not None and (last.status, last.error_code, last.kind) == (status, error_code, kind)

        wanted = f"{status} {error_code} {kind or ''}"
        await self.until(f"connector {connector}: {wanted}", heard, within_s=within_s)

    async def opens(self, within_s: float = OPENS_WITHIN_S) -> None:
        """The contacts open in time."""
        await self.until("open contacts", lambda: not self.closed, within_s=within_s)

    async def until(self, what: str, fact: Callable[[], bool], *, within_s: float,
                    meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Wait for a fact; when it does not come, tell what was there instead."""
        end_s, next_s = time.monotonic() + within_s, 0.0
        while not fact():
            if time.monotonic() > end_s:
                raise AssertionError(f"no {what} within {within_s} s; told {self.last()!r}, {self.last(0)!r}; {self.app.status()}")
            if meanwhile is not None and time.monotonic() > next_s:
                next_s = time.monotonic() + 0.5
                await meanwhile()
            await asyncio.sleep(LOOKS_EVERY_S)

    async def stays(self, fact: Callable[[], bool], *, for_s: float) -> None:
        """The fact holds all the time."""
        with contextlib.suppress(AssertionError):
            await self.until("the contrary", lambda: not fact(), within_s=for_s)
        assert fact()
