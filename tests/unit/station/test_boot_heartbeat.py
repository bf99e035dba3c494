"""Heartbeat: every HeartbeatInterval, and only while accepted (HB-1 to HB-3)."""

import pytest

from controller.ocpp.messages import core as m
from controller.ocpp.types import ConfigurationStatus, RegistrationStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

DAY_S = 86_400


def test_a_heartbeat_goes_out_every_interval(conversation: Conversation) -> None:
    """The interval is the 300 s of BootNotification.conf; after 20 minutes of silence four went out (HB-1)."""
    conversation.pass_time(1202)
    assert conversation.moments_of(m.HeartbeatReq) == [0.0, 300.0, 600.0, 900.0]


@pytest.mark.parametrize("failure", ["InternalError", "TimedOut"])
def test_a_heartbeat_that_fails_is_followed_by_the_next(conversation: Conversation, failure: str) -> None:
    """One lost beat is no reason to fall silent (HB-1)."""
    conversation.answers[m.HeartbeatReq] = failure
    conversation.pass_time(902)
    assert len(conversation.of(m.HeartbeatReq)) == 3


@pytest.mark.parametrize("new_s", [10, 1000])
def test_a_new_heartbeat_interval_acts_at_once(conversation: Conversation, new_s: int) -> None:
    """Shorter or longer, the running timer is set anew from the moment of the change (HB-2)."""
    conversation.pass_time(200)
    changed = conversation.call(m.ChangeConfigurationReq(key="HeartbeatInterval", value=str(new_s)))
    assert changed == m.ChangeConfigurationConf(status=ConfigurationStatus.Accepted)
    conversation.pass_time(new_s - 1)
    assert conversation.of(m.HeartbeatReq) == []
    conversation.pass_time(2)
    assert len(conversation.of(m.HeartbeatReq)) == 1


def test_without_a_connection_nothing_beats_and_a_reconnect_starts_again(talk: Talk) -> None:
    """The beat pauses with the connection and comes an interval after it is back (HB-1, HB-3)."""
    conversation = talk()
    conversation.disconnect()
    conversation.pass_time(1000)
    conversation.connect()
    conversation.pass_time(299)
    assert conversation.of(m.HeartbeatReq) == []
    conversation.pass_time(2)
    assert len(conversation.of(m.HeartbeatReq)) == 1


def test_a_heartbeat_goes_out_once_a_day_at_least(talk: Talk) -> None:
    """A central system that wants one a week gets one a day, whatever pings and status messages go in between (WS-13, TIME-2)."""
    conversation = talk(online=False)
    conversation.answers[m.BootNotificationReq] = m.BootNotificationConf(
        status=RegistrationStatus.Accepted, current_time=conversation.utc, interval=7 * DAY_S)
    conversation.connect()
    conversation.monotonic_s += DAY_S - 60
    conversation.plug_in()
    conversation.pass_time(50)
    assert conversation.of(m.HeartbeatReq) == []
    conversation.pass_time(20)
    assert len(conversation.of(m.HeartbeatReq)) == 1
