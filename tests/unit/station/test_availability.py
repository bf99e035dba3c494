"""ChangeAvailability: now, or after the transaction; one connector, or all; kept over restarts."""

import pytest

from controller.events import Started
from controller.ocpp.messages.core import (
    AuthorizeReq,
    ChangeAvailabilityConf,
    ChangeAvailabilityReq,
    RemoteStartTransactionConf,
    RemoteStartTransactionReq,
    StartTransactionReq,
    StopTransactionReq,
)
from controller.ocpp.types import AvailabilityStatus, AvailabilityType, RemoteStartStopStatus
from controller.ocpp.types import ChargePointStatus as S
from controller.records import Availability, Durable
from controller.store.memory import MemoryStore
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

ACCEPTED, SCHEDULED, REJECTED = AvailabilityStatus.Accepted, AvailabilityStatus.Scheduled, AvailabilityStatus.Rejected


def change(conversation: Conversation, connector_id: int, *, operative: bool) -> AvailabilityStatus:
    """What ChangeAvailability is answered."""
    kind = AvailabilityType.Operative if operative else AvailabilityType.Inoperative
    conf = conversation.call(ChangeAvailabilityReq(connector_id=connector_id, type=kind))
    assert isinstance(conf, ChangeAvailabilityConf)
    return conf.status


def charge(conversation: Conversation, connector_id: int = 1) -> None:
    """A car charges."""
    conversation.plug_in(connector_id)
    conversation.card(connector_ids=(connector_id,))
    conversation.request_power(connector_id)
    assert conversation.statuses(connector_id)[-1] is S.Charging


def present(conversation: Conversation) -> list[object]:
    """The status of every connector as the status page shows it."""
    connectors = conversation.station.status()["connectors"]
    assert isinstance(connectors, list)
    return [connector["status"] for connector in connectors]


def test_an_idle_connector_changes_at_once_and_tells(conversation: Conversation) -> None:
    """Accepted, immediate, reported; and back; connector 0 has no part in it (AVL-1, AVL-2, AVL-3, STAT-2)."""
    assert change(conversation, 1, operative=False) is ACCEPTED
    assert conversation.statuses() == [S.Unavailable]
    assert change(conversation, 1, operative=True) is ACCEPTED
    assert conversation.statuses() == [S.Unavailable, S.Available]
    assert conversation.statuses(0) == []


@pytest.mark.parametrize("operative", [True, False])
def test_a_state_that_is_there_already_is_accepted(conversation: Conversation, operative: bool) -> None:
    """Asked again for what is: Accepted, nothing told twice (AVL-2)."""
    change(conversation, 1, operative=operative)
    conversation.forget()
    assert change(conversation, 1, operative=operative) is ACCEPTED
    assert conversation.statuses() == []


def test_an_unknown_connector_is_rejected(conversation: Conversation) -> None:
    """There is no connector 2 (AVL-5, STAT-1)."""
    assert change(conversation, 2, operative=False) is REJECTED
    assert present(conversation) == ["Available"]


def test_nothing_begins_while_inoperative(conversation: Conversation) -> None:
    """Neither card nor remote start, and no Authorize for a place that is closed (AVL-1, RMS-4)."""
    change(conversation, 1, operative=False)
    conversation.plug_in()
    conversation.card()
    conf = conversation.call(RemoteStartTransactionReq(id_tag="TAG1", connector_id=1))
    assert conf == RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected)
    conversation.pass_time(10)
    assert conversation.of(StartTransactionReq) == []
    assert conversation.of(AuthorizeReq) == []
    assert conversation.statuses() == [S.Unavailable]


def test_a_running_transaction_is_finished_first(conversation: Conversation) -> None:
    """S8: Scheduled, nothing changes until the end, then Unavailable (AVL-2, AVL-3)."""
    charge(conversation)
    assert change(conversation, 1, operative=False) is SCHEDULED
    conversation.pass_time(60)
    assert conversation.closed
    conversation.forget()
    conversation.card()
    conversation.unplug()
    assert conversation.of(StopTransactionReq)
    assert conversation.statuses() == [S.Finishing, S.Unavailable]


def test_an_opposite_request_cancels_what_was_scheduled(conversation: Conversation) -> None:
    """Operative again before the end: Accepted, and the end leads to Available (AVL-2, AVL-4)."""
    charge(conversation)
    change(conversation, 1, operative=False)
    assert change(conversation, 1, operative=True) is ACCEPTED
    conversation.card()
    conversation.unplug()
    assert conversation.statuses()[-1] is S.Available
    assert conversation.store.load().availability == (Availability(1, operative=True),)


def test_preparing_is_cancelled_and_passes_over_available(conversation: Conversation) -> None:
    """Inoperative while Preparing: the user's authorisation is dropped, Available and then Unavailable (STAT-7, AVL-2)."""
    conversation.card()
    assert change(conversation, 1, operative=False) is ACCEPTED
    assert conversation.statuses() == [S.Preparing, S.Available, S.Unavailable]
    change(conversation, 1, operative=True)
    conversation.plug_in()
    conversation.request_power()
    assert conversation.of(StartTransactionReq) == []


def test_a_verdict_that_comes_too_late_starts_nothing(conversation: Conversation) -> None:
    """Authorize was on its way when the connector was taken out of service (AVL-1)."""
    conversation.answers[AuthorizeReq] = None
    conversation.plug_in()
    conversation.card()
    change(conversation, 1, operative=False)
    conversation.answers.clear()
    conversation.answer(conversation._friendly(AuthorizeReq(id_tag="TAG1")))
    assert conversation.of(StartTransactionReq) == []


def test_connector_zero_means_all(talk: Talk) -> None:
    """Connector 0 and every connector change and are told (AVL-1, STAT-2)."""
    conversation = talk(connectors=2)
    assert change(conversation, 0, operative=False) is ACCEPTED
    assert [conversation.statuses(number) for number in (0, 1, 2)] == [[S.Unavailable]] * 3
    assert change(conversation, 0, operative=True) is ACCEPTED
    assert [conversation.statuses(number)[-1] for number in (0, 1, 2)] == [S.Available] * 3


def test_connector_zero_overrides_what_was_set_for_one(talk: Talk) -> None:
    """A connector set Inoperative by itself becomes Operative with all (AVL-5)."""
    conversation = talk(connectors=2)
    change(conversation, 1, operative=False)
    change(conversation, 0, operative=True)
    assert present(conversation) == ["Available", "Available"]


def test_all_inoperative_with_one_busy_is_scheduled_and_the_idle_change_now(talk: Talk) -> None:
    """Scheduled as a whole: idle ones at once, the busy one after its transaction (AVL-2)."""
    conversation = talk(connectors=2)
    charge(conversation, 2)
    assert change(conversation, 0, operative=False) is SCHEDULED
    assert present(conversation) == ["Unavailable", "Charging"]
    conversation.card(connector_ids=(2,))
    assert present(conversation) == ["Unavailable", "Unavailable"]


@pytest.mark.parametrize("connector_id", [0, 1])
def test_unavailable_survives_a_power_cut(conversation: Conversation, connector_id: int) -> None:
    """Persistent across reboot, reset and power loss; told after the boot (AVL-4, PWR-1)."""
    change(conversation, connector_id, operative=False)
    conversation.forget()
    conversation.restart(power_cut=True)
    conversation.connect()
    assert conversation.statuses(1) == [S.Unavailable]
    assert conversation.statuses(0) == [S.Unavailable if connector_id == 0 else S.Available]


@pytest.mark.parametrize("after_power_loss", ["stop", "resume"])
def test_what_was_scheduled_survives_a_restart(talk: Talk, after_power_loss: str) -> None:
    """The change waits for the end of the transaction, whenever and however that comes (AVL-4)."""
    conversation = talk(charging=f'after_power_loss = "{after_power_loss}"')
    charge(conversation)
    assert change(conversation, 1, operative=False) is SCHEDULED
    conversation.restart(power_cut=True)
    conversation.connect()
    if after_power_loss == "resume":
        assert conversation.statuses()[-1] is not S.Unavailable
        conversation.card()
    assert conversation.statuses()[-1] is S.Unavailable
    conversation.restart()
    assert present(conversation) == ["Unavailable"]


def test_a_schedule_whose_transaction_is_gone_takes_effect(talk: Talk) -> None:
    """A salvaged database may have lost the transaction: the order of the central system is not lost with it (AVL-4)."""
    config = talk().config
    rows = (Availability(1, operative=True, scheduled=False), Availability(9, operative=False))
    conversation = Conversation(config, MemoryStore(Durable(availability=rows)))
    conversation.say(Started())
    assert present(conversation) == ["Unavailable"]


def test_a_plugged_car_shows_when_the_connector_is_operative_again(conversation: Conversation) -> None:
    """H2: the user had already plugged in; Preparing, and a card starts (AVL-3, STAT-6)."""
    change(conversation, 1, operative=False)
    conversation.plug_in()
    change(conversation, 1, operative=True)
    conversation.card()
    assert conversation.statuses()[:2] == [S.Unavailable, S.Preparing]
    assert conversation.of(StartTransactionReq)
