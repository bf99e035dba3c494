"""The demo's story: boot, plug, swipe, charge, a key changed, the network cut and mended, stop, unplug.

It is also a check: what must have been seen by the end is listed in `EXPECTED`, and `play` gives what was not.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from controller.cli.demo_narrator import Narrator
from controller.cli.demo_stage import SimulatedStage, Stage, WiredStage
from controller.cli.frames import line
from controller.csms.embedded import CALL, EmbeddedCentralSystem, Frame
from controller.shell.system_clock import SystemClock

ID_TAG = "04A1B2C3"
SAMPLE_S = 2
LOOK_EVERY_S = 0.05


class Missed(Exception):
    """Something that should have happened did not."""


class Story:
    """Plays once."""

    def __init__(self, tell: Narrator, *, wired: bool = False) -> None:
        self._tell = tell
        self._wired = wired
        self._csms = EmbeddedCentralSystem(self._frame)
        self._seen: dict[str, Any] = {}
        self._start_wh = 0.0
        self._stage: Stage

    @property
    def frames(self) -> list[Frame]:
        """Everything that went over the wire, as the central system saw it."""
        return self._csms.frames

    # -- what is watched ---------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame) -> None:
        self._tell.say("ocpp <" if frame.outward else "ocpp >", line(frame))

    def _calls(self, action: str) -> list[dict[str, Any]]:
        """What came, once each: what an outage left unanswered comes again under its old id."""
        return list({f.message_id: f.payload for f in self._csms.frames if f.kind == CALL and f.action == action and not f.outward}.values())

    def _statuses(self) -> list[str]:
        return [str(p["status"]) for p in self._calls("StatusNotification") if p["connectorId"] == 1]

    async def _look(self) -> None:
        """Tell what changes in the simulated world; until cancelled."""
        before = ("", -1.0, None, None)
        looks = 0
        while True:
            outlet = self._stage.outlet
            now = (outlet.state, outlet.duty, outlet.closed, outlet.bolt.value)
            self._tell_changes(before, now)
            before = now
            looks += 1
            if looks % 10 == 0:
                self._tell.measure(outlet.amperes, outlet.energy_wh - self._start_wh)
            if looks % 40 == 0 and outlet.amperes:
                self._tell.say("meter", self._tell.picture())
            await asyncio.sleep(LOOK_EVERY_S)

    def _tell_changes(self, before: tuple[Any, ...], now: tuple[Any, ...]) -> None:
        state, duty, closed, bolt = now
        if state != before[0] and before[0]:
            meaning = {"A": "is gone", "B": "is connected", "C": "asks for power", "D": "asks for ventilation"}
            self._tell.say("car", f"state {state}: the car {meaning.get(state, 'is faulty')}")
        if duty != before[1] and before[1] >= 0:
            offer = self._stage.outlet.offered_a
            text = f"PWM at {duty:.1%}: {offer:.0f} A offered" if offer else "steady +12 V: nothing offered"
            self._tell.say("pilot", text)
        if closed != before[2] and before[2] is not None:
            self._tell.say("power", f"contactor {'closed' if closed else 'open'}")
        if bolt != before[3] and before[3] is not None and bolt != "moving":
            self._tell.say("power", f"bolt {'in' if bolt == 'locked' else 'out'}")

    async def _until(self, what: str, happened: Callable[[], bool], within_s: float = 8.0) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not happened():
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise Missed(what) from error

    # -- the stage ---------------------------------------------------------------------------------------------------

    async def play(self) -> list[str]:
        """The whole story; what was expected and not seen."""
        missed = []
        with tempfile.TemporaryDirectory(prefix="evcp-demo-") as folder:
            try:
                async with self._staged(folder):
                    await self._acts()
            except Missed as error:
                missed.append(str(error))
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the last line must begin with FAIL
                missed.append(f"the demo itself failed: {type(error).__name__}: {error}")
        return [*missed, *(what for what, happened in self._expected() if not happened)]

    @contextlib.asynccontextmanager
    async def _staged(self, folder: str) -> AsyncIterator[None]:
        """Central system, devices and the daemon, put away in the end whatever happened."""
        await self._csms.start()
        kind = WiredStage if self._wired else SimulatedStage
        stage = self._stage = kind(Path(folder), SystemClock(), port=self._csms.port, sample_s=SAMPLE_S)
        self._tell.say("story", f"evcp {stage.app.version}: {stage.about()}; central system at {stage.app.configuration.csms.url}")
        daemon = asyncio.ensure_future(stage.app.run())
        beside = [asyncio.ensure_future(work) for work in (stage.run(), self._look())]
        try:
            yield
        finally:
            stage.app.stop.set()
            await asyncio.wait([daemon], timeout=10)
            for task in beside:
                task.cancel()
            await self._csms.stop()
            await stage.close()
        if not daemon.done():
            raise Missed("the end of the daemon within 10 s")
        if daemon.exception() is not None:
            raise Missed(f"the daemon failed: {daemon.exception()!r}")

    # -- the acts ----------------------------------------------------------------------------------------------------

    async def _acts(self) -> None:
        await self._until("boot and status of both connectors",
                          lambda: len(self._calls("StatusNotification")) >= 2 and "Available" in self._statuses())
        await self._until("an empty socket", lambda: self._stage.socket_empty)
        await self._plug_and_swipe()
        await self._charge()
        await self._change_a_key()
        await self._lose_the_network()
        await self._stop_and_leave()

    async def _plug_and_swipe(self) -> None:
        self._tell.say("story", "a car is plugged in, and its driver holds a card to the reader")
        await self._stage.plug({"current_a": 16, "request_after_s": 0.8})
        await self._until("status Preparing", lambda: "Preparing" in self._statuses())
        self._start_wh = self._stage.outlet.energy_wh
        self._tell.say("card", f"{ID_TAG} shown")
        await self._stage.show(ID_TAG)
        await self._until("StartTransaction", lambda: bool(self._calls("StartTransaction")))

    async def _charge(self) -> None:
        await self._until("status Charging", lambda: "Charging" in self._statuses())
        await self._until("two MeterValues", lambda: len(self._calls("MeterValues")) >= 2)

    async def _change_a_key(self) -> None:
        self._tell.say("story", "the central system wants samples more often")
        answer = await self._csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "1"})
        self._seen["changed"] = answer.get("status") == "Accepted"
        answer = await self._csms.call("GetConfiguration", {"key": ["MeterValueSampleInterval"]})
        keys = answer.get("configurationKey", [{}])
        self._seen["read back"] = keys[0].get("value") == "1"

    async def _lose_the_network(self) -> None:
        count = len(self._calls("MeterValues"))
        await self._until("samples at the new interval", lambda: len(self._calls("MeterValues")) >= count + 2)
        self._tell.say("net", "the network is cut; charging goes on, samples wait on disk")
        self._stage.link(up=False)
        await self._until("the loss of the connection", lambda: not self._stage.app.connection.connected)
        await self._until("samples waiting", lambda: self._owed() >= 3)
        self._seen["charging offline"] = self._stage.outlet.closed
        owed, before = self._owed(), len(self._calls("MeterValues"))
        self._tell.say("net", f"the network is back; {owed} messages are owed")
        self._stage.link(up=True)
        await self._until("the queue to drain", lambda: self._owed() == 0)
        self._seen["drained"] = len(self._calls("MeterValues")) >= before + owed

    def _owed(self) -> int:
        return int(self._stage.app.status()["queue_length"])

    async def _stop_and_leave(self) -> None:
        self._tell.say("story", "the driver shows the card again, and unplugs")
        self._tell.say("card", f"{ID_TAG} shown")
        await self._stage.show(ID_TAG)
        await self._until("StopTransaction", lambda: bool(self._calls("StopTransaction")), 10)
        await self._until("status Finishing", lambda: "Finishing" in self._statuses())
        await self._stage.unplug()
        await self._until("status Available at the end", lambda: self._statuses()[-1] == "Available")
        stop = self._calls("StopTransaction")[0]
        self._tell.say("story", f"{stop['meterStop'] - self._calls('StartTransaction')[0]['meterStart']} Wh sold, "
                                f"reason {stop['reason']}")

    # -- the check ---------------------------------------------------------------------------------------------------

    def _expected(self) -> list[tuple[str, bool]]:
        start, stop = self._calls("StartTransaction"), self._calls("StopTransaction")
        statuses = self._statuses()
        order = ["Available", "Preparing", "Charging", "Finishing", "Available"]
        sold_wh = stop[0]["meterStop"] - start[0]["meterStart"] if start and stop else 0
        samples = [p["meterValue"][0]["timestamp"] for p in self._calls("MeterValues")]
        return [
            ("one BootNotification", len(self._calls("BootNotification")) == 1),
            ("Authorize for the card", [p["idTag"] for p in self._calls("Authorize")] == [ID_TAG]),
            ("statuses Available, Preparing, Charging, Finishing, Available", _in_order(order, statuses)),
            ("ChangeConfiguration accepted", bool(self._seen.get("changed"))),
            ("the changed key read back", bool(self._seen.get("read back"))),
            ("charging while the network was cut", bool(self._seen.get("charging offline"))),
            ("every sample of the outage delivered", bool(self._seen.get("drained"))),
            ("samples in order of time", samples == sorted(samples) and len(samples) == len(set(samples))),
            ("exactly one StartTransaction and one StopTransaction", len(start) == 1 and len(stop) == 1),
            ("StopTransaction with reason Local and the transaction's id",
             bool(stop) and stop[0]["reason"] == "Local" and stop[0]["transactionId"] >= 1001),
            ("begin and end values inside StopTransaction", bool(stop) and len(stop[0].get("transactionData", [])) >= 2),
            ("energy sold", sold_wh > 0),
        ]


def _in_order(wanted: list[str], seen: list[str]) -> bool:
    """Whether `wanted` is a subsequence of `seen`."""
    rest = iter(seen)
    return all(any(status == one for one in rest) for status in wanted)
