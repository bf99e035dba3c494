"""MinimumStatusDuration: a status has to last before it is told (STAT-4, scenario S10)."""

from controller.faults import FaultKind
from controller.ocpp.messages.core import ChangeConfigurationReq, StatusNotificationReq, StopTransactionReq
from controller.ocpp.types import ChargePointStatus as S
from controller.ocpp.types import Reason
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation


def patient(talk: Talk, seconds: int = 10) -> Conversation:
    """A station that waits so long."""
    return talk(ocpp=f"MinimumStatusDuration = {seconds}")


def test_a_status_is_told_when_it_has_lasted(talk: Talk) -> None:
    """Not before the duration has passed, and then at once, with the time of then (STAT-4)."""
    conversation = patient(talk)
    conversation.plug_in()
    conversation.pass_time(9.5)
    assert conversation.statuses() == []
    conversation.pass_time(1)
    assert conversation.statuses() == [S.Preparing]
    (moment, _) = next(entry for entry in conversation.sent if isinstance(entry[1], StatusNotificationReq))
    assert conversation.of(StatusNotificationReq)[0].timestamp == moment


def test_flicker_below_the_duration_is_not_told(talk: Talk) -> None:
    """S10: there and back within the time leaves no trace, however often (STAT-4)."""
    conversation = patient(talk)
    for _ in range(5):
        conversation.plug_in()
        conversation.pass_time(6)
        conversation.unplug()
        conversation.pass_time(6)
    assert conversation.statuses() == []


def test_a_status_that_returns_waits_its_own_time(talk: Talk) -> None:
    """The time of a flicker does not count for the next one (STAT-4)."""
    conversation = patient(talk)
    conversation.plug_in()
    conversation.pass_time(6)
    conversation.unplug()
    conversation.pass_time(1)
    conversation.plug_in()
    conversation.pass_time(9)
    assert conversation.statuses() == []
    conversation.pass_time(2)
    assert conversation.statuses() == [S.Preparing]


def test_a_status_passed_through_too_fast_is_skipped(talk: Talk) -> None:
    """Preparing that lasted less is not told; Charging is, when it has lasted (STAT-4)."""
    conversation = patient(talk)
    conversation.plug_in()
    conversation.pass_time(3)
    conversation.card()
    conversation.request_power()
    conversation.pass_time(9)
    assert conversation.statuses() == [], "neither has lasted ten seconds"
    conversation.pass_time(2)
    assert conversation.statuses() == [S.Charging]


def test_with_it_charging_follows_preparing(talk: Talk) -> None:
    """A car takes three seconds to ask after the offer: five seconds of patience tell the two alone (STAT-4, TXN-3, decision 8)."""
    conversation = patient(talk, 5)
    conversation.plug_in()
    conversation.pass_time(6)
    conversation.card()
    conversation.pass_time(3)
    conversation.request_power()
    conversation.pass_time(6)
    assert conversation.statuses() == [S.Preparing, S.Charging]


def test_without_it_every_transition_is_told(conversation: Conversation) -> None:
    """Offered, not asked for yet: SuspendedEV, by B4 and D3; Preparing does not outlast the start (STAT-3, STAT-8, decision 8)."""
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(3)
    conversation.request_power()
    assert conversation.statuses() == [S.Preparing, S.SuspendedEV, S.Charging]


def test_a_change_of_the_error_alone_does_not_wait(talk: Talk) -> None:
    """The status is what has to last; an error within it is told at once (STAT-4, STAT-13)."""
    conversation = patient(talk)
    conversation.change(faults=frozenset({FaultKind.LOCK_STUCK}))
    assert [n.vendor_error_code for n in conversation.of(StatusNotificationReq)] == ["lock_stuck"]


def faults(*kinds: FaultKind) -> frozenset[FaultKind]:
    """These stand."""
    return frozenset(kinds)


def told(conversation: Conversation) -> list[tuple[S, str | None]]:
    """Every status told of connector 1, with the fault behind it."""
    return [(n.status, n.vendor_error_code) for n in conversation.of(StatusNotificationReq) if n.connector_id == 1]


def test_a_fault_is_told_when_it_has_lasted_and_so_is_its_end(talk: Talk) -> None:
    """Faulted is a status like any other: it waits, and so does what follows it (STAT-4, STAT-9)."""
    conversation = patient(talk)
    conversation.change(faults=faults(FaultKind.TEMPERATURE))
    conversation.pass_time(6)
    conversation.change(faults=faults())
    conversation.pass_time(6)
    assert told(conversation) == [], "neither has lasted"
    conversation.change(faults=faults(FaultKind.TEMPERATURE))
    conversation.pass_time(11)
    conversation.change(faults=faults())
    conversation.pass_time(6)
    conversation.change(faults=faults(FaultKind.TEMPERATURE))
    conversation.pass_time(20)
    assert told(conversation) == [(S.Faulted, "temperature")], "it was gone for six seconds only"
    conversation.change(faults=faults())
    conversation.pass_time(9)
    assert len(told(conversation)) == 1
    conversation.pass_time(2)
    assert told(conversation) == [(S.Faulted, "temperature"), (S.Available, None)]


def test_another_fault_within_faulted_does_not_wait(talk: Talk) -> None:
    """A worse one comes: the status is the same, so the new code is told at once (STAT-4, STAT-13)."""
    conversation = patient(talk)
    conversation.change(faults=faults(FaultKind.TEMPERATURE))
    conversation.pass_time(11)
    conversation.change(faults=faults(FaultKind.TEMPERATURE, FaultKind.RCD))
    assert told(conversation) == [(S.Faulted, "temperature"), (S.Faulted, "rcd")]


def test_a_short_fault_that_ends_a_transaction_leaves_its_end_to_tell(talk: Talk) -> None:
    """The emergency stop is pulled out again at once: StopTransaction does not wait, Finishing does, Faulted is skipped (STAT-4, TXN-12)."""
    conversation = patient(talk)
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(11)
    conversation.change(faults=faults(FaultKind.ESTOP))
    conversation.pass_time(2)
    assert [stop.reason for stop in conversation.of(StopTransactionReq)] == [Reason.EmergencyStop]
    conversation.change(faults=faults())
    conversation.pass_time(9)
    assert told(conversation) == [(S.Charging, None)]
    conversation.pass_time(2)
    assert told(conversation) == [(S.Charging, None), (S.Finishing, None)]


def test_switching_the_duration_off_tells_what_waits(talk: Talk) -> None:
    """ChangeConfiguration acts at once (CFG-5, STAT-4)."""
    conversation = patient(talk, 600)
    conversation.plug_in()
    conversation.pass_time(5)
    conversation.call(ChangeConfigurationReq(key="MinimumStatusDuration", value="0"))
    assert conversation.statuses() == [S.Preparing]


def test_a_shorter_duration_counts_from_the_change_of_status(talk: Talk) -> None:
    """What has lasted longer than the new duration is told now, what has not waits for the rest (STAT-4)."""
    conversation = patient(talk, 600)
    conversation.plug_in()
    conversation.pass_time(20)
    conversation.call(ChangeConfigurationReq(key="MinimumStatusDuration", value="30"))
    assert conversation.statuses() == []
    conversation.pass_time(11)
    assert conversation.statuses() == [S.Preparing]


def test_what_lasted_in_the_silence_is_told_at_the_reconnect(talk: Talk) -> None:
    """The time without a connection counts (STAT-4, STAT-20)."""
    conversation = patient(talk)
    conversation.disconnect()
    conversation.plug_in()
    conversation.pass_time(60)
    conversation.connect()
    assert conversation.statuses() == [S.Preparing]


def test_each_connector_waits_for_itself(talk: Talk) -> None:
    """A change of one connector does not hurry or delay another (STAT-4)."""
    conversation = talk(connectors=2, ocpp="MinimumStatusDuration = 10")
    conversation.plug_in(1)
    conversation.pass_time(5)
    conversation.plug_in(2)
    conversation.pass_time(6)
    assert (conversation.statuses(1), conversation.statuses(2)) == ([S.Preparing], [])
    conversation.pass_time(5)
    assert conversation.statuses(2) == [S.Preparing]
