"""The enclosure was opened: remembered until a person has looked at it (T-TAMPER)."""

import pytest

from controller import events
from controller.records import PutNote
from tests.unit.station.conversation import Conversation


def warnings(conversation: Conversation) -> list[str]:
    """What the status says of enclosures."""
    told = conversation.station.status()["warnings"]
    assert isinstance(told, list)
    return [warning for warning in told if "enclosure" in warning]


def opened(conversation: Conversation) -> None:
    """The contact says so."""
    conversation.say(events.TamperReported(1, is_open=True))


def closed(conversation: Conversation) -> None:
    """And that it is closed again."""
    conversation.say(events.TamperReported(1, is_open=False))


def test_an_opened_enclosure_is_a_warning_that_names_when_and_what_to_do(conversation: Conversation) -> None:
    """Closing it does not end it: somebody was inside (T-TAMPER)."""
    at = conversation.utc
    opened(conversation)
    conversation.pass_time(60)
    closed(conversation)
    (warning,) = warnings(conversation)
    assert at.isoformat(timespec="seconds") in warning
    assert "evcp service reset --connector 1" in warning


def test_the_warning_survives_a_restart(conversation: Conversation) -> None:
    """Whoever cuts the power after opening the box is still told of (T-TAMPER)."""
    opened(conversation)
    before = warnings(conversation)
    conversation.restart(power_cut=True)
    assert warnings(conversation) == before


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_technician_ends_it_at_the_closed_enclosure(conversation: Conversation, restarted: bool) -> None:
    """For good: the note is gone too, and does not come back with the next start."""
    opened(conversation)
    closed(conversation)
    if restarted:
        conversation.restart()
    conversation.say(events.FaultReset(1))
    ended = warnings(conversation)
    conversation.restart()
    assert ended == warnings(conversation) == []


def test_an_enclosure_that_is_still_open_stays_told(conversation: Conversation) -> None:
    """A reset whose cause is there changes nothing (contract section 3, "reset")."""
    opened(conversation)
    conversation.say(events.FaultReset(1))
    assert len(warnings(conversation)) == 1


def test_a_reset_of_another_connector_is_not_meant(conversation: Conversation) -> None:
    """Each enclosure has its own technician."""
    opened(conversation)
    closed(conversation)
    conversation.say(events.FaultReset(2))
    assert len(warnings(conversation)) == 1


def test_opening_it_again_and_again_is_one_note(conversation: Conversation) -> None:
    """The first moment counts, and the disk is not worn."""
    opened(conversation)
    first = warnings(conversation)
    conversation.pass_time(60)
    for _ in range(10):
        closed(conversation)
        opened(conversation)
    outcome = conversation.station.handle(events.TamperReported(1, is_open=True), conversation.at)
    assert warnings(conversation) == first
    assert not [record for record in outcome.records if isinstance(record, PutNote)]


def test_charging_goes_on_all_the_same(conversation: Conversation) -> None:
    """It is told, not feared: nothing of the session changes."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    opened(conversation)
    assert conversation.station.status_of(1) == "Charging"
