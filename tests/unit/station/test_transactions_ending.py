"""How a transaction ends: every reason, what StopTransaction says, and what becomes of the plug (TXN-11 to TXN-22, S2)."""

from collections.abc import Callable

import pytest

from controller import commands, events
from controller.faults import FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.messages import core as m
from controller.ocpp.types import (
    AuthorizationStatus,
    ChargePointStatus,
    Reason,
    RemoteStartStopStatus,
    ResetType,
    UnlockStatus,
)
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid

S = ChargePointStatus
START, STOP = m.StartTransactionReq, m.StopTransactionReq


def charging(conversation: Conversation, connector_id: int = 1, id_tag: str = "TAG1") -> Conversation:
    """A car has been charging for ten seconds."""
    conversation.plug_in(connector_id)
    conversation.card(id_tag, (connector_id,))
    conversation.request_power(connector_id)
    conversation.pass_time(10)
    assert conversation.plugs[connector_id].closed
    return conversation


def locked(conversation: Conversation) -> bool:
    """Whether the bolt of connector 1 is in."""
    return conversation.plugs[1].lock is LockState.LOCKED


def last_status(conversation: Conversation) -> ChargePointStatus:
    """What was told last of connector 1."""
    return conversation.status


# -- every reason ----------------------------------------------------------------------------------------------------


def by_card(conversation: Conversation) -> None:
    """The user's card."""
    conversation.card("TAG1")


def by_remote_stop(conversation: Conversation) -> None:
    """RemoteStopTransaction."""
    answer = conversation.call(m.RemoteStopTransactionReq(transaction_id=1))
    assert answer == m.RemoteStopTransactionConf(status=RemoteStartStopStatus.Accepted)


def by_unlock(conversation: Conversation) -> None:
    """UnlockConnector."""
    answer = conversation.call(m.UnlockConnectorReq(connector_id=1))
    assert answer == m.UnlockConnectorConf(status=UnlockStatus.Unlocked)


def by_fault(kind: FaultKind) -> Callable[[Conversation], None]:
    """A fault that ends transactions."""
    return lambda conversation: conversation.change(faults=frozenset({kind}))


def by_silent_meter(conversation: Conversation) -> None:
    """Half a minute without a reading."""
    conversation.say(events.MeterFailed(1, "no answer"))
    conversation.monotonic_s += 31
    for event in conversation.station.due(conversation.at):
        conversation.say(event)


def by_reset(kind: ResetType) -> Callable[[Conversation], None]:
    """Reset."""

    def reset(conversation: Conversation) -> None:
        conversation.call(m.ResetReq(type=kind))

    return reset


@pytest.mark.parametrize(("end", "reason", "id_tag"), [
    pytest.param(by_card, Reason.Local, "TAG1", id="card"),
    pytest.param(by_remote_stop, Reason.Remote, None, id="remote stop"),
    pytest.param(Conversation.unplug, Reason.EVDisconnected, None, id="unplugged"),
    pytest.param(by_unlock, Reason.UnlockCommand, None, id="unlock"),
    pytest.param(by_reset(ResetType.Soft), Reason.SoftReset, None, id="soft reset"),
    pytest.param(by_reset(ResetType.Hard), Reason.HardReset, None, id="hard reset"),
    pytest.param(by_fault(FaultKind.ESTOP), Reason.EmergencyStop, None, id="emergency stop"),
    pytest.param(by_fault(FaultKind.RCD), Reason.Other, None, id="residual current"),
    pytest.param(by_fault(FaultKind.GROUND), Reason.Other, None, id="earth lost"),
    pytest.param(by_fault(FaultKind.CONTACTOR_WELDED), Reason.Other, None, id="welded"),
    pytest.param(by_fault(FaultKind.OVERCURRENT), Reason.Other, None, id="overcurrent"),
    pytest.param(by_silent_meter, Reason.Other, None, id="meter silent"),
])
def test_every_end_tells_its_reason_once(conversation: Conversation, end: Callable[[Conversation], None], reason: Reason,
                                         id_tag: str | None) -> None:
    """One StopTransaction, with the reason of the standard, and an idTag only if somebody showed one (TXN-11, TXN-12)."""
    charging(conversation)
    end(conversation)
    conversation.pass_time(30)
    stop, = conversation.of(STOP)
    assert (stop.reason, stop.id_tag, stop.transaction_id) == (reason, id_tag, 1)
    assert not conversation.closed


@pytest.mark.parametrize("kind", [FaultKind.OTHER, FaultKind.DIODE, FaultKind.CONTACTOR, FaultKind.TEMPERATURE,
                                  FaultKind.UNDERVOLTAGE, FaultKind.OVERVOLTAGE, FaultKind.PILOT, FaultKind.VENTILATION])
def test_other_faults_interrupt_and_do_not_end(conversation: Conversation, kind: FaultKind) -> None:
    """The transaction survives; when the fault has gone the car charges on without a card (contract: fault kinds)."""
    charging(conversation)
    conversation.change(faults=frozenset({kind}))
    conversation.pass_time(60)
    assert not conversation.closed
    conversation.change(faults=frozenset())
    conversation.pass_time(5)
    assert conversation.of(STOP) == []
    assert conversation.closed
    assert last_status(conversation) is S.Charging


def test_the_first_reason_stands(conversation: Conversation) -> None:
    """Card, RemoteStop, emergency stop, unplugged, all before the end is written: one end, for the first reason (TXN-11)."""
    drawing_on(conversation)
    conversation.card("TAG1")
    conversation.call(m.RemoteStopTransactionReq(transaction_id=1))
    conversation.change(faults=frozenset({FaultKind.ESTOP}))
    conversation.unplug()
    conversation.pass_time(20)
    stop, = conversation.of(STOP)
    assert stop.reason is Reason.Local


# -- what StopTransaction says ---------------------------------------------------------------------------------------


def drawing_on(conversation: Conversation) -> None:
    """A car is charging and will not let go at once."""
    charging(conversation)
    conversation.plugs[1].obeys = False
    conversation.forget()


def test_meter_stop_is_read_after_the_contactor_opened(conversation: Conversation) -> None:
    """What flows between the card and the opening is billed too (TXN-11, MTR-9)."""
    drawing_on(conversation)
    conversation.card("TAG1")
    conversation.pass_time(4)
    assert conversation.of(STOP) == []
    assert conversation.statuses() == []
    conversation.plugs[1].energy_wh += 100
    conversation.change(obeys=True)
    stop, = conversation.of(STOP)
    assert stop.meter_stop == int(conversation.plugs[1].energy_wh)
    assert last_status(conversation) is S.Finishing


def test_a_contactor_that_does_not_open_does_not_hold_the_end_back_for_ever(conversation: Conversation) -> None:
    """Eight seconds, then the end is written all the same (TXN-11)."""
    drawing_on(conversation)
    conversation.card("TAG1")
    conversation.pass_time(7)
    assert conversation.of(STOP) == []
    conversation.pass_time(2)
    assert len(conversation.of(STOP)) == 1


def test_a_welded_contact_is_not_waited_for(conversation: Conversation) -> None:
    """It will never report open: the bill is written at once (TXN-11, F-WELD)."""
    charging(conversation)
    conversation.change(welded=True, faults=frozenset({FaultKind.CONTACTOR_WELDED}))
    conversation.pass_time(1.5)
    assert len(conversation.of(STOP)) == 1


class SlowMeter(Conversation):
    """A meter that does not answer at once when it is asked."""

    def _carry_out(self, command: commands.Command) -> None:
        if not isinstance(command, commands.ReadMeter):
            super()._carry_out(command)


def test_a_reading_from_before_the_opening_is_not_the_last(talk: Talk) -> None:
    """A reading that was under way when the contactor opened does not count as meterStop (TXN-11, MTR-9)."""
    conversation = SlowMeter(talk(online=False).config)
    conversation.connect()
    conversation.pass_time(1)
    charging(conversation)
    before = conversation.plugs[1].reading(conversation.monotonic_s - 0.1)
    conversation.card("TAG1")
    conversation.say(events.MeterRead(1, before))
    assert conversation.of(STOP) == []
    conversation.plugs[1].energy_wh += 3
    conversation.pass_time(1)
    assert [stop.meter_stop for stop in conversation.of(STOP)] == [int(conversation.plugs[1].energy_wh)]


def test_a_meter_that_fell_silent_gives_its_last_good_value(conversation: Conversation) -> None:
    """No reading at the end: the register as last read, never below meterStart, never invented (MTR-17, TXN-11)."""
    charging(conversation)
    last_wh = conversation.plugs[1].energy_wh
    conversation.say(events.MeterFailed(1, "no answer"))
    conversation.plugs[1].energy_wh += 500
    conversation.card("TAG1")
    stop, = conversation.of(STOP)
    assert stop.meter_stop == int(last_wh)


def test_a_register_that_jumps_back_never_gives_a_negative_bill(conversation: Conversation) -> None:
    """A replaced or mad meter: meterStop is never below meterStart nor below what was seen (MTR-9)."""
    charging(conversation)
    seen_wh = conversation.plugs[1].energy_wh
    conversation.plugs[1].energy_wh = 3.0
    conversation.pass_time(2)
    conversation.card("TAG1")
    conversation.pass_time(5)
    start, = conversation.of(START)
    stop, = conversation.of(STOP)
    assert stop.meter_stop >= start.meter_start
    assert stop.meter_stop <= int(seen_wh)


def test_a_stop_decided_while_the_guard_is_gone_is_written(conversation: Conversation) -> None:
    """Nothing is offered by a lost guard: the end does not wait for a report (TXN-11)."""
    charging(conversation)
    conversation.say(events.GuardLost())
    conversation.card("TAG1")
    conversation.pass_time(10)
    stop, = conversation.of(STOP)
    assert stop.reason is Reason.Local


def test_a_guard_that_comes_back_anew_is_told_to_hold_the_bolt(conversation: Conversation) -> None:
    """A fresh guard knows no wish of ours; without the bolt it would never close the contactor again (TXN-15)."""
    charging(conversation)
    conversation.say(events.GuardLost())
    conversation.change(lock=LockState.UNLOCKED)
    conversation.forget()
    conversation.say(events.GuardFound())
    assert commands.SetLock(1, locked=True) in conversation.orders
    assert locked(conversation)


def test_a_session_that_runs_when_the_disk_fails_ends_cleanly(conversation: Conversation) -> None:
    """For a minute it goes on, then power is withdrawn; the end is written whenever the user comes (X4, F-FSYNC)."""
    charging(conversation)
    conversation.say(events.StorageFailed("disk full"))
    conversation.pass_time(50)
    assert conversation.closed
    conversation.pass_time(20)
    assert not conversation.closed
    conversation.card("TAG1")
    conversation.pass_time(5)
    conversation.unplug()
    conversation.say(events.StorageFound())
    assert len(conversation.of(STOP)) == 1
    assert last_status(conversation) is S.Available


# -- unplugged at the vehicle ----------------------------------------------------------------------------------------


def test_unplugging_ends_and_frees_the_plug(conversation: Conversation) -> None:
    """Both keys true: EVDisconnected, Finishing with the prescribed words, the bolt comes out (TXN-15, TXN-16, TXN-17)."""
    charging(conversation)
    conversation.unplug()
    conversation.pass_time(5)
    finishing = [n for n in conversation.of(m.StatusNotificationReq) if n.status is S.Finishing]
    assert [n.info for n in finishing] == ["EV side disconnected"]
    assert conversation.of(STOP)[0].reason is Reason.EVDisconnected
    assert not locked(conversation)
    assert last_status(conversation) is S.Available


def test_unplugging_may_keep_the_bolt_in(talk: Talk) -> None:
    """UnlockConnectorOnEVSideDisconnect = false: the plug here stays locked until the user identifies (TXN-16)."""
    conversation = charging(talk(ocpp="UnlockConnectorOnEVSideDisconnect = false"))
    conversation.unplug()
    conversation.pass_time(60)
    assert len(conversation.of(STOP)) == 1
    assert locked(conversation)
    assert last_status(conversation) is S.Finishing
    conversation.card("TAG1")
    assert not locked(conversation)
    assert last_status(conversation) is S.Available


@pytest.mark.parametrize("unlock", ["true", "false"])
def test_unplugging_may_leave_the_transaction_open(talk: Talk, unlock: str) -> None:
    """StopTransactionOnEVSideDisconnect = false: SuspendedEV, locked in any case; plugged again it goes on (TXN-15, TXN-17)."""
    conversation = charging(talk(ocpp="StopTransactionOnEVSideDisconnect = false\n"
                                      f"UnlockConnectorOnEVSideDisconnect = {unlock}"))
    conversation.unplug()
    conversation.pass_time(600)
    suspended = conversation.of(m.StatusNotificationReq)[-1]
    assert (suspended.status, suspended.info) == (S.SuspendedEV, "EV side disconnected")
    assert locked(conversation)
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(5)
    assert last_status(conversation) is S.Charging
    assert conversation.of(STOP) == []
    conversation.unplug()
    conversation.card("TAG1")
    conversation.pass_time(5)
    assert conversation.of(STOP)[0].reason is Reason.Local
    assert not locked(conversation)
    assert last_status(conversation) is S.Available


def test_plugging_in_again_after_the_end_gives_no_energy(conversation: Conversation) -> None:
    """A new transaction needs a new card (TXN-15, AUTH-1)."""
    charging(conversation)
    conversation.unplug()
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(30)
    assert not conversation.closed
    assert last_status(conversation) is S.Preparing
    assert len(conversation.of(START)) == 1


def test_a_tethered_cable_goes_straight_back_to_available(talk: Talk) -> None:
    """Fixed cable taken off the vehicle: no user action is left, and Available says nothing of the past (TXN-20, TXN-17)."""
    conversation = talk(lock="none", cable="tethered")
    conversation.plugs[1].lock = LockState.NONE
    charging(conversation)
    conversation.unplug()
    conversation.pass_time(5)
    told = [(n.status, n.info) for n in conversation.of(m.StatusNotificationReq)]
    assert told[-2:] == [(S.Finishing, "EV side disconnected"), (S.Available, None)]


# -- after the end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [by_card, by_remote_stop], ids=["card", "remote stop"])
def test_a_normal_end_frees_the_plug(conversation: Conversation, end: Callable[[Conversation], None]) -> None:
    """The bolt comes out; Finishing until unplugged, then Available (TXN-14)."""
    charging(conversation)
    end(conversation)
    conversation.pass_time(5)
    assert not locked(conversation)
    assert last_status(conversation) is S.Finishing
    conversation.unplug()
    assert last_status(conversation) is S.Available


def test_the_next_user_may_begin_while_the_car_is_still_plugged(conversation: Conversation) -> None:
    """Finishing, a card: Preparing and a new transaction, with a bill of its own (F2)."""
    charging(conversation)
    conversation.card("TAG1")
    conversation.pass_time(5)
    conversation.forget()
    conversation.card("TAG2")
    conversation.pass_time(2)
    assert conversation.statuses()[0] is S.Preparing
    assert conversation.of(START)[0].id_tag == "TAG2"


@pytest.mark.parametrize("failure", ["InternalError", "TimedOut"])
def test_a_refused_stop_transaction_does_not_keep_the_user(talk: Talk, failure: str) -> None:
    """The end is the charge point's to decide: unlocked and Available whatever the central system says (TXN-19)."""
    conversation = charging(talk())
    conversation.answers[STOP] = failure
    conversation.card("TAG1")
    conversation.pass_time(5)
    conversation.unplug()
    assert not locked(conversation)
    assert last_status(conversation) is S.Available


def test_two_connectors_end_independently(talk: Talk) -> None:
    """Each has its own tag, register and id (TXN-1, TXN-11)."""
    conversation = talk(connectors=2)
    conversation.plugs[2].energy_wh = 50_000.0
    conversation.pass_time(2)
    charging(conversation, 1, "TAG1")
    charging(conversation, 2, "TAG2")
    conversation.card("TAG2")
    conversation.pass_time(5)
    assert conversation.plugs[1].closed
    conversation.card("TAG1")
    conversation.pass_time(5)
    starts = {start.connector_id: start.meter_start for start in conversation.of(START)}
    stops = [(stop.transaction_id, stop.id_tag) for stop in conversation.of(STOP)]
    assert stops == [(2, "TAG2"), (1, "TAG1")]
    assert starts == {1: 1000, 2: 50_000}
    assert [stop.meter_stop > 50_000 for stop in conversation.of(STOP)] == [True, False]


def test_a_register_that_goes_back_takes_nothing_back(conversation: Conversation) -> None:
    """The meter forgot its last minute: meterStop is not below what was told of the session already (MTR-9)."""
    charging(conversation)
    conversation.pass_time(60)
    told_wh = float(conversation.of(m.MeterValuesReq)[-1].meter_value[0].sampled_value[0].value)
    conversation.plugs[1].energy_wh -= 150
    conversation.pass_time(2)
    conversation.card("TAG1")
    conversation.pass_time(5)
    stop, = conversation.of(STOP)
    assert stop.meter_stop == pytest.approx(told_wh, abs=1)


# -- answers that come late ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict_ok", [True, False], ids=["Accepted", "Invalid"])
def test_a_start_answered_after_the_stop_was_queued(talk: Talk, verdict_ok: bool) -> None:
    """The stop carries the id that came late; a late refusal ends nothing any more, and is remembered (TXN-9, TXN-21)."""
    conversation = talk()
    conversation.answers[START] = None
    charging(conversation)
    conversation.card("TAG1")
    conversation.pass_time(5)
    assert conversation.of(STOP) == []
    verdict = AuthorizationStatus.Accepted if verdict_ok else AuthorizationStatus.Invalid
    conversation.answer(m.StartTransactionConf(transaction_id=42, id_tag_info=invalid(verdict)))
    stop, = conversation.of(STOP)
    assert (stop.transaction_id, stop.reason) == (42, Reason.Local)
    entry, = conversation.store.load().cache
    assert entry.status == ("Accepted" if verdict_ok else "Invalid")
    assert last_status(conversation) is S.Finishing


def test_a_late_refusal_of_an_earlier_session_leaves_the_present_one_alone(talk: Talk) -> None:
    """Two sessions begun off line, the second still runs: the verdict on the first is not its verdict (TXN-9)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 0")
    conversation.disconnect()
    charging(conversation, id_tag="TAG1")
    conversation.unplug()
    conversation.pass_time(5)
    charging(conversation, id_tag="TAG2")
    conversation.answers[START] = None
    conversation.connect()
    conversation.answer(m.StartTransactionConf(transaction_id=10, id_tag_info=invalid()))
    conversation.pass_time(5)
    assert conversation.closed
    conversation.answer(m.StartTransactionConf(transaction_id=11, id_tag_info=invalid(AuthorizationStatus.Accepted)))
    conversation.card("TAG2")
    conversation.pass_time(5)
    assert [stop.transaction_id for stop in conversation.of(STOP)] == [10, 11]


def test_the_pilot_without_a_word_of_the_plug_is_no_unplugging(conversation: Conversation) -> None:
    """States E and F tell nothing of the plug: the transaction stays, suspended (contract: pilot E or F)."""
    charging(conversation)
    conversation.change(pilot=Pilot.E, faults=frozenset({FaultKind.PILOT}))
    conversation.pass_time(60)
    assert last_status(conversation) is S.SuspendedEVSE
    assert conversation.of(STOP) == []
    conversation.change(pilot=Pilot.C, faults=frozenset())
    conversation.pass_time(2)
    assert last_status(conversation) is S.Charging
