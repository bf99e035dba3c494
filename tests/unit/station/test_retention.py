"""Sessions and dead letters are kept for `storage.keep_days`, and not for ever (T-PRIVACY)."""

from datetime import UTC, datetime, timedelta

import pytest

from controller import events
from controller.ocpp.messages import core as m
from controller.ocpp.types import RegistrationStatus
from controller.records import Bury, DateSettled, Erase, PutTransaction, Record, Transaction
from controller.station.retention import AT_ONCE, EVERY_S, FIRST_AFTER_S
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

DAY_S = 86_400.0
OFFLINE = "AllowOfflineTxForUnknownId = true"


class Kept:
    """Everything the station has asked to be remembered."""

    def __init__(self, conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[Record] = []
        commit = conversation.store.commit

        def watched(records: list[Record]) -> str | None:
            self.records += records
            return commit(records)

        monkeypatch.setattr(conversation.store, "commit", watched)

    def erasures(self) -> list[Erase]:
        """What was to be erased."""
        return [record for record in self.records if isinstance(record, Erase)]


@pytest.fixture
def kept(conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(conversation, monkeypatch)


def wait(conversation: Conversation, seconds: float) -> None:
    """Let so much time pass at once, and the station do what has come due meanwhile."""
    conversation._move(seconds)
    for event in conversation.station.due(conversation.at):
        conversation.say(event)


def session(conversation: Conversation) -> None:
    """One from plug to StopTransaction."""
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(5)
    conversation.unplug()
    conversation.pass_time(5)


def transactions(kept: Kept) -> list[Transaction]:
    """As they were stored."""
    return [record.transaction for record in kept.records if isinstance(record, PutTransaction)]


def test_a_session_is_settled_when_its_end_is_acknowledged(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on its days are counted, not from its end: weeks may lie between (QUE-1)."""
    conversation = talk(ocpp=OFFLINE)
    kept = Kept(conversation, monkeypatch)
    conversation.disconnect()
    session(conversation)
    assert all(row.settled is None for row in transactions(kept))
    conversation.pass_time(60)
    conversation.connect()
    conversation.pass_time(5)
    last = transactions(kept)[-1]
    assert last.settled is not None
    assert last.ended is not None
    assert last.settled.utc - last.ended.utc >= timedelta(seconds=60)
    assert not last.stop_given_up


def test_a_session_whose_end_was_given_up_is_settled_too(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more can become of it; that the central system does not know is remembered (QUE-12)."""
    conversation = talk(ocpp="TransactionMessageAttempts = 1")
    kept = Kept(conversation, monkeypatch)
    conversation.answers[m.StopTransactionReq] = "InternalError"
    session(conversation)
    last = transactions(kept)[-1]
    assert last.stop_given_up
    (buried,) = [record for record in kept.records if isinstance(record, Bury)]
    assert buried.at == last.settled


def test_what_is_over_is_erased_once_a_day(conversation: Conversation, kept: Kept) -> None:
    """An hour after the start, then every day; 90 days are the default, and one step is bounded (T-PRIVACY)."""
    wait(conversation, FIRST_AFTER_S - 60)
    assert kept.erasures() == []
    for day in range(3):
        wait(conversation, 60 if day == 0 else EVERY_S)
        assert kept.erasures()[day:] == [Erase(AT_ONCE, settled_before=conversation.utc - timedelta(days=90))]
    assert len([record for record in kept.records if isinstance(record, DateSettled)]) == 3


def test_a_session_is_gone_after_its_time(conversation: Conversation) -> None:
    """Ninety days after the acknowledgement, not one sooner."""
    session(conversation)
    for _ in range(89):
        wait(conversation, DAY_S)
    assert len(conversation.store._rows.transactions) == 1
    wait(conversation, DAY_S)
    wait(conversation, DAY_S)
    assert conversation.store._rows.transactions == {}


def test_what_is_owed_outlives_every_retention(talk: Talk) -> None:
    """The central system is away for a year: nothing that it is owed goes (rule 4 of the faults)."""
    conversation = talk(ocpp=OFFLINE)
    conversation.disconnect()
    session(conversation)
    for _ in range(365):
        wait(conversation, DAY_S)
    assert len(conversation.store.load().transactions) == 1
    assert conversation.store.load().outbox[0].action == "StartTransaction"


def test_a_date_that_nobody_vouches_for_erases_nothing(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pi that boots in 2099 keeps what it has (F-1970)."""
    conversation = talk(online=False)
    kept = Kept(conversation, monkeypatch)
    conversation.clock_trusted, conversation.utc = False, datetime(2099, 1, 1, tzinfo=UTC)
    for _ in range(3):
        wait(conversation, EVERY_S)
    assert kept.erasures() == []
    conversation.clock_trusted, conversation.utc = True, datetime(2026, 3, 4, tzinfo=UTC)
    conversation.say(events.ClockWasSet(datetime(2099, 1, 4, tzinfo=UTC)))
    wait(conversation, FIRST_AFTER_S)
    assert [erase.settled_before for erase in kept.erasures()] == [conversation.utc - timedelta(days=90)]


def test_a_calendar_that_has_just_jumped_is_given_an_hour(conversation: Conversation, kept: Kept) -> None:
    """Whoever set it wrong may set it right again before anything is lost (F-STEP); a second more or less is no jump."""
    wait(conversation, FIRST_AFTER_S - 60)
    before, conversation.utc = conversation.utc, conversation.utc + timedelta(days=30_000)
    conversation.say(events.ClockWasSet(before))
    wait(conversation, 60)
    assert kept.erasures() == []
    conversation.say(events.ClockWasSet(conversation.utc - timedelta(seconds=5)))
    wait(conversation, FIRST_AFTER_S - 60)
    assert len(kept.erasures()) == 1


def test_a_person_may_have_it_forgotten_sooner(conversation: Conversation, kept: Kept) -> None:
    """By age or by card (T-PRIVACY "CLI export and erase")."""
    before = conversation.utc - timedelta(days=7)
    conversation.say(events.EraseRequested(ended_before=before))
    conversation.say(events.EraseRequested(id_tag="04A1"))
    assert kept.erasures() == [Erase(AT_ONCE, ended_before=before), Erase(AT_ONCE, id_tag="04A1")]


def test_a_wish_without_condition_erases_nothing(conversation: Conversation, kept: Kept) -> None:
    """Everything is not a wish that a slip may express."""
    conversation.say(events.EraseRequested())
    assert kept.erasures() == []


def test_a_charge_point_that_is_refused_keeps_counting(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention needs no central system, only a date: a Rejected station erases as well (T-PRIVACY)."""
    conversation = talk(online=False)
    kept = Kept(conversation, monkeypatch)
    conversation.answers[m.BootNotificationReq] = m.BootNotificationConf(
        current_time=conversation.utc, interval=300, status=RegistrationStatus.Rejected)
    conversation.connect()
    wait(conversation, FIRST_AFTER_S)
    assert len(kept.erasures()) == 1
