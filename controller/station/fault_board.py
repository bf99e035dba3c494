"""Which faults stand on which connector, whoever noticed them, and whether they are more than a warning.

The guard's faults arrive with its reports and clear there. The controller's own (meter, reader, guard gone, nothing
can be stored) are raised and cleared here, by the same catalogue.
"""

from collections.abc import Mapping, Sequence

from controller.commands import ClearLatch, HandLatch, SetLock
from controller.events import (
    ConnectorReported,
    FaultReset,
    GuardFound,
    GuardLost,
    MeterFailed,
    MeterRead,
    ReaderFailed,
    ReaderFound,
    Started,
    StorageFailed,
    StorageFound,
)
from controller.faults import CATALOGUE, Clears, FaultKind, most_severe
from controller.records import DropLatch, Durable, PutLatch
from controller.station.connector import Connector
from controller.station.derived import FaultsChanged, TransactionEnded, TransactionStarted
from controller.station.step import Agenda, Feature, Key, Reaction, Step

METER_LOSS_STOPS_AFTER_S = 30.0
"""`charging.on_meter_loss = "stop"`: so long may a meter be silent (`contract.md`, fault kind `meter`)."""
STORAGE_PATIENCE_S = 60.0
"""A running session is sampled in memory for so long while nothing can be stored (F-FSYNC)."""


class FaultBoard(Feature):
    """Gathers `faults` and `faulted` of every connector, and the reader faults of the whole charge point."""

    name = "faults"

    def __init__(self, connectors: Sequence[Connector], durable: Durable, agenda: Agenda, *, stop_on_meter_loss: bool) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._agenda = agenda
        self._stop_on_meter_loss = stop_on_meter_loss
        self._own: dict[int, set[FaultKind]] = {connector_id: set() for connector_id in self._connectors}
        self._overdue: dict[int, set[FaultKind]] = {connector_id: set() for connector_id in self._connectors}
        self._latches = set(durable.latches)
        self._resetting: set[tuple[int, FaultKind]] = set()
        """A person has reset these; the latch falls when the guard reports them gone."""
        self._silent_readers: set[int] = set()
        self._storage: str | None = None

    @property
    def reader_failed(self) -> bool:
        """A card reader is dead: a warning on connector 0."""
        return bool(self._silent_readers)

    @property
    def storage_failure(self) -> str | None:
        """Why nothing can be stored; None while it can."""
        return self._storage

    def meter_failed(self, connector_id: int) -> bool:
        """The meter is silent now: no new transaction may start."""
        return FaultKind.METER in self._own[connector_id]

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears everything that fails and comes back."""
        return {
            Started: self._hand_latches, ConnectorReported: self._reported, FaultReset: self._reset,
            MeterFailed: self._meter_failed, MeterRead: self._meter_read, ReaderFailed: self._reader_failed,
            ReaderFound: self._reader_found, GuardLost: self._guard_lost, GuardFound: self._guard_found,
            StorageFailed: self._storage_failed, StorageFound: self._storage_found, TransactionEnded: self._looked_anew,
            TransactionStarted: self._went_on,
        }

    def deadline(self, key: Key, step: Step) -> None:
        """A warning has stood for too long and becomes a fault."""
        _, kind, connector_id = key
        self._overdue[int(connector_id)].add(FaultKind(kind))
        self._gather(int(connector_id), step)

    def _hand_latches(self, _event: Started, step: Step) -> None:
        for connector_id, kind in sorted(self._latches, key=lambda latch: (latch[0], latch[1].value)):
            step.order(HandLatch(connector_id, kind))

    def _reported(self, event: ConnectorReported, step: Step) -> None:
        connector_id = event.report.connector_id
        for kind in event.report.faults:
            if CATALOGUE[kind].clears is Clears.RESET and (connector_id, kind) not in self._latches:
                self._latches.add((connector_id, kind))
                step.remember(PutLatch(connector_id, kind))
        for latch in [latch for latch in self._resetting if latch[0] == connector_id and latch[1] not in event.report.faults]:
            self._resetting.discard(latch)
            self._latches.discard(latch)
            step.remember(DropLatch(*latch))
        self._gather(connector_id, step)

    def _reset(self, event: FaultReset, step: Step) -> None:
        """Ask the guard; a latch whose cause is still there stays, over restarts too. A stuck bolt is tried once more."""
        connector = self._connectors.get(event.connector_id)
        if connector is not None and FaultKind.LOCK_STUCK in connector.faults and connector.transaction is None:
            step.order(SetLock(connector.connector_id, locked=False))
        for connector_id, kind in sorted(self._latches, key=lambda latch: (latch[0], latch[1].value)):
            if connector_id == event.connector_id:
                self._resetting.add((connector_id, kind))
                step.order(ClearLatch(connector_id, kind))

    def _meter_failed(self, event: MeterFailed, step: Step) -> None:
        if FaultKind.METER in self._own[event.connector_id]:
            return
        if self._stop_on_meter_loss:
            self._agenda.set(self.name, FaultKind.METER.value, event.connector_id,
                             at_s=step.at.monotonic_s + METER_LOSS_STOPS_AFTER_S)
        self._raise(event.connector_id, FaultKind.METER, step)

    def _meter_read(self, event: MeterRead, step: Step) -> None:
        if FaultKind.METER in self._own[event.connector_id]:
            self._clear(event.connector_id, FaultKind.METER, step)

    def _reader_failed(self, event: ReaderFailed, _step: Step) -> None:
        self._silent_readers.add(event.reader)

    def _reader_found(self, event: ReaderFound, _step: Step) -> None:
        self._silent_readers.discard(event.reader)

    def _guard_lost(self, _event: GuardLost, step: Step) -> None:
        for connector_id in self._connectors:
            self._raise(connector_id, FaultKind.GUARD, step)

    def _guard_found(self, _event: GuardFound, step: Step) -> None:
        for connector_id in self._connectors:
            self._clear(connector_id, FaultKind.GUARD, step)
        self._resetting.clear()
        self._hand_latches(Started(), step)

    def _storage_failed(self, event: StorageFailed, step: Step) -> None:
        self._storage = event.why
        for connector_id in self._connectors:
            if FaultKind.STORAGE not in self._own[connector_id]:
                self._agenda.set(self.name, FaultKind.STORAGE.value, connector_id,
                                 at_s=step.at.monotonic_s + STORAGE_PATIENCE_S)
                self._raise(connector_id, FaultKind.STORAGE, step)

    def _storage_found(self, _event: StorageFound, step: Step) -> None:
        self._storage = None
        for connector_id in self._connectors:
            self._clear(connector_id, FaultKind.STORAGE, step)

    def _looked_anew(self, event: TransactionEnded, step: Step) -> None:
        self._gather(event.connector_id, step)

    def _went_on(self, event: TransactionStarted, step: Step) -> None:
        """A transaction that a start found open meets the faults that stand by now."""
        if event.resumed:
            step.derive(FaultsChanged(event.connector_id))

    def _raise(self, connector_id: int, kind: FaultKind, step: Step) -> None:
        self._own[connector_id].add(kind)
        self._gather(connector_id, step)

    def _clear(self, connector_id: int, kind: FaultKind, step: Step) -> None:
        self._own[connector_id].discard(kind)
        self._overdue[connector_id].discard(kind)
        self._agenda.cancel(self.name, kind.value, connector_id)
        self._gather(connector_id, step)

    def _gather(self, connector_id: int, step: Step) -> None:
        connector = self._connectors[connector_id]
        reported = connector.report.faults if connector.report is not None else frozenset()
        faults = reported | self._own[connector_id]
        faulted = frozenset(kind for kind in faults if self._is_faulted(kind, connector))
        if (faults, faulted) != (connector.faults, connector.faulted):
            connector.faults, connector.faulted = faults, faulted
            step.derive(FaultsChanged(connector_id))

    def _is_faulted(self, kind: FaultKind, connector: Connector) -> bool:
        if kind is FaultKind.PILOT:
            return not connector.plugged and connector.transaction is None
        if kind is FaultKind.STORAGE and connector.transaction is not None:
            return kind in self._overdue[connector.connector_id]
        return CATALOGUE[kind].faulted or kind in self._overdue[connector.connector_id]


def ends_transaction(connector: Connector) -> FaultKind | None:
    """The standing fault that ends a running transaction: the emergency stop first, then the most severe; None if none."""
    ending = frozenset(kind for kind in connector.faults if _ends(kind, connector))
    return FaultKind.ESTOP if FaultKind.ESTOP in ending else most_severe(ending)


def _ends(kind: FaultKind, connector: Connector) -> bool:
    return CATALOGUE[kind].ends_transaction or (kind is FaultKind.METER and kind in connector.faulted)
