"""RemoteStartTransaction, RemoteStopTransaction and UnlockConnector (RMS-*, RMT-1, UNL-*)."""

from collections.abc import Mapping, Sequence

from controller.commands import SetLock
from controller.events import CallReceived, ConnectorReported
from controller.faults import FaultKind
from controller.ocpp.messages import Request
from controller.ocpp.messages.core import (
    RemoteStartTransactionConf,
    RemoteStartTransactionReq,
    RemoteStopTransactionConf,
    RemoteStopTransactionReq,
    UnlockConnectorConf,
    UnlockConnectorReq,
)
from controller.ocpp.messages.smart_charging import ChargingProfile
from controller.ocpp.types import ChargingProfilePurpose, Reason, RegistrationStatus, RemoteStartStopStatus, UnlockStatus
from controller.station.answering import answer
from controller.station.authorization import Authorization, Verdict
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector
from controller.station.derived import FaultsChanged
from controller.station.reservation_book import ReservationBook
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from controller.station.transactions import CONTACTOR_OPENS_WITHIN_S, Transactions
from drivers.protocols import LockState

UNLOCKS_WITHIN_S = 5.0
"""A bolt that is not out by then is reported as UnlockFailed."""


class RemoteControl(Feature):
    """Starts, stops and unlocks at the central system's word."""

    name = "remote_control"

    def __init__(self, connectors: Sequence[Connector], settings: Settings, agenda: Agenda, central_system: CentralSystem,
                 authorization: Authorization, transactions: Transactions, book: ReservationBook) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._authorization = authorization
        self._transactions = transactions
        self._book = book
        self._unlocking: dict[int, list[CallReceived]] = {}
        self._authorizing: set[int] = set()

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the bolt, and the guard's word that it does not open."""
        return {ConnectorReported: self._reported, FaultsChanged: self._faults_changed}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """The three remote operations."""
        return {RemoteStartTransactionReq: self._remote_start, RemoteStopTransactionReq: self._remote_stop,
                UnlockConnectorReq: self._unlock}

    def deadline(self, key: Key, step: Step) -> None:
        """The bolt did not come out in time."""
        self._unlocked(self._connectors[int(key[2])], UnlockStatus.UnlockFailed, step)

    # -- start and stop ----------------------------------------------------------------------------------------------

    def _remote_start(self, call: CallReceived, step: Step) -> None:
        """Say whether it is tried, then authorise if AuthorizeRemoteTxRequests wants it (RMS-2), then wait for the plug (RMS-5).

        Only once accepted (BOOT-6).
        """
        request = call.request
        assert isinstance(request, RemoteStartTransactionReq)
        known = self._authorization.known(request.id_tag, step.at.utc)
        parent_id_tag = known.parent_id_tag if known is not None else None
        connector = self._chosen(request, parent_id_tag)
        accepted = self._central_system.registration is RegistrationStatus.Accepted
        if connector is None or not accepted or _misused(request.charging_profile):
            answer(call, RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected), step)
            return
        answer(call, RemoteStartTransactionConf(status=RemoteStartStopStatus.Accepted), step)
        if not self._settings.boolean("AuthorizeRemoteTxRequests"):
            self._transactions.wait_for_plug(connector, request.id_tag, parent_id_tag, step)
            return

        self._authorizing.add(connector.connector_id)

        def decided(verdict: Verdict, later: Step) -> None:
            self._authorizing.discard(connector.connector_id)
            kept = not self._book.admits(connector, request.id_tag, verdict.parent_id_tag)
            if verdict.accepted and self._transactions.may_begin(connector) and not kept:
                self._transactions.wait_for_plug(connector, request.id_tag, verdict.parent_id_tag, later)

        self._authorization.authorize(request.id_tag, decided, step)

    def _may_begin(self, connector: Connector) -> bool:
        """Free, and not promised to somebody whose authorisation is on its way: Accepted is said once (RMS-1)."""
        return connector.connector_id not in self._authorizing and self._transactions.may_begin(connector)

    def _chosen(self, request: RemoteStartTransactionReq, parent_id_tag: str | None) -> Connector | None:
        """The connector that is meant, if the tag may begin there; without an id the one that is reserved for it (RMS-4).

        If none is: the only plugged free one, else the first free one (RMS-3).
        """
        meant = [c for c in self._connectors.values() if request.connector_id in (None, c.connector_id) and self._may_begin(c)]
        free = self._book.open_to(meant, request.id_tag, parent_id_tag)
        if not free and self._settings.boolean("AuthorizeRemoteTxRequests"):
            free = [c for c in meant if self._book.could_admit(c, request.id_tag, parent_id_tag)]
        plugged = [c for c in free if c.plugged]
        return plugged[0] if len(plugged) == 1 else next(iter(free), None)

    def _remote_stop(self, call: CallReceived, step: Step) -> None:
        """What runs under that id ends (RMT-1); not in Pending (BOOT-6)."""
        request = call.request
        assert isinstance(request, RemoteStopTransactionReq)
        connector = self._running(request.transaction_id)
        pending = self._central_system.registration is RegistrationStatus.Pending
        if connector is None or pending:
            answer(call, RemoteStopTransactionConf(status=RemoteStartStopStatus.Rejected), step)
            return
        answer(call, RemoteStopTransactionConf(status=RemoteStartStopStatus.Accepted), step)
        self._transactions.stop(connector, Reason.Remote, step)

    def _running(self, transaction_id: int) -> Connector | None:
        """A transaction that has no id yet is never meant (TXN-22)."""
        for connector in self._connectors.values():
            if connector.transaction is not None and connector.transaction.transaction_id == transaction_id:
                return connector
        return None

    # -- unlock ------------------------------------------------------------------------------------------------------

    def _unlock(self, call: CallReceived, step: Step) -> None:
        """A running transaction ends first; the answer tells whether the bolt came out (UNL-1, UNL-2)."""
        request = call.request
        assert isinstance(request, UnlockConnectorReq)
        connector = self._connectors.get(request.connector_id)
        if connector is None or not connector.has_lock:
            answer(call, UnlockConnectorConf(status=UnlockStatus.NotSupported), step)
            return
        self._unlocking.setdefault(connector.connector_id, []).append(call)
        if connector.waiting is not None:
            self._transactions.cancel(connector, step)
        if connector.transaction is not None:
            within_s = CONTACTOR_OPENS_WITHIN_S + UNLOCKS_WITHIN_S
            self._agenda.set(self.name, "unlock", connector.connector_id, at_s=step.at.monotonic_s + within_s)
            self._transactions.stop_to_unlock(connector, step)
        else:
            self._open_bolt(connector, step)

    def _open_bolt(self, connector: Connector, step: Step) -> None:
        """The bolt of the cable, and nothing else, is moved (UNL-3)."""
        connector.held_for = None
        step.order(SetLock(connector.connector_id, locked=False))
        if connector.report is not None and connector.report.lock is LockState.UNLOCKED:
            self._unlocked(connector, UnlockStatus.Unlocked, step)
        else:
            self._agenda.set(self.name, "unlock", connector.connector_id, at_s=step.at.monotonic_s + UNLOCKS_WITHIN_S)

    def _reported(self, event: ConnectorReported, step: Step) -> None:
        connector = self._connectors[event.report.connector_id]
        unlocking = connector.connector_id in self._unlocking and not connector.contactor_closed
        if unlocking and event.report.lock is LockState.UNLOCKED:
            self._unlocked(connector, UnlockStatus.Unlocked, step)

    def _faults_changed(self, event: FaultsChanged, step: Step) -> None:
        """The guard has tried and given up: no need to wait any longer with the answer (UNL-1)."""
        connector = self._connectors[event.connector_id]
        unlocking = event.connector_id in self._unlocking and not connector.contactor_closed
        if unlocking and FaultKind.LOCK_STUCK in connector.faults:
            self._unlocked(connector, UnlockStatus.UnlockFailed, step)

    def _unlocked(self, connector: Connector, status: UnlockStatus, step: Step) -> None:
        self._agenda.cancel(self.name, "unlock", connector.connector_id)
        for call in self._unlocking.pop(connector.connector_id, []):
            answer(call, UnlockConnectorConf(status=status), step)
        self._transactions.bolt_tried(connector, step)


def _misused(profile: ChargingProfile | None) -> bool:
    """A profile of a remote start is a TxProfile without transactionId (RMS-6); without smart charging it is ignored (RMS-7)."""
    wanted = ChargingProfilePurpose.TxProfile
    return profile is not None and (profile.charging_profile_purpose is not wanted or profile.transaction_id is not None)
