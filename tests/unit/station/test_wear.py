"""Contactors wear: their closures are counted over all starts (iec61851.md 4.2)."""

import msgspec
import pytest

from controller import records as r
from controller.events import ConnectorReported
from controller.station.wear import Wear
from tests.unit.station.conversation import Conversation


def _closures(conversation: Conversation) -> int:
    rows = conversation.station.status()["connectors"]
    assert isinstance(rows, list)
    return int(rows[0]["contactor_closures"])


def _counts(conversation: Conversation, closures: int) -> None:
    """The guard's own count, since its start."""
    conversation.change(closures=closures)


def test_a_new_contactor_has_not_closed(conversation: Conversation) -> None:
    """Nobody has counted anything."""
    assert _closures(conversation) == 0


def test_closures_add_up_while_the_guard_lives(conversation: Conversation) -> None:
    """Its count goes on, and is not added twice."""
    for count in (1, 2, 2, 5):
        _counts(conversation, count)
    assert _closures(conversation) == 5


def test_another_start_of_the_guard_begins_at_nothing(conversation: Conversation) -> None:
    """What it counts then is new."""
    for count in (5, 0, 1, 3):
        _counts(conversation, count)
    assert _closures(conversation) == 8


def test_the_sum_outlives_restarts_of_both(conversation: Conversation) -> None:
    """A power cut costs none of it."""
    _counts(conversation, 5)
    conversation.restart(power_cut=True)
    _counts(conversation, 2)
    assert _closures(conversation) == 7


def test_a_restart_of_the_controller_alone_counts_nothing_twice(conversation: Conversation) -> None:
    """The guard goes on counting meanwhile; what it closed in between is counted when it is heard again."""
    _counts(conversation, 5)
    conversation.restart(offers_survive=True)
    _counts(conversation, 6)
    assert _closures(conversation) == 6


def test_a_report_without_news_writes_nothing(conversation: Conversation) -> None:
    """Two reports a second must not wear the card out instead (F-SDSLOW)."""
    _counts(conversation, 1)
    report = conversation.plugs[1].report()
    for count, written in ((1, 0), (2, 1)):
        outcome = conversation.station.handle(ConnectorReported(msgspec.structs.replace(report, closures=count)), conversation.at)
        assert len(outcome.records) == written


@pytest.mark.parametrize("text", ["", "5", "a b", "5 -1", "5 6 7"])
def test_a_note_that_is_none_counts_as_nothing(text: str) -> None:
    """Something else wrote it; counting begins anew rather than not at all."""
    assert Wear(r.Durable(notes={"closures.1": text})).closures(1) == 0
