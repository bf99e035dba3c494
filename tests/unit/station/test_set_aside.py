"""That the state had to be set aside is told until a person has taken note (B6)."""

from pathlib import Path

import pytest

from controller import events
from controller.ocpp.messages import core as m
from controller.ocpp.types import ChargePointErrorCode, ChargePointStatus
from controller.records import Durable
from controller.station.set_aside import SET_ASIDE_NOTE
from controller.store.memory import MemoryStore
from tests.unit.station.conversation import Conversation, configuration


@pytest.fixture
def conversation(tmp_path: Path) -> Conversation:
    """A charge point whose state was set aside, accepted by the central system."""
    begun = Conversation(configuration(tmp_path), MemoryStore(Durable(notes={SET_ASIDE_NOTE: "10 starts failed"})))
    begun.connect()
    begun.pass_time(5)
    return begun


def told(conversation: Conversation) -> m.StatusNotificationReq:
    """The last word on connector 0."""
    return [status for status in conversation.of(m.StatusNotificationReq) if status.connector_id == 0][-1]


def test_the_central_system_and_the_status_are_told(conversation: Conversation) -> None:
    """A warning of the charge point, which stays available."""
    assert (told(conversation).status, told(conversation).error_code) == (ChargePointStatus.Available, ChargePointErrorCode.OtherError)
    assert told(conversation).info == "state set aside after failed starts"
    assert any("10 starts failed" in str(warning) for warning in conversation.station.status()["warnings"])  # type: ignore[attr-defined]  # a list


def test_a_technician_ends_it_for_good(conversation: Conversation) -> None:
    """After the reset NoError is told, and the next start knows nothing of it."""
    conversation.say(events.FaultReset(1))
    conversation.pass_time(1)
    assert told(conversation).error_code is ChargePointErrorCode.NoError
    assert SET_ASIDE_NOTE not in conversation.store.load().notes
    assert not any("set aside" in str(warning) for warning in conversation.station.status()["warnings"])  # type: ignore[attr-defined]  # a list


def test_charging_is_possible_all_the_same(conversation: Conversation) -> None:
    """It is told, not feared."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    assert conversation.closed
