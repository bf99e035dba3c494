"""How a transaction begins, and what it tells the central system (TXN-1 to TXN-10, S1)."""

from collections.abc import Callable
from typing import Any

import pytest

from controller import commands, events
from controller import records as r
from controller.faults import FaultKind
from controller.ocpp.messages import Request
from controller.ocpp.messages import core as m
from controller.ocpp.types import (
    AuthorizationStatus,
    AvailabilityType,
    ChargePointErrorCode,
    ChargePointStatus,
    RemoteStartStopStatus,
    ResetType,
)
from controller.store.memory import MemoryStore
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import BOOT_ID, Conversation, invalid

S = ChargePointStatus
START, STOP = m.StartTransactionReq, m.StopTransactionReq


def told(conversation: Conversation) -> list[str]:
    """What was sent, in order: actions, and for connector 1 its statuses."""
    return [request.status.value if isinstance(request, m.StatusNotificationReq) else request.action
            for _, request in conversation.sent]


# -- the order of things ---------------------------------------------------------------------------------------------


def test_a_car_that_is_plugged_first_waits_for_the_card(conversation: Conversation) -> None:
    """Preparing, Authorize, then StartTransaction and Charging, in either order (TXN-2, TXN-3, S1)."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(1)
    assert told(conversation)[:2] == ["Preparing", "Authorize"]
    assert {"StartTransaction", "Charging"} <= set(told(conversation)[2:])
    assert told(conversation)[-1] == "Charging"


def test_a_card_that_is_shown_first_waits_for_the_plug(conversation: Conversation) -> None:
    """Authorize and Preparing, then nothing until the plug, then StartTransaction (TXN-2, TXN-3, S1)."""
    conversation.card()
    assert told(conversation) == ["Authorize", "Preparing"]
    conversation.pass_time(30)
    assert told(conversation) == ["Authorize", "Preparing"]
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(1)
    assert "StartTransaction" in told(conversation)
    assert conversation.status is S.Charging


def test_plugging_alone_starts_nothing(conversation: Conversation) -> None:
    """A car without a card stays in Preparing for as long as it likes (TXN-2, TXN-6)."""
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(250)
    assert told(conversation) == ["Preparing"]
    assert not conversation.closed


def test_what_start_transaction_says(conversation: Conversation) -> None:
    """Connector, tag, register in whole Wh and the moment of the start (TXN-1, MTR-9)."""
    conversation.plugs[1].energy_wh = 12345.9
    conversation.pass_time(2)
    conversation.plug_in()
    conversation.card("TAG1")
    start, = conversation.of(START)
    assert (start.connector_id, start.id_tag, start.meter_start) == (1, "TAG1", 12345)
    assert start.timestamp == conversation.utc
    assert start.reservation_id is None


def test_charging_does_not_wait_for_the_answer_to_start_transaction(conversation: Conversation) -> None:
    """The tag is authorised: the contactor may close before StartTransaction.conf (TXN-4)."""
    conversation.answers[START] = None
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(1)
    assert conversation.closed


# -- one commit ------------------------------------------------------------------------------------------------------


class Journal(MemoryStore):
    """A store that keeps every commit apart."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[r.Record]] = []

    def commit(self, records: Any) -> None:  # whatever MemoryStore takes
        """Remember the step."""
        super().commit(records)
        self.steps.append(list(records))


def journalled(talk: Talk) -> tuple[Conversation, Journal]:
    """A conversation on a store that keeps every commit apart."""
    journal = Journal()
    began = Conversation(talk(online=False).config, journal)
    began.connect()
    began.pass_time(2)
    return began, journal


@pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction"])
def test_a_transaction_and_the_message_about_it_are_one_commit(talk: Talk, action: str) -> None:
    """A power cut leaves both or neither (TXN-1, TXN-11, T3)."""
    conversation, journal = journalled(talk)
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(5)
    conversation.unplug()
    conversation.pass_time(5)
    step, = (step for step in journal.steps if any(isinstance(x, r.Enqueue) and x.message.action == action for x in step))
    transaction = next(x.transaction for x in step if isinstance(x, r.PutTransaction))
    message = next(x.message for x in step if isinstance(x, r.Enqueue))
    assert message.local_id == transaction.local_id
    assert (transaction.ended is not None) is (action == "StopTransaction")


class Inspector(Conversation):
    """Looks at the disk at the moment when an offer is carried out."""

    at_offer: list[tuple[int, list[str]]]

    def _carry_out(self, command: commands.Command) -> None:
        if isinstance(command, commands.OfferCurrent):
            durable = self.store.load()
            self.at_offer.append((len(durable.transactions), [message.action for message in durable.outbox]))
        super()._carry_out(command)


def test_the_start_is_durable_before_power_is_offered(talk: Talk) -> None:
    """When the offer is carried out, transaction and StartTransaction are on the disk (F-FSYNC, X4, AUTH-1)."""
    inspector = Inspector(talk(online=False, ocpp="AllowOfflineTxForUnknownId = true",
                               charging="before_accepted = true").config)
    inspector.at_offer = []
    inspector.plug_in()
    inspector.request_power()
    inspector.card()
    assert inspector.at_offer == [(1, ["StartTransaction"])]
    assert inspector.closed


def test_what_an_untrusted_clock_stamped_is_marked(talk: Talk) -> None:
    """Transaction and message keep the monotonic time and the boot, and that the date was a guess (F-1970, BOOT-9, B4)."""
    conversation = talk(online=False, ocpp="AllowOfflineTxForUnknownId = true", charging="before_accepted = true")
    conversation.clock_trusted = False
    conversation.plug_in()
    conversation.card()
    durable = conversation.store.load()
    stamps = [durable.transactions[0].started, durable.outbox[0].stamp]
    assert [(s.trusted, s.monotonic_s, s.boot_id) for s in stamps] == [(False, conversation.monotonic_s, BOOT_ID)] * 2


# -- never plugged, changed their mind -------------------------------------------------------------------------------


@pytest.mark.parametrize("remote", [False, True], ids=["card", "remote start"])
def test_nobody_plugs_in_and_the_connector_is_free_again(talk: Talk, remote: bool) -> None:
    """After ConnectionTimeOut, counted from Preparing, the connector is Available again; no transaction (TXN-5, S1, RMS-5)."""
    conversation = talk(ocpp="ConnectionTimeOut = 45")
    if remote:
        answer = conversation.call(m.RemoteStartTransactionReq(id_tag="TAG1"))
        assert answer == m.RemoteStartTransactionConf(status=RemoteStartStopStatus.Accepted)
    else:
        conversation.card()
    conversation.pass_time(44)
    assert conversation.statuses() == [S.Preparing]
    conversation.pass_time(2)
    assert conversation.statuses() == [S.Preparing, S.Available]
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(5)
    assert conversation.of(START) == []
    assert not conversation.closed


def test_plugging_in_time_ends_the_waiting(talk: Talk) -> None:
    """ConnectionTimeOut is about the plug: a car that came in time is not cut off later (TXN-5)."""
    conversation = talk(ocpp="ConnectionTimeOut = 45")
    conversation.card()
    conversation.pass_time(44)
    conversation.plug_in()
    conversation.pass_time(60)
    assert conversation.station.connectors[0].transaction is not None


def test_the_same_card_again_takes_it_back(conversation: Conversation) -> None:
    """Shown a second time before plugging in: Available, and the plug starts nothing (TXN-7)."""
    conversation.card("TAG1")
    conversation.pass_time(5)
    conversation.card("tag1")
    assert conversation.statuses() == [S.Preparing, S.Available]
    conversation.plug_in()
    conversation.pass_time(5)
    assert conversation.of(START) == []


def test_unplugged_before_it_could_begin(conversation: Conversation) -> None:
    """The bolt was still moving when the car left: nothing was begun, and the bolt comes out (TXN-2, B1)."""
    conversation.plugs[1].bolt_works = False
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(1)
    conversation.plugs[1].bolt_works = True
    conversation.unplug()
    conversation.pass_time(5)
    assert conversation.of(START) == []
    assert conversation.status is S.Available
    assert conversation.plugs[1].lock is LockState.UNLOCKED


def waits_for_the_meter(conversation: Conversation) -> None:
    """Authorised, plugged, the bolt in; only the register is missing."""
    conversation.monotonic_s += 60
    conversation.plug_in()
    conversation.answers[m.AuthorizeReq] = None
    conversation.card()
    conversation.plugs[1].meter_works = False
    conversation.answer(m.AuthorizeConf(id_tag_info=invalid(AuthorizationStatus.Accepted)))
    assert conversation.plugs[1].lock is LockState.LOCKED
    assert conversation.of(START) == []


def unplugs(conversation: Conversation) -> None:
    """The car leaves."""
    conversation.unplug()


def out_of_service(conversation: Conversation) -> None:
    """ChangeAvailability(Inoperative)."""
    conversation.call(m.ChangeAvailabilityReq(connector_id=1, type=AvailabilityType.Inoperative))


def resets(conversation: Conversation) -> None:
    """Reset."""
    conversation.call(m.ResetReq(type=ResetType.Soft))


@pytest.mark.parametrize("cause", [unplugs, out_of_service, resets])
def test_a_start_that_is_called_off_leaves_no_bolt_in(conversation: Conversation, cause: Callable[[Conversation], None]) -> None:
    """The bolt was in already, the transaction had not begun: the plug is free again (B1, TXN-14)."""
    waits_for_the_meter(conversation)
    cause(conversation)
    assert conversation.plugs[1].lock is LockState.UNLOCKED
    conversation.plugs[1].meter_works = True
    conversation.pass_time(5)
    assert conversation.of(START) == []


# -- what must be right before it begins -----------------------------------------------------------------------------


def test_the_bolt_is_in_before_the_transaction_begins(conversation: Conversation) -> None:
    """No StartTransaction while the bolt is on its way (TXN-8)."""
    conversation.plugs[1].bolt_works = False
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(3)
    assert conversation.of(START) == []
    conversation.plugs[1].bolt_works = True
    conversation.change(lock=LockState.LOCKED)
    assert len(conversation.of(START)) == 1


def test_a_bolt_that_fails_starts_nothing(conversation: Conversation) -> None:
    """Faulted with ConnectorLockFailure, no transaction; after unplugging all is well again (TXN-8)."""
    conversation.plugs[1].bolt_works = False
    conversation.plug_in()
    conversation.card()
    conversation.change(faults=frozenset({FaultKind.LOCK}))
    conversation.pass_time(5)
    last = conversation.of(m.StatusNotificationReq)[-1]
    assert (last.status, last.error_code) == (S.Faulted, ChargePointErrorCode.ConnectorLockFailure)
    assert conversation.plugs[1].bolt_wish is LockState.UNLOCKED, "a bolt that came late would hold the plug for ever"
    conversation.plugs[1].bolt_works = True
    conversation.unplug()
    conversation.change(faults=frozenset())
    assert conversation.status is S.Available
    assert conversation.of(START) == []


def test_a_tethered_cable_needs_no_bolt(talk: Talk) -> None:
    """Without a lock the transaction begins at once, and no lock is ever moved (TXN-14)."""
    conversation = talk(lock="none", cable="tethered")
    conversation.plugs[1].lock = LockState.NONE
    conversation.plug_in()
    conversation.card()
    assert len(conversation.of(START)) == 1
    conversation.unplug()
    conversation.pass_time(5)
    assert conversation.ordered(commands.SetLock) == []


def test_the_register_is_read_anew_when_the_last_reading_is_old(conversation: Conversation) -> None:
    """meterStart is never a stale value: the meter is asked first (TXN-1, MTR-17)."""
    conversation.monotonic_s += 60
    conversation.plugs[1].energy_wh = 5000.0
    conversation.plug_in()
    conversation.card()
    assert conversation.of(START)[0].meter_start == 5000


def test_a_register_that_binary_makes_a_hair_less_is_not_a_watt_hour_less(conversation: Conversation) -> None:
    """1.001 kWh is 1001 Wh, at the start and at the end, as the samples say (TXN-1, MTR-9)."""
    conversation.plugs[1].energy_wh = 1001.0 - 1e-10
    conversation.pass_time(2)
    conversation.plug_in()
    conversation.card()
    assert conversation.of(START)[0].meter_start == 1001
    conversation.plugs[1].energy_wh = 4035.0 - 1e-10
    conversation.pass_time(2)
    conversation.card()
    conversation.pass_time(5)
    assert conversation.of(STOP)[0].meter_stop == 4035


def test_a_silent_meter_starts_nothing(conversation: Conversation) -> None:
    """What cannot be measured is not sold; the card is not even asked about (contract: fault kind meter)."""
    conversation.say(events.MeterFailed(1, "no answer"))
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    assert conversation.of(START) == []
    assert not conversation.closed


def test_while_nothing_can_be_stored_nothing_starts(conversation: Conversation) -> None:
    """Card, remote start and a card that was being asked about: all refused (X4, F-FULL, F-RO)."""
    conversation.answers[m.AuthorizeReq] = None
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.say(events.StorageFailed("disk full"))
    conversation.answers.clear()
    conversation.answer(m.AuthorizeConf(id_tag_info=invalid(AuthorizationStatus.Accepted)))
    conversation.card("TAG2")
    answer = conversation.call(m.RemoteStartTransactionReq(id_tag="TAG3", connector_id=1))
    conversation.request_power()
    conversation.pass_time(5)
    assert answer == m.RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected)
    assert conversation.of(START) == []
    assert not conversation.closed
    assert conversation.status is S.Faulted
    conversation.say(events.StorageFound())
    conversation.card("TAG2")
    conversation.pass_time(5)
    assert conversation.closed


# -- identifiers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transaction_id", [0, -1, -5, 1, 2**31, 2**63 - 1])
def test_any_transaction_id_is_echoed(conversation: Conversation, transaction_id: int) -> None:
    """Zero, negative and 64-bit ids are ids like others: in StopTransaction and for RemoteStop (TXN-10)."""
    conversation.next_transaction_id = transaction_id
    conversation.plug_in()
    conversation.card()
    answer = conversation.call(m.RemoteStopTransactionReq(transaction_id=transaction_id))
    conversation.pass_time(10)
    assert answer == m.RemoteStopTransactionConf(status=RemoteStartStopStatus.Accepted)
    assert conversation.of(STOP)[0].transaction_id == transaction_id


def test_the_same_transaction_id_every_time_confuses_nothing(talk: Talk) -> None:
    """An id is echoed, never a key of ours: two sessions with id 1 are two sessions (TXN-10)."""
    conversation = talk(connectors=2)
    for connector_id in (1, 2):
        conversation.next_transaction_id = 1
        conversation.plug_in(connector_id)
        conversation.card(f"TAG{connector_id}")
        conversation.request_power(connector_id)
        conversation.pass_time(5)
    conversation.unplug(2)
    conversation.pass_time(5)
    assert conversation.plugs[1].closed
    conversation.unplug(1)
    conversation.pass_time(5)
    assert [stop.transaction_id for stop in conversation.of(STOP)] == [1, 1]


@pytest.mark.parametrize("given_up", [False, True], ids=["not answered yet", "given up"])
def test_a_remote_stop_cannot_match_a_transaction_without_an_id(talk: Talk, given_up: bool) -> None:
    """Rejected, whatever number is named; -1 is what is told, not an id (TXN-22, TXN-21)."""
    conversation = talk(ocpp="TransactionMessageAttempts = 1")
    conversation.answers[START] = "InternalError" if given_up else None
    conversation.plug_in()
    conversation.card()
    for transaction_id in (-1, 0, 1):
        answer = conversation.call(m.RemoteStopTransactionReq(transaction_id=transaction_id))
        assert answer == m.RemoteStopTransactionConf(status=RemoteStartStopStatus.Rejected)
    assert conversation.station.connectors[0].transaction is not None


def test_message_ids_never_repeat(talk: Talk) -> None:
    """Over sessions, outages and restarts every CALL has an id of its own, but for re-sends of the same bytes (RPC-3)."""
    conversation = talk()
    for number in range(3):
        conversation.plug_in()
        conversation.card(f"TAG{number}")
        conversation.pass_time(70)
        conversation.disconnect()
        conversation.unplug()
        conversation.pass_time(10)
        conversation.restart()
        conversation.connect()
        conversation.pass_time(10)
    by_id: dict[str, Request] = {}
    for message_id, request in conversation.calls:
        assert by_id.setdefault(message_id, request) == request
    assert len(conversation.of(STOP)) == 3
