"""MinimumStatusDuration: a status has to last before it is told (STAT-4, scenario S10)."""

from controller.faults import FaultKind
from controller.ocpp.messages.core import ChangeConfigurationReq, StatusNotificationReq
from controller.ocpp.types import ChargePointStatus as S
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
