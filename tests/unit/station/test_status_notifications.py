"""StatusNotification: what is told, when, and in which words."""

from itertools import pairwise

import pytest

from controller import events
from controller.faults import FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.messages.core import (
    BootNotificationConf,
    BootNotificationReq,
    ChangeAvailabilityReq,
    HeartbeatReq,
    IdTagInfo,
    RemoteStartTransactionReq,
    RemoteStopTransactionReq,
    StartTransactionConf,
    StartTransactionReq,
    StatusNotificationReq,
)
from controller.ocpp.messages.local_auth_list import AuthorizationData, SendLocalListReq
from controller.ocpp.types import (
    AuthorizationStatus,
    AvailabilityType,
    ChargePointErrorCode,
    RegistrationStatus,
    UpdateType,
)
from controller.ocpp.types import ChargePointStatus as S
from controller.station.status_notifications import PULLED_WITHIN_S
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation, invalid
from tests.unit.station.reserving import HOUR_S, cancel, reserve
from tests.unit.station.transition_oracle import CELLS, undefined_steps


def charge(conversation: Conversation) -> None:
    """A car charges."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()


def relax(conversation: Conversation) -> None:
    """The car opens S2 and stays plugged."""
    conversation.plug_in()
    conversation.pass_time(PULLED_WITHIN_S)


def set_operative(conversation: Conversation, connector_id: int, *, operative: bool) -> None:
    """ChangeAvailability."""
    kind = AvailabilityType.Operative if operative else AvailabilityType.Inoperative
    conversation.call(ChangeAvailabilityReq(connector_id=connector_id, type=kind))


# -- after a boot --------------------------------------------------------------------------------------------------------


def test_after_acceptance_connector_zero_and_every_connector_are_told(talk: Talk) -> None:
    """BootNotification.conf Accepted is followed by the present status of each, connector 0 first (BOOT-3, STAT-1)."""
    conversation = talk(online=False, connectors=3)
    conversation.plug_in(2)
    conversation.connect()
    assert [(n.connector_id, n.status, n.error_code) for n in conversation.of(StatusNotificationReq)] == [
        (0, S.Available, ChargePointErrorCode.NoError), (1, S.Available, ChargePointErrorCode.NoError),
        (2, S.Preparing, ChargePointErrorCode.NoError), (3, S.Available, ChargePointErrorCode.NoError)]


def test_the_first_report_waits_for_nothing(talk: Talk) -> None:
    """MinimumStatusDuration delays changes, not the statuses after a boot (BOOT-3, STAT-4)."""
    conversation = talk(online=False, ocpp="MinimumStatusDuration = 600")
    conversation.connect()
    assert conversation.statuses(0) == conversation.statuses(1) == [S.Available]


def test_before_acceptance_nothing_is_told(talk: Talk) -> None:
    """Pending: no StatusNotification; the present ones follow once it is accepted (BOOT-1, BOOT-3)."""
    conversation = talk(online=False)
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=START, interval=30)
    conversation.connect()
    conversation.plug_in()
    conversation.pass_time(29)
    assert conversation.of(StatusNotificationReq) == []
    conversation.answers.clear()
    conversation.pass_time(2)
    assert conversation.statuses() == [S.Preparing]


def test_after_a_restart_all_is_told_anew(conversation: Conversation) -> None:
    """A boot forgets what was told (BOOT-3)."""
    conversation.plug_in()
    conversation.restart()
    conversation.forget()
    conversation.connect()
    assert conversation.statuses(0) == [S.Available]
    assert conversation.statuses(1) == [S.Preparing]


# -- every transition that a charge point with these drivers can make ------------------------------------------------------

# An offer goes out before the car can take it, so charging begins as B4 and D3: SuspendedEV for as long as the contactor takes.
REACHED = {
    "A2 B1 by plug": (["plug", "unplug"], "A2 B1"),
    "A2 B1 by card and time": (["card", "timeout"], "A2 B1"),
    "A2 B1 by card twice": (["card", "card"], "A2 B1"),
    "A2 B4 by remote start": (["remote start", "plug+power"], "A2 B4 D3"),
    "A8 H1": (["inoperative", "operative"], "A8 H1"),
    "A7 G1 by time": (["reserve", "hour"], "A7 G1"),
    "A7 G1 by word": (["reserve", "cancel"], "A7 G1"),
    "A7 G2 B4": (["reserve", "card", "plug"], "A7 G2 B4"),
    "G2 by remote start": (["reserve", "remote start", "plug+power"], "A7 G2 B4 D3"),
    "G2 B1 A7": (["reserve", "card", "timeout"], "A7 G2 B1 A7"),
    "G8 H1": (["reserve", "inoperative", "operative"], "A7 G8 H1"),
    "G9 I1": (["reserve", "fault", "clear"], "A7 G9 I1"),
    "A9 I1": (["fault", "clear"], "A9 I1"),
    "B4 D3 C4": (["plug", "card", "power", "relax"], "A2 B4 D3 C4"),
    "B9 I2": (["plug", "fault", "clear"], "A2 B9 I2"),
    "B1 A8 H2": (["plug", "inoperative", "operative"], "A2 B1 A8 H2"),
    "C6 F1": (["charge", "card", "unplug"], "A2 B4 D3 C6 F1"),
    "C6 by remote stop": (["charge", "remote stop"], "A2 B4 D3 C6"),
    "C9 I3": (["charge", "fault", "clear"], "A2 B4 D3 C9 I3"),
    "C5 E3": (["charge", "pilot", "clear"], "A2 B4 D3 C5 E3"),
    "D5 E4": (["plug", "card", "pilot", "clear"], "A2 B4 D5 E4"),
    "D6": (["plug", "card", "card"], "A2 B4 D6"),
    "D9 I4": (["plug", "card", "fault", "clear"], "A2 B4 D9 I4"),
    "E6": (["charge", "pilot", "card"], "A2 B4 D3 C5 E6"),
    "E9 I5": (["charge", "pilot", "pilot and fault", "pilot"], "A2 B4 D3 C5 E9 I5"),
    "F2": (["charge", "card", "card"], "A2 B4 D3 C6 F2 B4 D3"),
    "F8 H1": (["charge", "inoperative", "card", "unplug", "operative"], "A2 B4 D3 C6 F8 H1"),
    "F9 I6": (["charge", "card", "fault", "clear"], "A2 B4 D3 C6 F9 I6"),
    "H9 I8": (["inoperative", "fault", "clear"], "A8 H9 I8"),
}


def play(conversation: Conversation, scene: str) -> None:
    """One scene of the table."""
    match scene:
        case "plug":
            conversation.plug_in()
        case "relax":
            relax(conversation)
        case "power":
            conversation.request_power()
        case "plug+power":
            conversation.request_power()
        case "unplug":
            conversation.unplug()
        case "card":
            conversation.card()
        case "timeout":
            conversation.pass_time(121)
        case "charge":
            charge(conversation)
        case "remote start":
            conversation.call(RemoteStartTransactionReq(id_tag="TAG1", connector_id=1))
        case "remote stop":
            conversation.call(RemoteStopTransactionReq(transaction_id=1))
        case "reserve":
            reserve(conversation)
        case "cancel":
            cancel(conversation)
        case "hour":
            conversation.pass_time(HOUR_S)
        case "inoperative" | "operative":
            set_operative(conversation, 1, operative=scene == "operative")
        case "fault":
            conversation.change(faults=frozenset({FaultKind.TEMPERATURE}))
        case "pilot":
            conversation.change(faults=frozenset({FaultKind.PILOT}))
        case "pilot and fault":
            conversation.change(faults=frozenset({FaultKind.PILOT, FaultKind.TEMPERATURE}))
        case "clear":
            conversation.change(faults=frozenset())


@pytest.mark.parametrize(("scenes", "codes"), REACHED.values(), ids=list(REACHED))
def test_a_transition_is_told_as_the_matrix_names_it(conversation: Conversation, scenes: list[str], codes: str) -> None:
    """Every transition is reported, none is skipped or doubled, each has its cell in the matrix (STAT-3, STAT-6, STAT-7)."""
    for scene in scenes:
        play(conversation, scene)
    told = [S.Available, *conversation.statuses()]
    assert undefined_steps(told) == []
    steps = [CELLS[step] for step in pairwise(told) if step[0] is not step[1]]
    assert steps == codes.split()


def test_suspended_by_the_station_wins_over_suspended_by_the_car(conversation: Conversation) -> None:
    """Both sides suspend: SuspendedEVSE (STAT-5)."""
    charge(conversation)
    relax(conversation)
    assert conversation.statuses()[-1] is S.SuspendedEV
    conversation.change(faults=frozenset({FaultKind.PILOT}))
    assert conversation.statuses()[-1] is S.SuspendedEVSE


def test_a_car_that_is_left_alone_for_a_while_is_suspended_by_the_station(conversation: Conversation) -> None:
    """Phases are switched, or the car oscillates: the offer stands and nothing flows, which is not the car's doing (STAT-8)."""
    charge(conversation)
    conversation.plug_in()
    conversation.change(rests=True)
    assert conversation.statuses()[-1] is S.SuspendedEVSE
    conversation.change(rests=False)
    assert conversation.statuses()[-1] is S.SuspendedEV


def test_a_plug_that_is_pulled_under_power_is_not_told_as_a_car_that_let_go(conversation: Conversation) -> None:
    """The guard opens first and is sure of the plug a moment later: Charging, then Finishing, nothing between (TXN-17, STAT-3)."""
    charge(conversation)
    conversation.plug_in()
    conversation.pass_time(PULLED_WITHIN_S - 0.1)
    assert conversation.statuses()[-1] is S.Charging
    conversation.unplug()
    assert conversation.statuses()[-3:] == [S.Charging, S.Finishing, S.Available]


def test_a_car_that_waits_with_pwm_is_suspended_by_itself(conversation: Conversation) -> None:
    """B with PWM is SuspendedEV; Charging means that the contactor is closed (STAT-8)."""
    conversation.plug_in()
    conversation.card()
    assert conversation.statuses()[-1] is S.SuspendedEV
    assert not conversation.closed
    conversation.request_power()
    assert conversation.statuses()[-1] is S.Charging
    assert conversation.closed


def test_a_car_pulled_out_leaves_the_transaction_suspended_and_says_so(talk: Talk) -> None:
    """StopTransactionOnEVSideDisconnect false: SuspendedEV, info `EV side disconnected` (TXN-17)."""
    conversation = talk(ocpp="StopTransactionOnEVSideDisconnect = false")
    charge(conversation)
    conversation.unplug()
    last = conversation.of(StatusNotificationReq)[-1]
    assert (last.status, last.error_code, last.info) == (S.SuspendedEV, ChargePointErrorCode.NoError, "EV side disconnected")
    assert last.vendor_id is None


def test_a_car_pulled_out_is_not_said_to_be_charging_once_more(conversation: Conversation) -> None:
    """The report of the open contact comes a moment after that of the plug: one transition, one notification (STAT-3, TXN-17)."""
    charge(conversation)
    conversation.forget()
    conversation.plugs[1].welded = True  # here: slow to open
    conversation.unplug()
    conversation.plugs[1].welded = False
    conversation.change(pilot=Pilot.A)
    told = [(request.status, request.info) for request in conversation.of(StatusNotificationReq)]
    assert told == [(S.Finishing, "EV side disconnected"), (S.Available, None)]


def test_charging_that_a_restart_did_not_interrupt_is_never_said_to_be_suspended(conversation: Conversation) -> None:
    """The connection may be there before the guard's first word: the connector is told when that has come (BOOT-3, STAT-8)."""
    charge(conversation)
    conversation.guard_speaks = False
    conversation.restart(after_s=3, offers_survive=True)
    conversation.forget()
    conversation.connect()
    assert conversation.statuses(0) == [S.Available]
    assert conversation.statuses(1) == []
    conversation.guard_speaks = True
    conversation.change()
    assert conversation.statuses(1) == [S.Charging]


def test_a_guard_that_never_speaks_does_not_keep_the_status_untold(conversation: Conversation) -> None:
    """With a transaction open from before: a guard that is away is a fault, and that is told (BOOT-3, STAT-3)."""
    charge(conversation)
    conversation.guard_speaks = False
    conversation.restart(after_s=30)
    conversation.forget()
    conversation.connect()
    conversation.say(events.GuardLost())
    conversation.pass_time(30)
    assert conversation.statuses(1) == [S.Faulted]


def test_nothing_is_told_while_nothing_changes(conversation: Conversation) -> None:
    """An hour of quiet brings Heartbeats and no StatusNotification (STAT-3)."""
    conversation.pass_time(3600)
    assert conversation.of(HeartbeatReq)
    assert conversation.of(StatusNotificationReq) == []


def test_the_time_of_a_status_is_the_time_of_its_change(conversation: Conversation) -> None:
    """Told as it happens, with that moment (STAT-3, TIME-1)."""
    conversation.pass_time(33)
    conversation.plug_in()
    (told,) = conversation.of(StatusNotificationReq)
    assert told.timestamp == conversation.utc


# -- connector 0 ---------------------------------------------------------------------------------------------------------


def test_connector_zero_knows_nothing_of_cars(conversation: Conversation) -> None:
    """Its status has no link to the connectors': a session and a fault leave it alone (STAT-2)."""
    charge(conversation)
    conversation.change(faults=frozenset({FaultKind.GROUND}))
    conversation.unplug()
    assert conversation.statuses(0) == []


def test_connector_zero_becomes_unavailable_and_available(conversation: Conversation) -> None:
    """ChangeAvailability of connector 0 is told for it and for every connector (STAT-2, AVL-1)."""
    set_operative(conversation, 0, operative=False)
    set_operative(conversation, 0, operative=True)
    assert conversation.statuses(0) == conversation.statuses(1) == [S.Unavailable, S.Available]


# -- after a silence -----------------------------------------------------------------------------------------------------


def test_after_a_reconnect_only_what_changed_is_told(talk: Talk) -> None:
    """No BootNotification, and nothing of connectors that are as they were told (WS-7, WS-8)."""
    conversation = talk(connectors=2)
    conversation.disconnect()
    conversation.plug_in(2)
    conversation.pass_time(60)
    conversation.connect()
    assert conversation.actions == ["StatusNotification"]
    (told,) = conversation.of(StatusNotificationReq)
    assert (told.connector_id, told.status, told.timestamp) == (2, S.Preparing, conversation.utc)


def test_after_a_reconnect_the_way_is_not_told(talk: Talk) -> None:
    """The historical transitions are not sent, also not those that the matrix would lead over (STAT-20)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true")
    charge(conversation)
    conversation.disconnect()
    conversation.card()
    conversation.unplug()
    conversation.pass_time(10)
    conversation.plug_in()
    conversation.forget()
    conversation.connect()
    assert conversation.statuses() == [S.Preparing]


def test_the_next_change_after_a_reconnect_is_led_over_the_matrix_again(conversation: Conversation) -> None:
    """The exception is for what happened in the silence, whether or not there was something to tell (STAT-7)."""
    conversation.plug_in()
    conversation.disconnect()
    conversation.connect()
    set_operative(conversation, 1, operative=False)
    assert conversation.statuses() == [S.Preparing, S.Available, S.Unavailable]


def test_what_came_and_went_in_the_silence_is_not_told(conversation: Conversation) -> None:
    """Plugged and unplugged while offline: nothing to tell (STAT-20)."""
    conversation.disconnect()
    conversation.plug_in()
    conversation.pass_time(5)
    conversation.unplug()
    conversation.connect()
    assert conversation.of(StatusNotificationReq) == []


def test_an_error_that_stands_after_the_silence_is_told(conversation: Conversation) -> None:
    """Errors that occurred are reported with the present status (WS-8, STAT-13)."""
    conversation.disconnect()
    conversation.change(faults=frozenset({FaultKind.LOCK_STUCK}))
    conversation.connect()
    (told,) = conversation.of(StatusNotificationReq)
    assert (told.status, told.vendor_error_code) == (S.Available, "lock_stuck")


@pytest.mark.parametrize("failure", ["InternalError", "TimedOut"])
def test_a_status_that_failed_is_told_again_after_the_next_connection(conversation: Conversation, failure: str) -> None:
    """Refused or unanswered: nobody knows it, so it counts as a change at the reconnect (WS-8)."""
    conversation.answers[StatusNotificationReq] = failure
    conversation.plug_in()
    conversation.answers.clear()
    conversation.pass_time(60)
    assert conversation.statuses() == [S.Preparing]
    conversation.disconnect()
    conversation.pass_time(5)
    conversation.connect()
    assert conversation.statuses() == [S.Preparing, S.Preparing]
    assert conversation.of(StatusNotificationReq)[-1].timestamp == conversation.utc, "the time of sending"


def test_a_status_that_was_cut_off_is_told_again(conversation: Conversation) -> None:
    """The connection went before the answer: sent once more after the next one, in time of its sending (WS-8)."""
    conversation.answers[StatusNotificationReq] = None
    conversation.plug_in()
    conversation.disconnect()
    conversation.answers.clear()
    conversation.pass_time(5)
    conversation.connect()
    assert conversation.statuses() == [S.Preparing, S.Preparing]


def test_a_central_system_that_restarted_in_a_transaction_hears_that_it_is_charging(talk: Talk) -> None:
    """With `boot_on_reconnect` everything is told after the boot: Charging, not Available (BOOT-3, WS-8)."""
    conversation = talk(csms="boot_on_reconnect = true")
    charge(conversation)
    conversation.disconnect()
    conversation.pass_time(10)
    conversation.forget()
    conversation.connect()
    assert conversation.actions[0] == "BootNotification"
    assert conversation.statuses(0)[-1] is S.Available
    assert conversation.statuses(1)[-1] is S.Charging


def test_a_pilot_in_state_d_without_ventilation_is_suspended_with_a_warning(conversation: Conversation) -> None:
    """Never closed: SuspendedEVSE with OtherError, kind `ventilation`."""
    conversation.plug_in()
    conversation.card()
    conversation.change(pilot=Pilot.D, faults=frozenset({FaultKind.VENTILATION}))
    last = conversation.of(StatusNotificationReq)[-1]
    assert (last.status, last.error_code) == (S.SuspendedEVSE, ChargePointErrorCode.OtherError)
    assert last.vendor_error_code == "ventilation"
    assert not conversation.closed


def test_a_list_conflict_is_told_with_the_present_status_of_connector_zero(talk: Talk) -> None:
    """Out of service as a whole while a listed card charges, and refused then: LocalListConflict, Unavailable (LIST-9, STAT-2)."""
    conversation = talk(ocpp="LocalPreAuthorize = true")
    conversation.call(SendLocalListReq(list_version=1, update_type=UpdateType.Full, local_authorization_list=[
        AuthorizationData(id_tag="TAG1", id_tag_info=IdTagInfo(status=AuthorizationStatus.Accepted))]))
    conversation.answers[StartTransactionReq] = None
    charge(conversation)
    set_operative(conversation, 0, operative=False)
    conversation.answer(StartTransactionConf(transaction_id=1, id_tag_info=invalid()))
    told = [(n.connector_id, n.status) for n in conversation.of(StatusNotificationReq)
            if n.error_code is ChargePointErrorCode.LocalListConflict]
    assert told == [(0, S.Unavailable)]
