"""The clock that the central system brings, when it cannot be right."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from controller import commands
from controller.ocpp.messages import core as m
from controller.ocpp.types import RegistrationStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

INCREDIBLE = [
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(1970, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC),
    datetime(2100, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


@pytest.mark.parametrize("told", INCREDIBLE, ids=str)
def test_an_incredible_time_is_not_taken(conversation: Conversation, told: datetime) -> None:
    """Neither a time before this program was built nor one at the end of the calendar sets the clock (F-1970, T-CLOCK)."""
    conversation.answers[m.HeartbeatReq] = m.HeartbeatConf(current_time=told)
    conversation.pass_time(301)
    assert conversation.of(m.HeartbeatReq)
    assert conversation.ordered(commands.SetClock) == []


def test_a_boot_answer_with_an_incredible_time_still_registers(talk: Talk) -> None:
    """The status counts, the time does not (BOOT-2, T-CLOCK)."""
    conversation = talk(online=False)
    conversation.answers[m.BootNotificationReq] = m.BootNotificationConf(
        status=RegistrationStatus.Accepted, current_time=INCREDIBLE[-1], interval=300)
    conversation.connect()
    conversation.pass_time(301)
    assert conversation.of(m.BootNotificationReq)
    assert conversation.of(m.HeartbeatReq)
    assert [order.utc for order in conversation.ordered(commands.SetClock) if order.utc.year > 2099] == []
