"""What the central system is told of faults, and what becomes of transactions, by the fault table of the contract."""

from typing import NamedTuple

import pytest

from controller import commands
from controller.faults import CATALOGUE, FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.messages.core import (
    ChangeAvailabilityReq,
    StartTransactionReq,
    StatusNotificationReq,
    StopTransactionReq,
)
from controller.ocpp.types import AvailabilityType, ChargePointErrorCode, ChargePointStatus, Reason
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

C, K, S = ChargePointErrorCode, FaultKind, ChargePointStatus
NONE: frozenset[FaultKind] = frozenset()


class Row(NamedTuple):
    """A fault that the guard reports: its error code, and the reason with which it ends a transaction, None if it does not."""

    kind: FaultKind
    code: ChargePointErrorCode
    ends: Reason | None = None


FAULTED = (
    Row(K.OTHER, C.OtherError),
    Row(K.GROUND, C.GroundFailure, Reason.Other),
    Row(K.RCD, C.GroundFailure, Reason.Other),
    Row(K.CONTACTOR_WELDED, C.PowerSwitchFailure, Reason.Other),
    Row(K.CONTACTOR, C.PowerSwitchFailure),
    Row(K.LOCK, C.ConnectorLockFailure),
    Row(K.TEMPERATURE, C.HighTemperature),
    Row(K.ESTOP, C.OtherError, Reason.EmergencyStop),
    Row(K.OVERCURRENT, C.OverCurrentFailure, Reason.Other),
    Row(K.UNDERVOLTAGE, C.UnderVoltage),
    Row(K.OVERVOLTAGE, C.OverVoltage),
)
SUSPENDING = (Row(K.DIODE, C.EVCommunicationError), Row(K.PILOT, C.EVCommunicationError), Row(K.VENTILATION, C.OtherError),
              Row(K.PROXIMITY, C.OtherError))


def name(row: object) -> str:
    """The kind, as a test's id."""
    return row.kind.value if isinstance(row, Row) else str(row)


def faults(*kinds: FaultKind) -> frozenset[FaultKind]:
    """These faults, and no others."""
    return frozenset(kinds)


def charge(conversation: Conversation) -> None:
    """A car charges; its past is forgotten."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    assert conversation.status is S.Charging
    conversation.forget()


def told(conversation: Conversation) -> list[tuple[ChargePointStatus, ChargePointErrorCode]]:
    """Status and error code of every StatusNotification of connector 1."""
    return [(n.status, n.error_code) for n in conversation.of(StatusNotificationReq) if n.connector_id == 1]


def reasons(conversation: Conversation) -> list[Reason | None]:
    """Why transactions ended."""
    return [request.reason for request in conversation.of(StopTransactionReq)]


@pytest.mark.parametrize("row", FAULTED, ids=name)
def test_an_idle_connector_is_faulted_and_says_why(conversation: Conversation, row: Row) -> None:
    """A9 and I1: Faulted with the row's code, the kind as vendorErrorCode, then Available with NoError (STAT-9, STAT-12)."""
    conversation.change(faults=faults(row.kind))
    conversation.change(faults=NONE)
    raised, cleared = conversation.of(StatusNotificationReq)
    assert (raised.status, raised.error_code) == (S.Faulted, row.code)
    assert (raised.vendor_id, raised.vendor_error_code) == ("evcp", row.kind.value)
    assert raised.info == CATALOGUE[row.kind].sentence
    assert (cleared.status, cleared.error_code) == (S.Available, C.NoError)
    assert cleared.info is cleared.vendor_id is cleared.vendor_error_code is None


@pytest.mark.parametrize("row", [row for row in FAULTED if row.ends is None], ids=name)
def test_a_transaction_survives_and_charging_goes_on_without_a_card(conversation: Conversation, row: Row) -> None:
    """C9, then I3: the transaction stays, and the car's request is all that is needed."""
    charge(conversation)
    conversation.change(faults=faults(row.kind))
    assert not conversation.closed
    conversation.pass_time(5)
    conversation.change(faults=NONE)
    assert conversation.closed
    assert told(conversation) == [(S.Faulted, row.code), (S.Charging, C.NoError)]
    assert not list(conversation.billing())
    assert "Authorize" not in conversation.actions


@pytest.mark.parametrize("row", [row for row in FAULTED if row.ends is not None], ids=name)
def test_a_fault_that_ends_the_transaction_leads_to_finishing_when_it_is_gone(conversation: Conversation, row: Row) -> None:
    """StopTransaction at once with the row's reason; Finishing while the car is plugged, then Available (I6, F1, TXN-12)."""
    charge(conversation)
    conversation.change(faults=faults(row.kind))
    assert reasons(conversation) == [row.ends]
    conversation.change(faults=NONE)
    conversation.unplug()
    assert told(conversation) == [(S.Faulted, row.code), (S.Finishing, C.NoError), (S.Available, C.NoError)]
    assert not conversation.closed


def test_a_welded_contact_does_not_hold_the_end_back(conversation: Conversation) -> None:
    """It will never open: the end is written all the same, with the meter's last word (F-WELD)."""
    charge(conversation)
    conversation.plugs[1].welded = True
    conversation.change(faults=faults(K.CONTACTOR_WELDED))
    assert reasons(conversation) == [Reason.Other]
    assert conversation.status is S.Faulted


@pytest.mark.parametrize("row", SUSPENDING, ids=name)
def test_what_concerns_the_pilot_suspends_and_is_only_a_warning(conversation: Conversation, row: Row) -> None:
    """Preparing, SuspendedEVSE, Finishing with the code as a warning; the transaction stays, charging comes back (STAT-10)."""
    conversation.plug_in()
    conversation.change(faults=faults(row.kind))
    conversation.change(faults=NONE)
    conversation.card()
    conversation.request_power()
    conversation.change(faults=faults(row.kind))
    conversation.change(faults=NONE)
    conversation.card()
    conversation.change(faults=faults(row.kind))
    shown = told(conversation)
    assert [pair for pair in shown if pair[1] is not C.NoError] == [
        (S.Preparing, row.code), (S.SuspendedEVSE, row.code), (S.Finishing, row.code)]
    after = shown[shown.index((S.SuspendedEVSE, row.code)) + 1]
    assert after == (S.Charging, C.NoError)
    assert reasons(conversation) == [Reason.Local]


def test_a_pilot_that_is_wrong_where_nothing_was_plugged_is_faulted(conversation: Conversation) -> None:
    """E or F without a car: Faulted with OtherError, never with EVCommunicationError (STAT-10)."""
    conversation.change(pilot=Pilot.E, faults=faults(K.PILOT))
    conversation.change(pilot=Pilot.A, faults=NONE)
    assert told(conversation) == [(S.Faulted, C.OtherError), (S.Available, C.NoError)]


def test_a_pilot_that_goes_wrong_in_finishing_stays_finishing(conversation: Conversation) -> None:
    """E says nothing about the plug, so the connector is not free (STAT-8, STAT-10)."""
    charge(conversation)
    conversation.card()
    conversation.forget()
    conversation.change(pilot=Pilot.E, faults=faults(K.PILOT))
    assert told(conversation) == [(S.Finishing, C.EVCommunicationError)]


def test_an_unavailable_connector_reports_the_pilot_in_other_words(talk: Talk) -> None:
    """EVCommunicationError goes with no status but the four that have a vehicle (STAT-10)."""
    conversation = talk()
    conversation.plug_in()
    conversation.call(ChangeAvailabilityReq(connector_id=1, type=AvailabilityType.Inoperative))
    conversation.forget()
    conversation.change(faults=faults(K.DIODE))
    assert told(conversation) == [(S.Unavailable, C.OtherError)]
    assert conversation.of(StatusNotificationReq)[0].vendor_error_code == "diode"


def test_a_bolt_that_does_not_open_is_a_warning(conversation: Conversation) -> None:
    """`lock_stuck`: ConnectorLockFailure, the status stays what it was; charging is not touched (STAT-9, STAT-13)."""
    charge(conversation)
    conversation.change(faults=faults(K.LOCK_STUCK))
    conversation.change(faults=NONE)
    assert told(conversation) == [(S.Charging, C.ConnectorLockFailure), (S.Charging, C.NoError)]
    assert conversation.closed


def test_a_bolt_that_does_not_lock_starts_nothing(conversation: Conversation) -> None:
    """`lock`: Faulted with ConnectorLockFailure, no StartTransaction, and no late start when it clears (TXN-8, F-LOCK)."""
    conversation.plugs[1].bolt_works = False
    conversation.plug_in()
    conversation.card()
    conversation.change(faults=faults(K.LOCK))
    assert conversation.of(StatusNotificationReq)[-1].error_code is C.ConnectorLockFailure
    conversation.plugs[1].bolt_works = True
    conversation.unplug()
    conversation.change(faults=NONE)
    conversation.plug_in()
    assert conversation.of(StartTransactionReq) == []
    assert conversation.status is S.Preparing


@pytest.mark.parametrize("row", FAULTED, ids=name)
def test_a_faulted_connector_starts_nothing(conversation: Conversation, row: Row) -> None:
    """Neither card nor plug begins a transaction while the fault stands (STAT-11)."""
    conversation.change(faults=faults(row.kind))
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(5)
    assert conversation.of(StartTransactionReq) == []
    assert conversation.statuses() == [S.Faulted]


def test_a_fault_that_comes_while_somebody_waits_for_the_plug_starts_nothing(conversation: Conversation) -> None:
    """Plugged in beside the fault: no bolt, no start; when it has gone the one who waits begins, within his time (STAT-11, TXN-2)."""
    conversation.card()
    conversation.change(faults=faults(K.TEMPERATURE))
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(30)
    assert conversation.of(StartTransactionReq) == []
    assert conversation.ordered(commands.SetLock) == []
    assert conversation.statuses() == [S.Preparing, S.Faulted]
    conversation.change(faults=faults())
    assert len(conversation.of(StartTransactionReq)) == 1


def test_of_several_faults_the_most_severe_is_told_then_the_next(conversation: Conversation) -> None:
    """Reset before unplug before auto, Faulted before warning; NoError only when the last is gone."""
    for kinds in ([K.LOCK_STUCK], [K.LOCK_STUCK, K.TEMPERATURE], [K.LOCK_STUCK, K.TEMPERATURE, K.GROUND],
                  [K.LOCK_STUCK, K.TEMPERATURE, K.GROUND, K.RCD], [K.LOCK_STUCK, K.TEMPERATURE, K.GROUND],
                  [K.LOCK_STUCK, K.TEMPERATURE], [K.LOCK_STUCK], []):
        conversation.change(faults=faults(*kinds))
    assert [n.vendor_error_code for n in conversation.of(StatusNotificationReq)] == [
        "lock_stuck", "temperature", "ground", "rcd", "ground", "temperature", "lock_stuck", None]
    assert [status for status, _ in told(conversation)] == [S.Available, *[S.Faulted] * 5, S.Available, S.Available]
    assert told(conversation)[-1] == (S.Available, C.NoError)


def test_a_lesser_fault_beside_a_greater_one_is_not_told(conversation: Conversation) -> None:
    """What is reported does not change, so nothing is sent (STAT-13)."""
    conversation.change(faults=faults(K.RCD))
    conversation.change(faults=faults(K.RCD, K.TEMPERATURE))
    conversation.change(faults=faults(K.RCD, K.TEMPERATURE, K.LOCK_STUCK))
    assert [n.vendor_error_code for n in conversation.of(StatusNotificationReq)] == ["rcd"]


@pytest.mark.parametrize("also", [K.GROUND, K.RCD, K.OVERCURRENT, K.CONTACTOR_WELDED], ids=lambda kind: kind.value)
def test_the_emergency_stop_is_the_reason_whatever_else_stands(conversation: Conversation, also: FaultKind) -> None:
    """Seen in one report: a person pressed it, so the reason is EmergencyStop (TXN-12)."""
    charge(conversation)
    conversation.change(faults=faults(K.ESTOP, also))
    assert reasons(conversation) == [Reason.EmergencyStop]


def test_a_fault_that_ends_transactions_ends_those_that_a_start_finds_too(talk: Talk) -> None:
    """A latched fault and an open transaction after a restart: it does not go on (F-WELD, PWR-4)."""
    conversation = talk(charging='after_power_loss = "resume"')
    charge(conversation)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart(after_s=1)
    conversation.change(faults=faults(K.RCD))
    conversation.connect()
    conversation.change(pilot=Pilot.B)
    assert reasons(conversation) == [Reason.Other]
    assert conversation.status is S.Faulted


def test_one_connectors_fault_is_its_own(talk: Talk) -> None:
    """The other connector and connector 0 keep their status (STAT-2)."""
    conversation = talk(connectors=2)
    conversation.change(2, faults=faults(K.GROUND))
    assert [n.connector_id for n in conversation.of(StatusNotificationReq)] == [2]
    conversation.plug_in(1)
    conversation.card()
    conversation.request_power(1)
    assert conversation.statuses(1)[-1] is S.Charging
