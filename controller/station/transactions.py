"""The life of a transaction: from authorised-and-plugged to StopTransaction, over restarts (TXN-*, PWR-*).

    waiting ---- plugged, bolt in, meter read ----> running ---- end decided ----> stopping ---- contactor open,
    (ConnectionTimeOut ends it)                     (offers: power.py)             final value read ----> ended

Every arrow is one commit: the transaction and the message that tells of it enter together. The energy follows: an offer
is made only for a running transaction, and only after its start is durable. The end is written when the contactor is
open and the meter was read once more, so that meterStop is the last watt-hour and not the last but one.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from controller.commands import ReadMeter, SetLock
from controller.config import Configuration
from controller.events import ClockWasSet, ConnectorReported, GuardFound, MeterFailed, MeterRead, Started, StopRequested
from controller.faults import FaultKind
from controller.ocpp.messages.core import MeterValue, StartTransactionReq, StopTransactionReq
from controller.ocpp.types import AuthorizationStatus, Reason
from controller.records import AddTransactionData, PutTransaction, Transaction
from controller.station.boot import Boot
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector, Keeper, Waiting
from controller.station.dating import dated_transaction, is_lost
from controller.station.derived import (
    FaultsChanged,
    Plugged,
    StartAnswered,
    TransactionEnded,
    TransactionEnding,
    TransactionStarted,
    Unplugged,
)
from controller.station.fault_board import FaultBoard, ends_transaction
from controller.station.reservation_book import ReservationBook
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from drivers.protocols import MeterReading

FRESH_S = 2.5
"""A reading of this age still tells the register at the start of a transaction: nothing flows yet."""
FINAL_READING_WITHIN_S = 2.0
"""So long after the contactor opened the end waits for one more reading."""
CONTACTOR_OPENS_WITHIN_S = 8.0
"""The guard opens after 6 s at most; past this the end is written all the same."""
SAVED_EVERY_S = 60.0
"""How often the register of a running transaction is stored when no sample does it (PWR-2)."""


class Transactions(Feature):
    """Owns `waiting`, `transaction`, `finished` and `held_for` of every connector."""

    name = "transactions"

    def __init__(self, connectors: Sequence[Connector], configuration: Configuration, settings: Settings, agenda: Agenda,
                 central_system: CentralSystem, boot: Boot, faults: FaultBoard, book: ReservationBook,
                 new_id: Callable[[], str]) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._free_id_tag = configuration.charging.free_id_tag
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._boot = boot
        self._faults = faults
        self._book = book
        self._new_id = new_id
        self._ending_since_s: dict[int, float] = {}
        self._info: dict[int, str] = {}
        self._bolt_first: set[int] = set()
        self._end_held: set[int] = set()
        self.closed_for: Reason | None = None
        """Set while the charge point is about to reset: nothing new may start."""

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the plug, the contactor, the meter, the faults, and the central system's verdict on a start."""
        return {
            Plugged: self._plugged, Unplugged: self._unplugged, ConnectorReported: self._reported,
            MeterRead: self._metered, MeterFailed: self._meter_failed, FaultsChanged: self._faults_changed,
            StartAnswered: self._start_answered, StopRequested: self._stop_requested, GuardFound: self._guard_found,
            Started: self._started, ClockWasSet: self._clock_was_set,
        }

    def deadline(self, key: Key, step: Step) -> None:
        """Nobody plugged in, a final reading did not come, or it is time to store the register."""
        connector = self._connectors[int(key[2])]
        if key[1] == "connection":
            self.cancel(connector, step)
        elif key[1] == "save":
            self.save(connector, step)
        elif connector.stopping:
            self._write_end(connector, step)

    def info(self, connector_id: int) -> str | None:
        """What StatusNotification should add in words."""
        return self._info.get(connector_id)

    # -- beginning ---------------------------------------------------------------------------------------------------

    def may_begin(self, connector: Connector) -> bool:
        """Whether a new user may be accepted here at all."""
        return (connector.free and self._boot.may_charge and self.closed_for is None and not self._central_system.full
                and not self._faults.meter_failed(connector.connector_id) and self._faults.storage_failure is None)

    def wait_for_plug(self, connector: Connector, id_tag: str, parent_id_tag: str | None, step: Step) -> None:
        """Somebody is authorised: begin if the car is plugged, else wait ConnectionTimeOut for it (TXN-5).

        Plugged, the same time is given to bolt and meter: what they hold up must not begin when nobody expects it any more.
        """
        self._info.pop(connector.connector_id, None)
        connector.held_for = None
        connector.waiting = Waiting(id_tag, parent_id_tag)
        self._arm_timeout(connector, step)
        self._prepare(connector, step)

    def _arm_timeout(self, connector: Connector, step: Step) -> None:
        timeout_s = self._settings.integer("ConnectionTimeOut")
        self._agenda.set(self.name, "connection", connector.connector_id, at_s=step.at.monotonic_s + timeout_s)

    def cancel(self, connector: Connector, step: Step) -> None:
        """The one who was authorised does not come, or may not begin (B1): nothing keeps the plug."""
        connector.waiting = None
        self._agenda.cancel(self.name, "connection", connector.connector_id)
        if connector.has_lock:
            step.order(SetLock(connector.connector_id, locked=False))

    def _plugged(self, event: Plugged, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        connector.finished = False
        self._info.pop(event.connector_id, None)
        if connector.waiting is not None:
            self._arm_timeout(connector, step)
        if not self._begin_free(connector, step):
            self._prepare(connector, step)

    def _begin_free(self, connector: Connector, step: Step) -> bool:
        """`charging.free_id_tag`: being plugged is enough, as soon as a session may begin; one session per plugging in."""
        may = (self._free_id_tag and connector.plugged and not connector.finished and self.may_begin(connector)
               and self._book.admits(connector, self._free_id_tag, None))
        if may:
            self.wait_for_plug(connector, self._free_id_tag, None, step)
        return bool(may)

    def _prepare(self, connector: Connector, step: Step) -> None:
        """Authorised and plugged: put the bolt in, have the meter read, then begin (TXN-2, TXN-8)."""
        if connector.waiting is None or not connector.plugged or connector.faulted or connector.transaction is not None:
            return
        if not connector.locked:
            step.order(SetLock(connector.connector_id, locked=True))
        elif self._is_fresh(connector, step):
            self._begin(connector, connector.waiting, step)
        else:
            step.order(ReadMeter(connector.connector_id))

    @staticmethod
    def _is_fresh(connector: Connector, step: Step) -> bool:
        return connector.reading is not None and step.at.monotonic_s - connector.reading.at_s <= FRESH_S

    def _begin(self, connector: Connector, waiting: Waiting, step: Step) -> None:
        """StartTransaction (TXN-1), after Preparing and the authorisation (TXN-3)."""
        if connector.reading is None:
            return
        energy_wh = connector.reading.energy_wh
        reservation = self._book.claimed(connector)
        reservation_id = reservation.reservation_id if reservation is not None else None
        self._agenda.cancel(self.name, "connection", connector.connector_id)
        connector.waiting = None
        connector.finished = False
        self._put(connector, Transaction(
            local_id=self._new_id(), connector_id=connector.connector_id, id_tag=waiting.id_tag,
            parent_id_tag=waiting.parent_id_tag, started=step.stamp, meter_start_wh=whole_wh(energy_wh),
            last_energy_wh=energy_wh, last_seen=step.stamp, reservation_id=reservation_id,
            stand_alone=self._central_system.stand_alone,
        ), step)
        request = StartTransactionReq(
            connector_id=connector.connector_id, id_tag=waiting.id_tag, meter_start=whole_wh(energy_wh),
            timestamp=step.at.utc, reservation_id=reservation_id)
        self._central_system.owe(request, connector.transaction, connector.connector_id, step)
        self._agenda.set(self.name, "save", connector.connector_id, at_s=step.at.monotonic_s + SAVED_EVERY_S)
        step.derive(TransactionStarted(connector.connector_id))

    def resume(self, connector: Connector, step: Step) -> None:
        """A transaction that a restart found open goes on; the guard closes the contactor only behind the bolt."""
        connector.recovering = False
        if connector.has_lock:
            step.order(SetLock(connector.connector_id, locked=True))
        self._agenda.set(self.name, "save", connector.connector_id, at_s=step.at.monotonic_s + SAVED_EVERY_S)
        step.derive(TransactionStarted(connector.connector_id, resumed=True))

    def close_interrupted(self, connector: Connector, reason: Reason, step: Step) -> None:
        """End a transaction that a restart found open: at the last moment it was known to run (PWR-4).

        The register has gone on meanwhile if the car was still drawing; what it shows now is what was delivered.
        """
        transaction = connector.transaction
        if transaction is None:
            return
        energy_wh = transaction.last_energy_wh
        if connector.reading is not None:
            energy_wh = max(energy_wh, connector.reading.energy_wh)
        connector.transaction = msgspec.structs.replace(transaction, stop_reason=str(reason), last_energy_wh=energy_wh)
        if connector.connector_id in self._bolt_first:
            step.order(SetLock(connector.connector_id, locked=False))
        self._write_end(connector, step)

    # -- running -----------------------------------------------------------------------------------------------------

    def _put(self, connector: Connector, transaction: Transaction, step: Step) -> None:
        """What is known of its dates is stored with it: last seen in a boot without a date, it would be forgotten (F-1970)."""
        transaction = msgspec.structs.replace(transaction, known_until=self._central_system.known_until(transaction))
        connector.transaction = transaction
        self._central_system.follow(transaction)
        step.remember(PutTransaction(transaction))

    def save(self, connector: Connector, step: Step) -> None:
        """Store what the transaction has come to, so that a power cut loses at most this much (PWR-2)."""
        if connector.transaction is None or connector.recovering:
            return
        self._put(connector, _seen(connector.transaction, connector, step), step)
        self._agenda.set(self.name, "save", connector.connector_id, at_s=step.at.monotonic_s + SAVED_EVERY_S)

    def _stop_requested(self, _event: StopRequested, step: Step) -> None:
        for connector in self._connectors.values():
            self.save(connector, step)

    def _clock_was_set(self, _event: ClockWasSet, step: Step) -> None:
        """The date became known (F-1970)."""
        for connector in self._connectors.values():
            if connector.transaction is not None:
                again = dated_transaction(connector.transaction, step)
                if again != connector.transaction:
                    self._put(connector, again, step)

    def _started(self, _event: Started, step: Step) -> None:
        """Last seen in a boot that never learned the date: what counts is the last moment before that is known (B4)."""
        for connector in self._connectors.values():
            transaction = connector.transaction
            if transaction is not None and is_lost(transaction.last_seen, step) and not is_lost(transaction.started, step):
                known = msgspec.structs.replace(
                    transaction.last_seen, utc=self._central_system.known_until(transaction), trusted=True)
                self._put(connector, msgspec.structs.replace(transaction, last_seen=known), step)

    def _start_answered(self, event: StartAnswered, step: Step) -> None:
        """The central system's id and verdict, also for a transaction that is over by now (TXN-9)."""
        known = self._central_system.transaction(event.local_id)
        if known is None:
            return
        told = msgspec.structs.replace(known, transaction_id=event.transaction_id,
                                       start_given_up=event.transaction_id is None)
        if event.id_tag_info is not None and event.id_tag_info.parent_id_tag is not None:
            told = msgspec.structs.replace(told, parent_id_tag=event.id_tag_info.parent_id_tag)
        connector = self._connectors.get(told.connector_id)
        if connector is None or connector.transaction is None or connector.transaction.local_id != event.local_id:
            self._central_system.follow(told)
            step.remember(PutTransaction(told))
            return
        self._put(connector, told, step)
        if event.id_tag_info is not None and event.id_tag_info.status is not AuthorizationStatus.Accepted:
            self._invalidated(connector, step)

    def _invalidated(self, connector: Connector, step: Step) -> None:
        """The verdict is not Accepted: let MaxEnergyOnInvalidId flow, then stop or suspend (AUTH-20, AUTH-21)."""
        allowed_wh = self._settings.integer("MaxEnergyOnInvalidId")
        if allowed_wh > 0 and connector.reading is not None and connector.transaction is not None:
            self._put(connector, msgspec.structs.replace(
                connector.transaction, energy_allowed_wh=connector.reading.energy_wh + allowed_wh), step)
        else:
            self._deauthorize(connector, step)

    def _deauthorize(self, connector: Connector, step: Step) -> None:
        transaction = connector.transaction
        if transaction is None or connector.stopping:
            return
        if self._settings.boolean("StopTransactionOnInvalidId"):
            self._keep_cable(connector, transaction)
            self.stop(connector, Reason.DeAuthorized, step)
        else:
            self._put(connector, msgspec.structs.replace(
                transaction, deauthorized=True, energy_allowed_wh=None), step)

    def _keep_cable(self, connector: Connector, transaction: Transaction) -> None:
        """Without a card there is nobody who could free it again."""
        if connector.has_lock and transaction.id_tag != self._free_id_tag:
            connector.held_for = Keeper(transaction.id_tag, transaction.parent_id_tag)

    # -- ending ------------------------------------------------------------------------------------------------------

    def stop(self, connector: Connector, reason: Reason, step: Step, id_tag: str | None = None) -> None:
        """Decide the end; it is written when the contactor is open and the meter was read (TXN-11, TXN-12)."""
        if connector.transaction is None or connector.stopping:
            return
        self._put(connector, msgspec.structs.replace(
            connector.transaction, stop_reason=str(reason), stop_id_tag=id_tag), step)
        connector_id = connector.connector_id
        self._agenda.set(self.name, "end", connector_id, at_s=step.at.monotonic_s + CONTACTOR_OPENS_WITHIN_S)
        self._towards_end(connector, step)

    def stop_to_unlock(self, connector: Connector, step: Step) -> None:
        """End for UnlockConnector: the bolt is tried, and the CALL answered, before the end is written (UNL-2)."""
        connector.held_for = None
        self._bolt_first.add(connector.connector_id)
        if connector.connector_id in self._ending_since_s:
            # Already ending for another reason, with the contactor open: only the bolt is still to be tried.
            step.order(SetLock(connector.connector_id, locked=False))
        self.stop(connector, Reason.UnlockCommand, step)

    def bolt_tried(self, connector: Connector, step: Step) -> None:
        """The bolt is out or will not come: nothing holds the end back any more."""
        self._bolt_first.discard(connector.connector_id)
        if connector.connector_id in self._end_held:
            self._end_held.discard(connector.connector_id)
            self._write_end(connector, step)

    def _towards_end(self, connector: Connector, step: Step) -> None:
        """Once nothing flows any more, ask for the final reading. A welded contact never opens: do not wait for it."""
        connector_id = connector.connector_id
        if not connector.stopping or connector_id in self._ending_since_s:
            return
        if connector.contactor_closed and FaultKind.CONTACTOR_WELDED not in connector.faults:
            return
        self._ending_since_s[connector_id] = step.at.monotonic_s
        if connector_id in self._bolt_first:
            step.order(SetLock(connector_id, locked=False))
        if self._faults.meter_failed(connector_id):
            self._write_end(connector, step)
            return
        step.order(ReadMeter(connector_id))
        self._agenda.set(self.name, "end", connector_id, at_s=step.at.monotonic_s + FINAL_READING_WITHIN_S)

    def _write_end(self, connector: Connector, step: Step) -> None:
        """The last act: Transaction.End values, StopTransaction, bolt."""
        if connector.transaction is None or connector.transaction.stop_reason is None:
            return
        connector_id = connector.connector_id
        self._agenda.cancel(self.name, "end", connector_id)
        if connector_id in self._bolt_first:
            self._end_held.add(connector_id)
            return
        self._agenda.cancel(self.name, "save", connector_id)
        self._ending_since_s.pop(connector_id, None)
        if not connector.recovering:
            connector.transaction = _seen(connector.transaction, connector, step)
        step.derive(TransactionEnding(connector_id))

    def write_stop(self, connector: Connector, transaction_data: list[MeterValue], step: Step, *, dated_values: int = 0) -> None:
        """Write StopTransaction and free the connector; metering calls it when the gathered values are complete (TXN-18)."""
        transaction = connector.transaction
        if transaction is None or transaction.stop_reason is None:
            return
        at = transaction.last_seen
        meter_stop_wh = max(whole_wh(transaction.last_energy_wh), transaction.meter_start_wh)
        ended = msgspec.structs.replace(transaction, ended=at, meter_stop_wh=meter_stop_wh)
        self._put(connector, ended, step)
        request = StopTransactionReq(
            meter_stop=meter_stop_wh, timestamp=at.utc, transaction_id=0, id_tag=transaction.stop_id_tag,
            reason=Reason(transaction.stop_reason), transaction_data=transaction_data or None)
        self._central_system.owe(request, ended, connector.connector_id, step, at, dated_values)
        connector.transaction, connector.recovering, connector.finished = None, False, True
        self._release(connector, Reason(transaction.stop_reason), ended, step)
        self._tidy(connector)
        step.derive(TransactionEnded(connector.connector_id))

    def _release(self, connector: Connector, reason: Reason, ended: Transaction, step: Step) -> None:
        """Open the bolt, unless the standard wants it to stay in (TXN-14, TXN-16, AUTH-20)."""
        if reason is Reason.EVDisconnected and not self._settings.boolean("UnlockConnectorOnEVSideDisconnect"):
            self._keep_cable(connector, ended)
        elif reason is not Reason.DeAuthorized:
            connector.held_for = None
        if connector.has_lock and connector.held_for is None:
            step.order(SetLock(connector.connector_id, locked=False))

    def release_held(self, connector: Connector, step: Step) -> None:
        """The one for whom the bolt was kept in has come."""
        connector.held_for = None
        step.order(SetLock(connector.connector_id, locked=False))

    # -- what the hardware says --------------------------------------------------------------------------------------

    def _reported(self, event: ConnectorReported, step: Step) -> None:
        connector = self._connectors[event.report.connector_id]
        if connector.waiting is not None:
            self._prepare(connector, step)
        elif connector.stopping:
            self._towards_end(connector, step)
        else:
            self._tidy(connector)

    def _tidy(self, connector: Connector) -> None:
        """Nothing is left of a transaction that has ended, once the plug is out; a fixed cable is out at once (TXN-20)."""
        if connector.finished and not connector.plugged and not connector.plug_held:
            connector.finished = False
            self._info.pop(connector.connector_id, None)

    def _metered(self, event: MeterRead, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        if connector.waiting is not None:
            self._prepare(connector, step)
        elif connector.transaction is None:
            self._begin_free(connector, step)
        else:
            since_s = self._ending_since_s.get(event.connector_id)
            if since_s is not None and event.reading.at_s >= since_s:
                self._write_end(connector, step)
            elif _used_up(connector.transaction, event.reading) and not connector.recovering:
                self._deauthorize(connector, step)

    def _meter_failed(self, event: MeterFailed, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        if event.connector_id in self._ending_since_s:
            self._write_end(connector, step)
        elif connector.transaction is not None and connector.transaction.energy_allowed_wh is not None and not connector.recovering:
            self._deauthorize(connector, step)  # what nobody measures has no limit

    def _guard_found(self, _event: GuardFound, step: Step) -> None:
        """A guard that was started anew holds no bolt for us."""
        for connector in self._connectors.values():
            running = connector.transaction is not None and not connector.recovering
            if connector.has_lock and (running or connector.held_for is not None):
                step.order(SetLock(connector.connector_id, locked=True))

    def _unplugged(self, event: Unplugged, step: Step) -> None:
        """An end, or a pause behind a bolt that stays in, by StopTransactionOnEVSideDisconnect; told in words (TXN-15, TXN-17)."""
        connector = self._connectors[event.connector_id]
        if connector.waiting is not None:
            self.cancel(connector, step)
        if connector.transaction is None or connector.recovering:
            return
        self._info[event.connector_id] = "EV side disconnected"
        if self._settings.boolean("StopTransactionOnEVSideDisconnect"):
            self.stop(connector, Reason.EVDisconnected, step)

    def _faults_changed(self, event: FaultsChanged, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        if FaultKind.LOCK in connector.faults and connector.waiting is not None:
            self.cancel(connector, step)
        fault = ends_transaction(connector)
        if fault is not None and not connector.recovering:
            self.stop(connector, Reason.EmergencyStop if fault is FaultKind.ESTOP else Reason.Other, step)
        if connector.stopping:
            self._towards_end(connector, step)
        elif connector.waiting is not None:
            self._prepare(connector, step)


def _seen(transaction: Transaction, connector: Connector, step: Step) -> Transaction:
    """The transaction with the register as last read; the register never goes back (MTR-9)."""
    energy_wh = transaction.last_energy_wh
    if connector.reading is not None:
        energy_wh = max(energy_wh, connector.reading.energy_wh)
    return msgspec.structs.replace(transaction, last_energy_wh=energy_wh, last_seen=step.stamp)


def _used_up(transaction: Transaction, reading: MeterReading) -> bool:
    """MaxEnergyOnInvalidId has been delivered, or would be before a car that is in no hurry has let go: it is the most, not the least."""
    if transaction.energy_allowed_wh is None:
        return False
    ahead_wh = max(reading.power_w, 0.0) * CONTACTOR_OPENS_WITHIN_S / 3600
    return reading.energy_wh + ahead_wh >= transaction.energy_allowed_wh


def whole_wh(energy_wh: float) -> int:
    """The register as meterStart and meterStop tell it; 1.001 kWh, a hair less in binary, are 1001 Wh."""
    return int(round(energy_wh, 3))


def gathered(local_id: str, value: MeterValue) -> AddTransactionData:
    """The record that keeps one element of transactionData until StopTransaction is written."""
    return AddTransactionData(local_id, msgspec.json.encode(value).decode())


