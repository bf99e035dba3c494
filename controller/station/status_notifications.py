"""StatusNotification: tells the central system every transition, and after a silence only the present (STAT-*, WS-8).

The present status is derived from facts in `connector.py`. This module compares it with what was told last, and leads
over defined transitions only.
"""

from collections.abc import Mapping, Sequence

import msgspec

from controller.clock import Instant
from controller.events import CallFailed, CsmsConnected
from controller.faults import CATALOGUE, FaultKind
from controller.ocpp.messages import Response
from controller.ocpp.messages.core import StatusNotificationReq
from controller.ocpp.types import ChargePointErrorCode, ChargePointStatus, RegistrationStatus
from controller.station.availability import CHARGE_POINT, Availability
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector, derive_error, derive_status
from controller.station.derived import ListContradicted, LocalListChanged, RegistrationChanged, ResetFailed
from controller.station.fault_board import FaultBoard
from controller.station.set_aside import SetAside
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from controller.station.transactions import Transactions
from controller.station.transitions import path

VENDOR_ID = "evcp"
PULLED_WITHIN_S = 0.4
"""A plug that is pulled under power looks like a car that lets go, until the guard is sure of it: so long SuspendedEV is not told."""


class Told(msgspec.Struct, frozen=True):
    """What a StatusNotification says, without its time."""

    status: ChargePointStatus
    error_code: ChargePointErrorCode = ChargePointErrorCode.NoError
    fault: FaultKind | None = None
    info: str | None = None


class StatusNotifications(Feature):
    """Reports connector 0 and every connector."""

    name = "status"

    def __init__(self, connectors: Sequence[Connector], settings: Settings, agenda: Agenda, central_system: CentralSystem,
                 availability: Availability, faults: FaultBoard, transactions: Transactions, set_aside: SetAside) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._availability = availability
        self._faults = faults
        self._transactions = transactions
        self._set_aside = set_aside
        self._ids = (CHARGE_POINT, *sorted(self._connectors))
        self._told: dict[int, Told] = {}
        self._unsure: set[int] = set()
        self._since_s: dict[int, tuple[ChargePointStatus, float]] = {}
        """Since when a connector has a status that was not told yet."""
        self._in_conflict = False
        """A LocalListConflict was the last that was told of connector 0."""
        self._silence: set[int] = set()
        """Not looked at since the connection came back: only the present is told, not the way to it (STAT-20)."""

    def reactions(self) -> Mapping[type, Reaction]:
        """Everything is told anew after a boot; after a mere reconnect only what changed (WS-8)."""
        return {RegistrationChanged: self._registered, CsmsConnected: self._connected,
                ListContradicted: self._list_contradicted, LocalListChanged: self._list_changed, ResetFailed: self._reset_failed}

    def deadline(self, key: Key, step: Step) -> None:
        """A status has lasted MinimumStatusDuration; `settle` now sends it (STAT-4)."""

    def present(self, connector_id: int) -> Told:
        """What is true now; NoError where nothing is wrong (STAT-9)."""
        if connector_id == CHARGE_POINT:
            return self._charge_point()
        connector = self._connectors[connector_id]
        code, fault = derive_error(connector)
        status = derive_status(connector)
        if fault is not None:
            return Told(status, code, fault, CATALOGUE[fault].sentence)
        # Until the contact has opened behind a car that has gone, nothing is new to tell.
        info = self._transactions.info(connector_id) if status is not ChargePointStatus.Charging else None
        return Told(status, code, None, info)

    def _unheard(self, connector_id: int) -> bool:
        """A transaction that a start found open, before the guard has said whether it was interrupted at all."""
        connector = self._connectors.get(connector_id)
        return connector is not None and connector.recovering and connector.report is None and not connector.faulted

    def _charge_point(self) -> Told:
        """Connector 0: in service or not, whatever the connectors do (STAT-2)."""
        status = ChargePointStatus.Available if self._availability.operative else ChargePointStatus.Unavailable
        if self._faults.reader_failed:
            kind = FaultKind.RFID
            return Told(status, ChargePointErrorCode(CATALOGUE[kind].error_code), kind, CATALOGUE[kind].sentence)
        return Told(status, self._set_aside.error_code, None, self._set_aside.info)

    def settle(self, step: Step) -> None:
        """Tell what is no longer what was told, in status, error or words (STAT-3, STAT-13, AVL-3)."""
        for connector_id in self._ids:
            present = self.present(connector_id)
            lasts = self._lasts(connector_id, present, step)
            if not self._central_system.online or self._unheard(connector_id):
                continue
            if present == self._told.get(connector_id):
                self._silence.discard(connector_id)
            elif lasts:
                self._tell_way(connector_id, present, step)

    def notify(self, connector_ids: Sequence[int], step: Step) -> None:
        """Send the present status whatever was told, for TriggerMessage."""
        for connector_id in connector_ids:
            self._tell(connector_id, self.present(connector_id), step.at, triggered=True)

    @property
    def ids(self) -> tuple[int, ...]:
        """Connector 0 and all others."""
        return self._ids

    def _list_contradicted(self, event: ListContradicted, step: Step) -> None:
        """Of connector 0, with its present status; told until the list is another one (LIST-9)."""
        self._tell_event(ChargePointErrorCode.LocalListConflict, f"{event.id_tag}: {event.listed} in the list", step)
        self._in_conflict = True

    def _reset_failed(self, _event: ResetFailed, step: Step) -> None:
        """Of connector 0, once (RST-5)."""
        self._tell_event(ChargePointErrorCode.ResetFailure, "reset given up: nothing can be stored", step)

    def _tell_event(self, code: ChargePointErrorCode, info: str, step: Step) -> None:
        """An event of the charge point, no state: what was told of the state still is."""
        before, status = self._told.get(CHARGE_POINT), self.present(CHARGE_POINT).status
        self._tell(CHARGE_POINT, Told(status, code, info=info), step.at)
        if before is not None:
            self._told[CHARGE_POINT] = before

    def _list_changed(self, _event: LocalListChanged, _step: Step) -> None:
        """The remedy for every contradiction: the present is told again."""
        if self._in_conflict:
            self._told.pop(CHARGE_POINT, None)
            self._in_conflict = False

    def _registered(self, event: RegistrationChanged, _step: Step) -> None:
        """Accepted: everything is told, connector 0 too (BOOT-3)."""
        if event.status is RegistrationStatus.Accepted:
            self._told.clear()

    def _connected(self, _event: CsmsConnected, _step: Step) -> None:
        for connector_id in self._unsure:
            self._told.pop(connector_id, None)
        self._unsure.clear()
        self._silence = set(self._ids)

    def _lasts(self, connector_id: int, present: Told, step: Step) -> bool:
        """Whether the change has stood for MinimumStatusDuration; the first report never waits (STAT-4)."""
        told = self._told.get(connector_id)
        if told is None or told.status is present.status:
            self._forget_change(connector_id)
            return True
        status, since_s = self._since_s.get(connector_id, (None, 0.0))
        if status is not present.status:
            since_s = step.at.monotonic_s
            self._since_s[connector_id] = (present.status, since_s)
        let_go = (told.status, present.status, present.info) == (ChargePointStatus.Charging, ChargePointStatus.SuspendedEV, None)
        until_s = since_s + max(self._settings.integer("MinimumStatusDuration"), PULLED_WITHIN_S if let_go else 0.0)
        if until_s <= step.at.monotonic_s:
            return True
        self._agenda.set(self.name, "lasts", connector_id, at_s=until_s)
        return False

    def _tell_way(self, connector_id: int, present: Told, step: Step) -> None:
        told = self._told.get(connector_id)
        if told is not None and connector_id not in self._silence:
            for status in path(told.status, present.status)[:-1]:
                self._tell(connector_id, Told(status), step.at)
        self._tell(connector_id, present, step.at)
        self._silence.discard(connector_id)
        self._forget_change(connector_id)

    def _forget_change(self, connector_id: int) -> None:
        """What is, was told: a change that did not last began and ended unheard, the next one waits anew (STAT-4)."""
        if self._since_s.pop(connector_id, None) is not None:
            self._agenda.cancel(self.name, "lasts", connector_id)

    def _tell(self, connector_id: int, told: Told, at: Instant, *, triggered: bool = False) -> None:
        self._told[connector_id] = told

        def answered(_response: Response, _step: Step) -> None:
            self._unsure.discard(connector_id)

        def failed(_failure: CallFailed, _step: Step) -> None:
            # Lost or refused: it may be told again after the next connection (WS-8).
            self._unsure.add(connector_id)

        self._central_system.ask(StatusNotificationReq(
            connector_id=connector_id, error_code=told.error_code, status=told.status, info=told.info,
            timestamp=at.utc if at.trusted else None,
            vendor_id=VENDOR_ID if told.fault is not None else None,
            vendor_error_code=told.fault.value if told.fault is not None else None,
        ), answered, failed, triggered=triggered)
