"""What is reserved over restarts, unknown dates and clocks that are set (RES-8, RES-12, PWR-6, F-1970, F-STEP)."""

from datetime import UTC, datetime, timedelta

import pytest

from controller import events
from controller.ocpp.messages.core import (
    HeartbeatConf,
    HeartbeatReq,
)
from controller.ocpp.types import (
    ChargePointStatus,
)
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation
from tests.unit.station.reserving import kept, reserve, shown, told


def test_it_survives_a_restart(conversation: Conversation) -> None:
    """Reserved again, from the first status told, and until the same date (RES-12, PWR-6)."""
    reserve(conversation, for_s=300)
    conversation.restart(after_s=60)
    conversation.connect()
    assert told(conversation) == "Reserved"
    assert ChargePointStatus.Available not in conversation.statuses()[1:]
    conversation.pass_time(239.9)
    assert told(conversation) == "Reserved"
    conversation.pass_time(0.1)
    assert told(conversation) == "Available"


def test_one_that_expired_meanwhile_is_dropped_at_the_start(conversation: Conversation) -> None:
    """Before anything is told (RES-12)."""
    reserve(conversation, for_s=30)
    conversation.forget()
    conversation.restart(after_s=31, power_cut=True)
    assert kept(conversation) == {}
    conversation.connect()
    assert [str(status) for status in conversation.statuses()] == ["Available"]


def test_a_guard_that_is_not_there_yet_does_not_end_it(conversation: Conversation) -> None:
    """The controller starts first: Faulted, then Reserved (I7), since nothing has become of the connector (RES-12)."""
    reserve(conversation)
    conversation.guard_speaks = False
    conversation.restart(after_s=1)
    conversation.say(events.GuardLost())
    conversation.pass_time(3)
    assert kept(conversation) == {7: 1}
    conversation.find_guard()
    assert shown(conversation) == ["Reserved"]


def forget_the_date(conversation: Conversation, boot_id: str) -> datetime:
    """Restart as a machine without a battery does, or only as a process where the boot is the same; gives the true time."""
    known = conversation.utc
    conversation.boot_id, conversation.clock_trusted = boot_id, False
    conversation.utc = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    conversation.restart(after_s=10)
    return known + timedelta(seconds=10)


@pytest.mark.parametrize(("away_s", "expected"), [(400, {7: 1}), (500, {})], ids=["in time", "too late"])
def test_an_unknown_date_is_waited_for(conversation: Conversation, away_s: int, expected: dict[int, int]) -> None:
    """Kept until the date is told, and judged by it then (RES-12, F-1970)."""
    reserve(conversation, for_s=600)
    conversation.pass_time(100)
    known = forget_the_date(conversation, "boot-2")
    assert kept(conversation) == {7: 1}
    before, conversation.utc, conversation.clock_trusted = conversation.utc, known + timedelta(seconds=away_s), True
    conversation.say(events.ClockWasSet(before))
    assert kept(conversation) == expected
    conversation.pass_time(90)
    assert kept(conversation) == {}


@pytest.mark.parametrize(("boot_id", "left_s"), [("boot-1", 490.0), ("boot-2", 600.0)], ids=["same boot", "another boot"])
def test_a_date_that_never_comes_keeps_nothing_for_ever(conversation: Conversation, boot_id: str, left_s: float) -> None:
    """In the same boot the seconds were counted; after another one the whole length is the most that can be left (F-1970)."""
    reserve(conversation, for_s=600)
    conversation.pass_time(100)
    forget_the_date(conversation, boot_id)
    conversation.pass_time(left_s - 1)
    assert kept(conversation) == {7: 1}
    conversation.pass_time(1)
    assert kept(conversation) == {}


STEPS = pytest.mark.parametrize("step_s", [-1e9, -1800.0, 1800.0, 9000.0, 1e9])


@STEPS
def test_somebody_sets_the_clock_of_the_machine(conversation: Conversation, step_s: float) -> None:
    """Forward or back, by whatever: it is over when it was promised to be, until the central system tells another time (F-STEP)."""
    reserve(conversation, for_s=3600)
    before = conversation.utc
    conversation.utc += timedelta(seconds=step_s)
    conversation.say(events.ClockWasSet(before))
    conversation.disconnect()
    conversation.pass_time(3599.5)
    assert kept(conversation) == {7: 1}
    conversation.pass_time(0.5)
    assert kept(conversation) == {}


@pytest.mark.parametrize(("step_s", "left_s"), [(-1800.0, 5400.0), (1800.0, 1800.0), (3600.0, 0.0), (9000.0, 0.0)])
def test_the_central_system_tells_another_time(conversation: Conversation, step_s: float, left_s: float) -> None:
    """The expiryDate is one of its calendar, whatever that is: by a Heartbeat it is nearer, further, or over (RES-8, TIME-2)."""
    reserve(conversation, for_s=3600 + 300)
    conversation.answers[HeartbeatReq] = lambda _: HeartbeatConf(current_time=conversation.utc + timedelta(seconds=step_s))
    conversation.pass_time(300)
    conversation.disconnect()
    if left_s:
        conversation.pass_time(left_s - 0.5)
        assert kept(conversation) == {7: 1}
        conversation.pass_time(0.5)
    assert kept(conversation) == {}


def test_a_reservation_of_a_connector_that_was_taken_away_is_dropped(talk: Talk) -> None:
    """The configuration has one connector less after the restart (RES-12)."""
    conversation = talk(connectors=2)
    reserve(conversation, 2)
    reserve(conversation, 1, "TAG2", 8)
    conversation.config = talk(online=False).config
    del conversation.plugs[2]
    conversation.restart()
    assert kept(conversation) == {8: 1}


def test_a_profile_that_is_left_out_forgets_what_was_reserved(talk: Talk) -> None:
    """SupportedFeatureProfiles without it after the restart: Available, and nothing comes to life with it again (CFG-4)."""
    conversation = talk()
    reserve(conversation)
    conversation.config = talk(online=False, ocpp='SupportedFeatureProfiles = "Core"').config
    conversation.restart(after_s=1)
    assert kept(conversation) == {}
    assert shown(conversation) == ["Available"]
