"""The facts of one connector, and the ChargePointStatus that follows from them.

The status is never stored and never set: `derive_status` reads it from the facts, so it cannot disagree with them.
Each fact names the feature that owns it; the others only read.
"""

import msgspec

from controller.faults import CATALOGUE, FaultKind, most_severe
from controller.guard.messages import Report
from controller.ocpp.types import ChargePointErrorCode, ChargePointStatus
from controller.records import Transaction
from drivers.protocols import LockState, MeterReading

WITH_A_VEHICLE = (ChargePointStatus.Preparing, ChargePointStatus.SuspendedEV, ChargePointStatus.SuspendedEVSE,
                  ChargePointStatus.Finishing)
"""The statuses with which EVCommunicationError may be reported (STAT-10)."""


class Waiting(msgspec.Struct, frozen=True):
    """Somebody is authorised and the car is not plugged yet, or the transaction is about to begin."""

    id_tag: str
    parent_id_tag: str | None


class Keeper(msgspec.Struct, frozen=True):
    """For whom the bolt stays in."""

    id_tag: str
    parent_id_tag: str | None


class Connector:
    """What is known of one connector."""

    def __init__(self, connector_id: int, *, has_lock: bool, ceiling_a: float, phases: int) -> None:
        self.connector_id = connector_id
        self.has_lock = has_lock
        self.ceiling_a = ceiling_a
        """What this connector may ever offer, amperes per phase."""
        self.phases = phases
        # connections.py
        self.report: Report | None = None
        self.plugged = False
        self.plugged_at_s: float | None = None
        self.reading: MeterReading | None = None
        # fault_board.py
        self.faults: frozenset[FaultKind] = frozenset()
        self.faulted: frozenset[FaultKind] = frozenset()
        """Those of `faults` that are more than a warning."""
        # availability.py
        self.operative = True
        # reservations.py
        self.reserved = False
        """Kept for somebody, or the last that is left for a reservation of connector 0; tells while nobody is here."""
        # transactions.py
        self.waiting: Waiting | None = None
        self.transaction: Transaction | None = None
        self.recovering = False
        """The transaction was found open at the start and its fate is not decided yet."""
        self.finished = False
        """A transaction has ended and the plug is still there."""
        self.held_for: Keeper | None = None
        """The bolt stays in until this idTag, or one of its group, is shown again (AUTH-20, TXN-16)."""
        # power.py
        self.offer_a: float | None = None
        """What the guard was last told to offer; None: nothing."""

    @property
    def contactor_closed(self) -> bool:
        """The contacts are closed, by feedback."""
        return self.report is not None and self.report.contactor_closed

    @property
    def locked(self) -> bool:
        """The bolt is in, or the connector has none."""
        return not self.has_lock or (self.report is not None and self.report.lock in (LockState.LOCKED, LockState.NONE))

    @property
    def plug_held(self) -> bool:
        """The bolt still holds a plug in the socket outlet."""
        return self.has_lock and self.report is not None and self.report.lock in (LockState.LOCKED, LockState.MOVING)

    @property
    def cable_kept(self) -> bool:
        """The bolt holds somebody's cable, and the car has gone."""
        return self.held_for is not None and not self.plugged

    @property
    def stopping(self) -> bool:
        """The end of the transaction is decided, but not written yet."""
        return self.transaction is not None and self.transaction.stop_reason is not None and not self.recovering

    @property
    def free(self) -> bool:
        """A new user may begin here: in service, without a fault, and nobody else (AVL-1, STAT-11)."""
        busy = self.transaction is not None or self.waiting is not None or self.cable_kept
        return self.operative and not self.faulted and not busy

    @property
    def idle(self) -> bool:
        """Nobody and nothing is here: the next user may come from anywhere."""
        return self.free and not self.plugged and not (self.finished and self.plug_held)


def derive_status(connector: Connector) -> ChargePointStatus:
    """The status by STAT-8, the fault table of `contract.md` section 3, and chapter 18 of the behaviour document."""
    if connector.faulted:
        return ChargePointStatus.Faulted
    if connector.transaction is not None:
        return _status_in_transaction(connector)
    if not connector.operative:
        return ChargePointStatus.Unavailable
    left = connector.finished and (connector.plugged or connector.plug_held)
    if connector.waiting is None and (left or connector.cable_kept):
        return ChargePointStatus.Finishing
    if connector.plugged or connector.waiting is not None:
        return ChargePointStatus.Preparing
    return ChargePointStatus.Reserved if connector.reserved else ChargePointStatus.Available


def _status_in_transaction(connector: Connector) -> ChargePointStatus:
    """Where both sides suspend, the station's word counts (STAT-5)."""
    if connector.stopping:
        return ChargePointStatus.Charging if connector.contactor_closed else ChargePointStatus.Finishing
    if any(CATALOGUE[kind].suspends for kind in connector.faults):
        return ChargePointStatus.SuspendedEVSE
    if connector.contactor_closed:
        return ChargePointStatus.Charging
    kept_back = connector.report is not None and connector.report.rests
    return ChargePointStatus.SuspendedEVSE if connector.offer_a is None or kept_back else ChargePointStatus.SuspendedEV


def derive_error(connector: Connector) -> tuple[ChargePointErrorCode, FaultKind | None]:
    """The error code to report with the status, and the fault behind it: the most severe one standing."""
    worst = most_severe(connector.faulted) or most_severe(connector.faults)
    if worst is None:
        return ChargePointErrorCode.NoError, None
    return error_code(worst, derive_status(connector)), worst


def error_code(kind: FaultKind, status: ChargePointStatus) -> ChargePointErrorCode:
    """The catalogue's code; EVCommunicationError goes only with statuses in which there is a vehicle (STAT-10)."""
    code = ChargePointErrorCode(CATALOGUE[kind].error_code)
    if code is ChargePointErrorCode.EVCommunicationError and status not in WITH_A_VEHICLE:
        return ChargePointErrorCode.OtherError
    return code
