"""A charge point with two connectors, its people, its network and its central system, moved by chance over weeks: see `test_weeks.py`."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

from controller.shell import guard_link, guard_runner, offers, pump
from controller.shell.pace import Pace
from controller.station import metering, transactions
from tests.properties.bills import SAVED_S, Bills, Happened, Ledger, Session, Told
from tests.rig.central_system import Answer, CallError, Late, Raw, Silence, Twice
from tests.rig.charge_point import ChargePoint
from tests.rig.clock import SAVED, UNSET

CONNECTORS = (1, 2)
FAMILY = ("ANNA", "BERT")
STATUS = {"EVIL": "Blocked", "GONE": "Expired", "NOBODY": "Invalid", "BUSY": "ConcurrentTx"}
"""What the central system always says of these tags; all others are Accepted."""
TAGS = (*FAMILY, "CARL", "anna", *STATUS)
FRIEND = "DORA"
"""Nobody ever says anything bad of this tag."""
HOUR_S = 3600.0
MENDED_WITHIN_S = 2 * HOUR_S
LOOKS_EVERY_S = 5.0
RESET_WITHIN_S = 60.0
OFFERED_S = 8 * HOUR_S
"""So long an offer stands that is not renewed."""
UNANSWERED_S = 35.0
LATE_IDS_FROM = 1_000_000
"""Starts that are answered late or twice get other ids than all the others."""
NOTICED_WITHIN_S = 900.0
"""A connection that is dead without a word is given up after this."""
STANDING = ("ground", "diode", "lock", "lock_stuck", "rcd")
TIMED = ("other", "temperature", "estop", "overcurrent", "undervoltage", "contactor", "contactor_welded")
"""While these stand the guard times something a hundred times a second, so in these stories they do not stand for long."""
CLOCKS = {"known": None, "1970": UNSET, "saved": SAVED}
"""What the machine believes after a power cut."""
ANSWERS: dict[str, Answer] = {
    "refused": CallError("InternalError"), "silence": Silence(), "late": Late(after_s=40), "twice": Twice(), "garbage": Raw("7")}
Move: TypeAlias = tuple[str, tuple[Any, ...], float]
"""Its name, its arguments, and how long nothing else happens then."""


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Looks that only find out who hangs are seldom, for nobody hangs here: a week is 60,480,000 cycles of the guard."""
    with (patch.object(guard_runner, "CALM_S", 4 * HOUR_S), patch.object(guard_link, "SILENT_AFTER_S", 9 * HOUR_S),
          patch.object(guard_link, "CHECK_EVERY_S", 3600.0), patch.object(offers, "RENEW_EVERY_S", 4 * HOUR_S),
          patch.object(offers, "PUMP_PATIENCE_S", 9 * HOUR_S), patch.object(pump, "TURNS_EVERY_S", 4 * HOUR_S),
          patch.object(metering, "STALE_S", 5 * HOUR_S), patch.object(transactions, "SAVED_EVERY_S", SAVED_S)):
        yield


class Weeks:
    """The charge point and everybody around it; each method up to `mend_all` is a move."""

    def __init__(self, folder: Path) -> None:
        self.charge_point = ChargePoint(folder)
        self.charge_point.pace = Pace(poll_idle_s=2 * HOUR_S, poll_charging_s=HOUR_S, registers_every_s=4 * HOUR_S)
        self.ledger = Ledger()
        self.charge_point.disk = self.ledger
        self._cars: dict[int, dict[str, Any]] = {}
        self._forced: dict[int, str] = {}
        self._resetting = False
        self._unplugging_stops = True
        self._given: dict[str, int] = {}
        self._list_version = 0
        self._reservations = 0

    async def begin(self, *, after_power_loss: str, on_meter_loss: str, before_accepted: bool) -> None:
        """Everything is free."""
        charge_point = self.charge_point
        await charge_point.start(
            connectors=2, ocpp="ConnectionTimeOut = 60\nWebSocketPingInterval = 1800\nMeterValueSampleInterval = 3600\nClockAlignedDataInterval = 28800\n"
                               'MeterValuesSampledData = "Energy.Active.Import.Register"',
            csms="reconnect_max_s = 3600",
            reader=[[1], [2], [1, 2]],
            charging=f'after_power_loss = "{after_power_loss}"\non_meter_loss = "{on_meter_loss}"\n'
                     f"before_accepted = {str(before_accepted).lower()}")
        charge_point.app.offers._valid_for_s = OFFERED_S
        self.central_system = charge_point.central_system
        self.central_system.heartbeat_interval_s = 4 * 3600
        await self.central_system.configure("HeartbeatInterval", 4 * 3600)
        self.central_system.next_transaction_id = LATE_IDS_FROM
        self.told = Told(self.ledger)
        self.central_system.rules.all.append(self.told)
        self.happened = Happened(charge_point.true_time)
        self._boot_clock: tuple[datetime | None, datetime] = (None, charge_point.true_time.now())
        """What the machine believed when it was switched on last, and when that was."""
        self._answer_usually()

    # -- the central system's answers --------------------------------------------------------------------------------

    def _answer_usually(self) -> None:
        self.central_system._scripts.clear()
        self.central_system.answers["Authorize"] = lambda payload: {"idTagInfo": self._info(payload["idTag"])}
        self.central_system.answers["StartTransaction"] = self._start_answer(None)

    @staticmethod
    def _info(id_tag: str, status: str | None = None) -> dict[str, Any]:
        parent = {"parentIdTag": "FAMILY"} if id_tag.upper() in FAMILY else {}
        return {"status": status or STATUS.get(id_tag, "Accepted"), **parent}

    def _start_answer(self, status: str | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """One start, one id, however often it comes."""
        def answer(payload: dict[str, Any]) -> dict[str, Any]:
            number = self._given.setdefault(json.dumps(payload, sort_keys=True, default=str), len(self._given) + 1)
            return {"transactionId": number, "idTagInfo": self._info(payload["idTag"], status)}
        return answer

    async def answers(self, action: str, how: str, times: int) -> None:
        """The next ones of this action are answered so: with a status, or not at all, or badly."""
        answer = ANSWERS.get(how)
        if answer is None and action == "StartTransaction":
            answer = self._start_answer(how)
        elif answer is None and action == "Authorize":
            answer = lambda payload: {"idTagInfo": self._info(payload["idTag"], how)}  # noqa: E731 - one answer among others
        elif answer is None:
            answer = {"idTagInfo": {"status": how}} if action == "StopTransaction" else {}
        self.central_system.script(action, *[answer] * times)

    async def boot(self, status: str, times: int) -> None:
        """The next boots are answered so, or with silence."""
        answer = ANSWERS.get(status) or self.central_system.boot(status, 300)
        self.central_system.script("BootNotification", *[answer] * times)

    # -- its calls ---------------------------------------------------------------------------------------------------

    async def _call(self, action: str, **payload: Any) -> dict[str, Any] | None:
        """A CALL, if somebody is there to take it and answers."""
        if not self.central_system.online or self.central_system.network.half_open:
            return None
        try:
            answer = await asyncio.wait_for(self.central_system.send(action, **payload), UNANSWERED_S)
        except (TimeoutError, ConnectionError):
            return None
        return None if isinstance(answer, CallError) else answer

    async def remote_start(self, id_tag: str, connector: int | None) -> None:
        """With a connector, or without."""
        await self._call("RemoteStartTransaction", idTag=id_tag, **({"connectorId": connector} if connector else {}))

    async def remote_stop(self, connector: int) -> None:
        """What runs there, as far as the central system knows."""
        number = self.charge_point.row(connector)["transaction_id"]
        self.happened.may_end([connector], "Remote")
        await self._call("RemoteStopTransaction", transactionId=4711 if number is None else number)

    async def configure(self, key: str, value: str) -> None:
        """ChangeConfiguration."""
        await self._call("ChangeConfiguration", key=key, value=value)

    async def send_list(self, kind: str, id_tags: list[str], status: str | None) -> None:
        """SendLocalList: these tags, with a status, or as they are."""
        self._list_version += 1
        entries = [{"idTag": id_tag, "idTagInfo": self._info(id_tag, status)} for id_tag in id_tags]
        await self._call("SendLocalList", listVersion=self._list_version, updateType=kind, localAuthorizationList=entries)

    async def clear_cache(self) -> None:
        """ClearCache."""
        await self._call("ClearCache")

    async def availability(self, connector: int, kind: str) -> None:
        """Of one, or of all."""
        await self._call("ChangeAvailability", connectorId=connector, type=kind)

    async def reserve(self, connector: int, id_tag: str, for_s: float) -> None:
        """For some time."""
        self._reservations += 1
        until = (self.charge_point.true_time.now() + timedelta(seconds=for_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await self._call("ReserveNow", connectorId=connector, idTag=id_tag, reservationId=self._reservations, expiryDate=until)

    async def unlock(self, connector: int) -> None:
        """UnlockConnector."""
        self.happened.may_end([connector], "UnlockCommand")
        await self._call("UnlockConnector", connectorId=connector)

    async def reset(self, kind: str) -> None:
        """Reset; whoever accepts it ends by itself within a minute."""
        self.happened.may_end(CONNECTORS, f"{kind}Reset")
        answer = await self._call("Reset", type=kind)
        self._resetting = self._resetting or (answer is not None and answer["status"] == "Accepted")

    async def trigger(self, message: str) -> None:
        """TriggerMessage."""
        await self._call("TriggerMessage", requestedMessage=message)

    # -- people and cars ---------------------------------------------------------------------------------------------

    async def card(self, id_tag: str, reader: list[int]) -> None:
        """Held to a reader."""
        self.happened.may_end(reader, "Local")
        await self.charge_point.swipe(id_tag, reader)

    async def plug(self, connector: int, current_a: float, phases: int, after_s: float) -> None:
        """Somebody's car, where none is."""
        if connector not in self._cars:
            self._cars[connector] = {"current_a": current_a, "phases": phases, "request_after_s": after_s}
            await self.charge_point.plug(connector, **self._cars[connector])

    async def unplug(self, connector: int) -> None:
        """At the car's end."""
        self._cars.pop(connector, None)
        self._forced.pop(connector, None)
        self.happened.may_end([connector], "EVDisconnected")
        await self.charge_point.unplug(connector)

    async def charge(self, connector: int, id_tag: str, current_a: float, first: str) -> None:
        """The usual way: the cable, then the card, or the other way round."""
        if self.charge_point.row(connector)["id_tag"] is not None:
            return
        if first == "card":
            await self.card(id_tag, [connector])
            await self._pass(5)
        await self.plug(connector, current_a, 3, 1.0)
        if first == "cable":
            await self._pass(5)
            await self.card(id_tag, [connector])

    async def leave(self, connector: int, whose: str) -> None:
        """The card that started, or one of the same family, then the cable."""
        id_tag = self.charge_point.row(connector)["id_tag"]
        if id_tag is not None:
            related = {"ANNA": "BERT", "BERT": "ANNA"} if whose == "family" else {}
            await self.card(related.get(id_tag, id_tag), [connector])
            await self._pass(10)
        await self.unplug(connector)

    async def car(self, connector: int, state: str) -> None:
        """The car rests, or asks again; from then on it does as it likes."""
        if connector in self._cars and "contactor_welded" not in self.charge_point.world.outlets[connector].faults:
            self._forced[connector] = state
            await self.charge_point.ev_state(state, connector)

    # -- what breaks -------------------------------------------------------------------------------------------------

    async def fault(self, kind: str, connector: int, lasts_s: float | None) -> None:
        """Something breaks, for a while or until everything is mended. A contact that welds is let go of by its car."""
        if kind == "contactor_welded" and connector in self._forced:
            return
        self.happened.may_end([connector], "EmergencyStop" if kind == "estop" else "Other")
        await self.charge_point.fault(kind, connector=connector)
        if lasts_s is not None:
            await self._pass(lasts_s)
            await self.charge_point.fault(kind, active=False, connector=connector)

    async def meter(self, connector: int, lasts_s: float) -> None:
        """A meter does not answer for a while."""
        self.happened.may_end([connector], "Other")
        self.happened.meter(connector, fails=True)
        await self.charge_point.verb("meter", connector=connector, fail=True)
        await self._pass(lasts_s)
        await self._meter_answers(connector)

    async def _meter_answers(self, connector: int) -> None:
        await self.charge_point.verb("meter", connector=connector, fail=False)
        self.charge_point.app.meters[connector].read_now()
        self.happened.meter(connector, fails=False)

    async def network(self, how: str) -> None:
        """It goes, in one way or another, or comes back."""
        network = self.central_system.network
        network.refuses = how == "refuses"
        if how == "half open":
            network.half_open = True
            await self._pass(NOTICED_WITHIN_S)
            network.half_open = False
        if how != "up":
            network.cut()
        await self.charge_point.link(up=how != "down")

    async def dies(self, how: str, away_s: float, clock: str) -> None:
        """The process is killed or ended, or the power goes, and comes back; the cars stay where they are."""
        self.happened.may_end(CONNECTORS, "Reboot" if how == "ended" else "PowerLoss")
        await (self._end() if how == "ended" else self._kill())
        await asyncio.sleep(away_s)
        if how == "power cut":
            self.charge_point.boots += 1
            self._boot_clock = CLOCKS[clock], self.charge_point.true_time.now()
            self.happened.calendar_moved = self.happened.calendar_moved or clock != "known"
        await self._start_again()

    async def _kill(self) -> None:
        self.happened.died()
        registers = self.registers_wh
        await self.charge_point.kill()
        self.told.died()
        self._keep(registers)

    async def _end(self) -> None:
        self.happened.died()
        await self.charge_point.stop()
        self._keep(self.registers_wh)

    def _keep(self, registers_wh: dict[int, float]) -> None:
        """A meter knows its register to the last watt-hour, whatever becomes of everything around it."""
        self.charge_point._registers.write({str(connector): energy_wh for connector, energy_wh in registers_wh.items()})

    @property
    def registers_wh(self) -> dict[int, float]:
        """What the outlets have really delivered."""
        return {connector: float(self.charge_point.world.outlet(connector).energy_wh) for connector in CONNECTORS}

    async def _start_again(self) -> None:
        self._resetting = False
        believed, since = self._boot_clock
        self.charge_point.clock_starts_at = None if believed is None else believed + (self.charge_point.true_time.now() - since)
        await self.charge_point.start_again(ready=False)
        self.charge_point.app.offers._valid_for_s = OFFERED_S
        for connector in CONNECTORS:
            self.happened.meter(connector, fails=False)
            if connector in self._cars:
                await self.charge_point.plug(connector, **self._cars[connector])
            if connector in self._forced:
                await self.charge_point.ev_state(self._forced[connector], connector)
        await asyncio.sleep(0.1)

    async def central_clock(self, by_s: float) -> None:
        """The central system tells another time from now on."""
        self.happened.calendar_moved = True
        self.central_system.clock_error_s += by_s
        await self.trigger("Heartbeat")

    async def machine_clock(self, by_s: float) -> None:
        """Somebody sets the machine's clock."""
        self.happened.calendar_moved = True
        self.charge_point.clock.step(by_s)

    # -- time --------------------------------------------------------------------------------------------------------

    async def play(self, move: Move) -> None:
        """One move, and the time until the next."""
        name, arguments, then_s = move
        act: Callable[..., Awaitable[None]] = getattr(self, name)
        await act(*arguments)
        await self._pass(then_s)
        assert self.ledger.load().outbox == tuple(self.charge_point.app.station.central_system.owed), "the disk owes something else (QUE-2)"

    async def _pass(self, seconds: float) -> None:
        """Let time pass; a process that was told to reset ends in it, and is started again."""
        first_s = min(seconds, RESET_WITHIN_S) if self._resetting else seconds
        await self.charge_point.pass_time(seconds=first_s)
        if self.charge_point.ended:
            assert self._resetting, "the process ended by itself"
            self.happened.died()
            self.central_system.network.cut("process ended")
            self._keep(self.registers_wh)
            await self._start_again()
        assert not self._resetting or first_s < RESET_WITHIN_S, "a reset was left undone (RST-1)"
        if seconds > first_s:
            await self._pass(seconds - first_s)

    async def _until(self, fact: Callable[[], object], *, within_s: float) -> None:
        """Wait, with few looks."""
        for _ in range(int(within_s / LOOKS_EVERY_S)):
            if fact():
                return
            await self._pass(LOOKS_EVERY_S)
        raise AssertionError(f"not within {within_s:g} s; last frames:\n" + "\n".join(self.charge_point.frames[-12:]))

    # -- in the end --------------------------------------------------------------------------------------------------

    async def end_well(self) -> list[Session]:
        """Everything is mended, everybody goes home: nothing is owed, every connector is free and good for another session."""
        await self._mend_all()
        for connector in CONNECTORS:
            await self._go_home(connector)
        await self._until(lambda: self.charge_point.queue_length == 0, within_s=MENDED_WITHIN_S)
        await self._pass(70)
        statuses = [self.charge_point.status(connector) for connector in CONNECTORS]
        assert statuses == ["Available", "Available"], statuses
        for connector in CONNECTORS:
            await self._one_more(connector)
        await self._until(lambda: self.charge_point.queue_length == 0, within_s=30)
        assert self.ledger.load().transactions == ()
        registers_wh = self.registers_wh
        await self.charge_point.finish()
        return Bills(self.ledger, self.told, self.happened, registers_wh).judge()

    async def _mend_all(self) -> None:
        await self._pass(RESET_WITHIN_S)
        self._answer_usually()
        self.central_system.clock_error_s = 0.0
        await self.network("up")
        await self._until(lambda: self.charge_point.app.station.central_system.online, within_s=MENDED_WITHIN_S)
        for connector in CONNECTORS:
            await self._meter_answers(connector)
            for kind in (*STANDING, *TIMED):
                await self.charge_point.fault(kind, active=False, connector=connector)
        await self.availability(0, "Operative")
        for connector in CONNECTORS:
            await self.availability(connector, "Operative")
        await self.configure("TransactionMessageAttempts", "3")
        for number in range(1, self._reservations + 1):
            await self._call("CancelReservation", reservationId=number)
        await self._pass(20)

    async def _go_home(self, connector: int) -> None:
        """The cable out, the card where something still runs, the bolt out where it was kept in."""
        await self.unplug(connector)
        await self._pass(20)
        id_tag = self.charge_point.row(connector)["id_tag"]
        if id_tag is not None:
            await self.card(id_tag, [connector])
            await self._pass(20)
        if self.charge_point.world.outlet(connector).plug_in_socket:
            await self.unlock(connector)
        await self._pass(20)

    async def _one_more(self, connector: int) -> None:
        """A friend charges for an hour."""
        begun = len(self.ledger.debts)
        await self.charge_point.charge(FRIEND, connector)
        await self._pass(HOUR_S)
        await self.leave(connector, "own")
        await self._pass(20)
        assert self.charge_point.status(connector) == "Available"
        fresh = [debt for debt in self.ledger.debts[begun:] if debt.action in ("StartTransaction", "StopTransaction")]
        assert [debt.action for debt in fresh] == ["StartTransaction", "StopTransaction"], fresh
        assert fresh[1].payload["meterStop"] - fresh[0].payload["meterStart"] > 20_000
