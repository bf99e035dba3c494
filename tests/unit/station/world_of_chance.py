"""A charge point with two connectors and the world around it, moved by chance: see `test_station_properties.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from controller import commands, events
from controller.guard.messages import Pilot
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ChargePointStatus, RegistrationStatus, ResetType
from controller.records import PutTransaction, Record, Transaction
from controller.store.memory import MemoryStore
from drivers.protocols import LockState
from tests.unit.station.conversation import Conversation, configuration
from tests.unit.station.transition_oracle import undefined_steps

CONNECTORS = 2
TIMEOUT_S = 30.0
GUARD_PATIENCE_S = 6.0
"""So long the guard lets a car draw on after the offer has ended."""
FIRST_WH = 1000.0
BAD = "BAD"
"""The central system never accepts this tag."""



class CentralSystem:
    """Answers as its mood is; a message it has seen before gets the answer it got before."""

    def __init__(self) -> None:
        self.mood = "friendly"
        self.registration = RegistrationStatus.Accepted
        self.given: dict[str, int] = {}

    def start(self, message_id: str, request: m.StartTransactionReq) -> m.StartTransactionConf:
        """The answer to StartTransaction, the same for the same message id."""
        transaction_id = self.given.setdefault(message_id, len(self.given) + 1)
        refused = self.mood == "invalid" or request.id_tag == BAD
        status = AuthorizationStatus.Invalid if refused else AuthorizationStatus.Accepted
        return m.StartTransactionConf(transaction_id=transaction_id, id_tag_info=m.IdTagInfo(status=status))

    def authorize(self, request: m.AuthorizeReq) -> m.AuthorizeConf:
        """TAG1 and TAG2 are one group."""
        refused = self.mood == "invalid" or request.id_tag == BAD
        parent = "FAMILY" if request.id_tag in {"TAG1", "TAG2"} else None
        status = AuthorizationStatus.Invalid if refused else AuthorizationStatus.Accepted
        return m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=status, parent_id_tag=parent))


class Ledger(MemoryStore):
    """A disk that also keeps the bills, in the order in which they were written."""

    def __init__(self) -> None:
        super().__init__()
        self.bills: dict[str, Transaction] = {}

    def commit(self, records: Sequence[Record]) -> None:
        """As the disk does."""
        super().commit(records)
        for record in records:
            if isinstance(record, PutTransaction) and record.transaction.ended is not None:
                self.bills.setdefault(record.transaction.local_id, record.transaction)


class World:
    """Moves what is around the station, and knows what must hold at every moment and in the end."""

    def __init__(self, folder: Path, *, ocpp: str, charging: str) -> None:
        self.csms = CentralSystem()
        self.ledger = Ledger()
        self.strangers_charge = "AllowOfflineTxForUnknownId = true" in ocpp
        self.timed_out: list[tuple[str, Request]] = []
        self.meter_was_silent = False
        self._flying_since: tuple[str, float] = ("", 0.0)
        self._stubborn_s: dict[int, float] = {}
        self._contents: dict[str, Request] = {}
        self._looked_at = 0
        self._told: dict[int, list[ChargePointStatus]] = {}
        self.talk = Conversation(configuration(folder, connectors=CONNECTORS, ocpp=ocpp, charging=charging), self.ledger)
        self.talk.answers = {
            m.BootNotificationReq: self._answers_boot, m.StartTransactionReq: self._answers_start,
            m.StopTransactionReq: self._in_mood(m.StopTransactionConf()),
            m.MeterValuesReq: self._in_mood(m.MeterValuesConf()), m.AuthorizeReq: self._answers_authorize,
        }
        self.talk.connect()

    # -- the central system's answers --------------------------------------------------------------------------------

    def _in_mood(self, response: Response) -> Callable[[Request], Response | str | None]:
        return lambda _request: {"silent": None, "refusing": "InternalError"}.get(self.csms.mood, response)

    def _answers_boot(self, _request: Request) -> Response | str | None:
        return m.BootNotificationConf(status=self.csms.registration, current_time=self.talk.utc, interval=20)

    def _answers_start(self, request: Request) -> Response | str | None:
        assert isinstance(request, m.StartTransactionReq)
        return self._in_mood(self.csms.start(self.talk.in_flight[-1][0], request))(request)

    def _answers_authorize(self, request: Request) -> Response | str | None:
        assert isinstance(request, m.AuthorizeReq)
        return self._in_mood(self.csms.authorize(request))(request)

    def the_central_system_changes_its_mood(self, mood: str) -> None:
        """From here on."""
        self.csms.mood = mood

    def the_next_boot_is_answered(self, status: RegistrationStatus) -> None:
        """From here on."""
        self.csms.registration = status

    def a_late_answer_comes(self, which: int) -> None:
        """To some CALL that had timed out."""
        if not (self.timed_out and self.talk.connected):
            return
        message_id, request = self.timed_out[which % len(self.timed_out)]
        response = (self.csms.start(message_id, request) if isinstance(request, m.StartTransactionReq)
                    else self.csms.authorize(request) if isinstance(request, m.AuthorizeReq) else type(request).response())
        if self.talk.in_flight and self.talk.in_flight[0][0] == message_id:
            self.talk.answer(response)
        else:
            self.talk.answer_late(message_id, response)
        self._after()

    def remote_start(self, connector_id: int | None, id_tag: str) -> None:
        """The central system starts."""
        self._call(m.RemoteStartTransactionReq(id_tag=id_tag, connector_id=connector_id))

    def remote_stop(self, which: int) -> None:
        """The central system stops something it knows, running or over."""
        ids = [*self.csms.given.values(), -1]
        self._call(m.RemoteStopTransactionReq(transaction_id=ids[which % len(ids)]))

    def unlock(self, connector_id: int) -> None:
        """The central system unlocks."""
        self._call(m.UnlockConnectorReq(connector_id=connector_id))

    def reset(self, kind: ResetType) -> None:
        """The central system resets."""
        self._call(m.ResetReq(type=kind))
        self._after()

    def _call(self, request: Request) -> None:
        if self.talk.connected:
            self.talk.call(request)

    # -- users and cars ----------------------------------------------------------------------------------------------

    def card(self, id_tag: str, readers: tuple[int, ...]) -> None:
        """A card at one of the readers."""
        self.talk.pass_time(0.01)
        self.talk.card(id_tag, readers)
        self._after()

    def car(self, connector_id: int, pilot: Pilot) -> None:
        """A car comes, asks, rests or goes."""
        self.talk.pass_time(0.01)
        self.talk.change(connector_id, pilot=pilot)
        self._after()

    def a_car_turns_stubborn(self, connector_id: int) -> None:
        """It will draw on after the offer has ended, until the guard opens under load."""
        if self.talk.plugs[connector_id].closed:
            self.talk.plugs[connector_id].obeys = False

    def a_user_charges(self, connector_id: int, id_tag: str) -> None:
        """The usual way: plug in, card, the car asks."""
        self.car(connector_id, Pilot.B)
        self.card(id_tag, (connector_id,))
        self.car(connector_id, Pilot.C)
        self.time_passes(2.0)

    def a_user_leaves(self, connector_id: int) -> None:
        """The card that started, then the plug."""
        transaction = self.talk.station.connectors[connector_id - 1].transaction
        if transaction is not None:
            self.card(transaction.id_tag, (connector_id,))
            self.time_passes(2.0)
            self.car(connector_id, Pilot.A)

    # -- what breaks -------------------------------------------------------------------------------------------------

    def the_link_changes(self) -> None:
        """The network goes, or comes."""
        if self.talk.connected:
            self.talk.disconnect()
        else:
            self._connect()
        self._after()

    def the_process_dies(self, how: str, after_s: float) -> None:
        """Without a word, and comes back."""
        self._restart(how, after_s)

    def the_guard_changes(self) -> None:
        """The guard dies, or a new one answers."""
        if self.talk.guard_speaks:
            self.talk.lose_guard()
        else:
            self.talk.find_guard()
        self._after()

    def the_meter_changes(self, connector_id: int, works: bool) -> None:
        """A meter falls silent, or speaks again."""
        self.talk.plugs[connector_id].meter_works = works
        self.meter_was_silent |= not works

    def the_disk_changes(self, fails: bool) -> None:
        """The disk refuses, or takes."""
        self.talk.say(events.StorageFailed("full") if fails else events.StorageFound())
        self._after()

    def the_bolt_changes(self, connector_id: int, works: bool) -> None:
        """A bolt sticks, or goes where the guard wants it."""
        plug = self.talk.plugs[connector_id]
        plug.bolt_works = works
        if works:
            self.talk.change(connector_id, lock=plug.bolt_wish)

    def all_is_mended(self) -> None:
        """Whatever was broken works again, and the central system is friendly."""
        self.csms.mood, self.csms.registration = "friendly", RegistrationStatus.Accepted
        for plug in self.talk.plugs.values():
            plug.meter_works = True
            self.the_bolt_changes(plug.connector_id, works=True)
        if not self.talk.guard_speaks:
            self.talk.find_guard()
        self.talk.say(events.StorageFound())
        if not self.talk.connected:
            self._connect()
        self._after()

    # -- time --------------------------------------------------------------------------------------------------------

    def time_passes(self, seconds: float) -> None:
        """The clock goes on; what is not answered times out."""
        end_s = self.talk.monotonic_s + seconds
        while self.talk.monotonic_s < end_s:
            self.talk.pass_time(min(1.0, end_s - self.talk.monotonic_s))
            self._guard_loses_patience()
            self._time_out()
            self._after()

    def _time_out(self) -> None:
        flying = self.talk.in_flight[0] if self.talk.in_flight else None
        if flying is None or flying[0] != self._flying_since[0]:
            self._flying_since = (flying[0] if flying is not None else "", self.talk.monotonic_s)
        elif self.talk.monotonic_s - self._flying_since[1] >= TIMEOUT_S:
            self.timed_out.append(flying)
            self._flying_since = ("", 0.0)
            self.talk.fail("TimedOut")

    def _guard_loses_patience(self) -> None:
        for plug in self.talk.plugs.values():
            drawing_on = not plug.obeys and plug.closed and plug.offered_a == 0
            since_s = self._stubborn_s.setdefault(plug.connector_id, self.talk.monotonic_s) if drawing_on else None
            if since_s is None:
                self._stubborn_s.pop(plug.connector_id, None)
            if not plug.closed or (since_s is not None and self.talk.monotonic_s - since_s >= GUARD_PATIENCE_S):
                self.talk.change(plug.connector_id, obeys=True)

    def _connect(self) -> None:
        self._told = {}
        self.talk.connect()

    def _restart(self, how: str, after_s: float) -> None:
        self._look()
        guard_speaks = self.talk.guard_speaks or how == "power cut"
        self.talk.guard_speaks = guard_speaks
        for plug in self.talk.plugs.values():
            plug.obeys = plug.obeys or how == "power cut"
        self.talk.restart(after_s=after_s, power_cut=how == "power cut", offers_survive=how == "short absence" and after_s < 10)
        self._told = {}
        self._after()

    def _after(self) -> None:
        """A car that let go obeys again; a station that asked for it is started anew."""
        for plug in self.talk.plugs.values():
            plug.obeys = plug.obeys or not plug.closed
        if any(isinstance(order, commands.Restart) for order in self.talk.orders):
            self.talk.orders.clear()
            self._restart("crash", 5.0)
            self._connect()
        self.talk.orders.clear()

    # -- at every moment ---------------------------------------------------------------------------------------------

    def holds(self) -> None:
        """What must be true at every moment."""
        self.only_defined_transitions_are_told()
        self.power_flows_only_in_a_transaction()
        self.what_is_on_disk_is_what_is_owed()

    def _look(self) -> None:
        for message_id, request in self.talk.calls[self._looked_at:]:
            before = self._contents.setdefault(message_id, request)
            assert before == request, "RPC-3: a message id was used for another content"
            if isinstance(request, m.StatusNotificationReq) and request.connector_id > 0:
                self._told.setdefault(request.connector_id, []).append(request.status)
        self._looked_at = len(self.talk.calls)

    def only_defined_transitions_are_told(self) -> None:
        """STAT-6; after a connection begins, the present is told without its history (STAT-20)."""
        self._look()
        for statuses in self._told.values():
            assert undefined_steps(statuses) == []

    def power_flows_only_in_a_transaction(self) -> None:
        """AUTH-1: nothing is offered, and no contactor closed, without one; and not for a tag that was never accepted."""
        for connector in self.talk.station.connectors:
            plug = self.talk.plugs[connector.connector_id]
            assert connector.transaction is not None or plug.offered_a == 0
            assert connector.transaction is not None or not plug.closed
            if connector.transaction is not None and not self.strangers_charge:
                assert connector.transaction.id_tag != BAD

    def what_is_on_disk_is_what_is_owed(self) -> None:
        """PWR-2: the queue and the open transactions survive the process as they are."""
        durable = self.talk.store.load()
        assert len(durable.outbox) == self.talk.station.status()["queue_length"]
        open_ids = {t.local_id for t in durable.transactions if t.ended is None}
        running = {c.transaction.local_id for c in self.talk.station.connectors if c.transaction is not None}
        assert open_ids == running

    # -- in the end --------------------------------------------------------------------------------------------------

    def ends_well(self) -> None:
        """All is well again and everybody has gone home: everything was told once, and every connector is free."""
        self._all_is_well()
        self._everything_was_told_once()
        self._the_energy_was_billed()

    def _all_is_well(self) -> None:
        self.all_is_mended()
        for connector_id in self.talk.plugs:
            self.talk.unplug(connector_id)
        self.time_passes(100)
        self.time_passes(100)
        for connector in self.talk.station.connectors:
            if connector.transaction is not None:
                self.talk.card(connector.transaction.id_tag, (connector.connector_id,))
        for connector_id, plug in self.talk.plugs.items():
            if plug.lock is LockState.LOCKED and self.talk.station.connectors[connector_id - 1].held_for is not None:
                self._call(m.UnlockConnectorReq(connector_id=connector_id))
        self.time_passes(60)
        self.only_defined_transitions_are_told()

    def _everything_was_told_once(self) -> None:
        station = self.talk.station
        assert station.status()["queue_length"] == 0
        assert self.talk.store.load().transactions == ()
        for connector in station.connectors:
            shown = station.status()["connectors"]
            assert isinstance(shown, list)
            assert shown[connector.connector_id - 1]["status"] == "Available"
            assert self.talk.plugs[connector.connector_id].lock is LockState.UNLOCKED
        sent = [request for _, request in self.talk.calls]
        starts = {r for r in sent if isinstance(r, m.StartTransactionReq)}
        stops = {(r.transaction_id, r.timestamp, r.meter_stop, r.reason) for r in sent if isinstance(r, m.StopTransactionReq)}
        assert len(starts) == len(stops), "a start without its stop, or the other way round"
        assert sorted(wh for _, _, wh, _ in stops) == sorted(bill.meter_stop_wh or 0 for bill in self.ledger.bills.values())
        ids = [transaction_id for transaction_id, *_ in stops if transaction_id != -1]
        assert len(ids) == len(set(ids)), "two stops for one transaction"

    def _the_energy_was_billed(self) -> None:
        """Bills of one connector do not overlap, and together they are what the meter counted."""
        billed = dict.fromkeys(self.talk.plugs, 0)
        last_stop_wh = dict.fromkeys(self.talk.plugs, FIRST_WH - 1)
        number = len(self.ledger.bills)
        for bill in self.ledger.bills.values():
            assert bill.meter_stop_wh is not None
            assert bill.meter_stop_wh >= bill.meter_start_wh >= last_stop_wh[bill.connector_id]
            last_stop_wh[bill.connector_id] = bill.meter_stop_wh
            billed[bill.connector_id] += bill.meter_stop_wh - bill.meter_start_wh
        for connector_id, plug in self.talk.plugs.items():
            counted_wh = plug.energy_wh - FIRST_WH
            assert billed[connector_id] <= counted_wh + number + 1
            if not self.meter_was_silent:
                assert billed[connector_id] >= counted_wh - number - 1, "energy was given away"
