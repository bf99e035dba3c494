"""ReserveNow and CancelReservation: what they are answered, and how a reservation ends (RES-1 to RES-5, RES-8, RES-10 to RES-12)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from controller import events
from controller.commands import Reply
from controller.faults import FaultKind
from controller.ocpp.messages.core import (
    BootNotificationConf,
    BootNotificationReq,
    ChangeAvailabilityReq,
    StatusNotificationReq,
)
from controller.ocpp.messages.reservation import CancelReservationReq, ReserveNowReq
from controller.ocpp.types import (
    AvailabilityType,
    CancelReservationStatus,
    RegistrationStatus,
    ReservationStatus,
)
from controller.records import DropReservation, PutReservation
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation
from tests.unit.station.reserving import HOUR_S, cancel, kept, reserve, shown, told, waiting

ACCEPTED, OCCUPIED, FAULTED = ReservationStatus.Accepted, ReservationStatus.Occupied, ReservationStatus.Faulted
UNAVAILABLE, REJECTED = ReservationStatus.Unavailable, ReservationStatus.Rejected


def available(conversation: Conversation, connector_id: int, kind: AvailabilityType) -> None:
    """ChangeAvailability."""
    conversation.call(ChangeAvailabilityReq(connector_id=connector_id, type=kind))


def fault(conversation: Conversation, connector_id: int = 1, *kinds: FaultKind) -> None:
    """These faults stand on a connector, and no others."""
    conversation.change(connector_id, faults=frozenset(kinds))


def occupy(conversation: Conversation, connector_id: int) -> None:
    """A car is plugged in and nobody shows a card."""
    conversation.plug_in(connector_id)


def start(conversation: Conversation, id_tag: str = "TAG1", connector_id: int = 1) -> None:
    """A car charges."""
    conversation.plug_in(connector_id)
    conversation.card(id_tag, (connector_id,))
    conversation.request_power(connector_id)


# -- answers ---------------------------------------------------------------------------------------------------------


def test_a_free_connector_is_reserved_and_told_so(conversation: Conversation) -> None:
    """Accepted, then StatusNotification Reserved without an error (RES-2, RES-4)."""
    assert reserve(conversation) is ACCEPTED
    assert [(r.connector_id, r.status, r.error_code) for r in conversation.of(StatusNotificationReq)] == [(1, "Reserved", "NoError")]


def test_accepted_is_said_when_it_is_on_the_disk(conversation: Conversation) -> None:
    """The record enters in the step of the answer, and so does the end in that of CancelReservation (RES-12)."""
    request = ReserveNowReq(connector_id=1, expiry_date=START + timedelta(hours=1), id_tag="TAG1", reservation_id=7,
                            parent_id_tag="FAMILY")
    outcome = conversation.station.handle(events.CallReceived("a", request), conversation.at)
    (record,) = outcome.records
    assert isinstance(record, PutReservation)
    row = record.reservation
    assert (row.reservation_id, row.connector_id, row.id_tag, row.parent_id_tag) == (7, 1, "TAG1", "FAMILY")
    assert row.expiry_date == START + timedelta(hours=1)
    outcome = conversation.station.handle(events.CallReceived("b", CancelReservationReq(reservation_id=7)), conversation.at)
    assert outcome.records == [DropReservation(7)]
    assert [c for c in outcome.commands if isinstance(c, Reply)]


@pytest.mark.parametrize("state", ["plugged", "waiting", "charging", "finishing", "reserved", "reserved for the same"])
def test_a_connector_in_use_is_occupied(conversation: Conversation, state: str) -> None:
    """Cable in, somebody expected, a transaction, a plug left, another reservation of whomever: Occupied (RES-2, RES-3)."""
    match state:
        case "plugged":
            occupy(conversation, 1)
        case "waiting":
            conversation.card("TAG9")
        case "charging":
            start(conversation, "TAG9")
        case "finishing":
            start(conversation, "TAG9")
            conversation.card("TAG9")
            conversation.pass_time(5)
        case "reserved":
            reserve(conversation, id_tag="TAG9", reservation_id=1)
        case _:
            reserve(conversation, reservation_id=1)
    before = kept(conversation)
    assert reserve(conversation) is OCCUPIED
    assert kept(conversation) == before


def test_a_faulted_connector_answers_faulted(conversation: Conversation) -> None:
    """Faulted, also where it is Unavailable as well: it is asked first (RES-2, RES-3)."""
    available(conversation, 1, AvailabilityType.Inoperative)
    assert reserve(conversation) is UNAVAILABLE
    fault(conversation, 1, FaultKind.TEMPERATURE)
    assert reserve(conversation) is FAULTED
    assert kept(conversation) == {}


def test_a_warning_is_no_fault(conversation: Conversation) -> None:
    """A meter that has just fallen silent does not make the connector Faulted (STAT-9)."""
    conversation.say(events.MeterFailed(1, "no answer"))
    assert reserve(conversation) is ACCEPTED


def test_an_unavailable_connector_answers_unavailable(conversation: Conversation) -> None:
    """Also with a car plugged: Unavailable is asked before Occupied (RES-2, RES-3)."""
    available(conversation, 1, AvailabilityType.Inoperative)
    occupy(conversation, 1)
    assert reserve(conversation) is UNAVAILABLE


@pytest.mark.parametrize(("connector_id", "for_s"), [(2, HOUR_S), (99, HOUR_S), (1, 0.0), (1, -1.0), (1, -1e9)],
                         ids=["no such connector", "none at all", "now", "a second ago", "long ago"])
def test_what_cannot_be_is_rejected(conversation: Conversation, connector_id: int, for_s: float) -> None:
    """Unknown connector, expiryDate in the past: Rejected, whatever state the connector is in (RES-3)."""
    assert reserve(conversation, connector_id, for_s=for_s) is REJECTED
    fault(conversation, 1, FaultKind.TEMPERATURE)
    assert reserve(conversation, connector_id, for_s=for_s) is REJECTED
    assert kept(conversation) == {}


def test_the_expiry_date_may_be_told_in_any_zone(conversation: Conversation) -> None:
    """13:00:30 in UTC+1 is half a minute from noon (TIME-1)."""
    until = datetime(2026, 3, 1, 13, 0, 35, 500_000, timezone(timedelta(hours=1)))
    assert reserve(conversation, until=until) is ACCEPTED
    conversation.pass_time((until - conversation.utc).total_seconds() - 0.5)
    assert shown(conversation) == ["Reserved"]
    conversation.pass_time(0.5)
    assert shown(conversation) == ["Available"]


@pytest.mark.parametrize("reservation_id", [0, -1, 2**31, -(2**63), 2**63 - 1])
def test_any_integer_is_an_id(conversation: Conversation, reservation_id: int) -> None:
    """Zero and negative ones included."""
    assert reserve(conversation, reservation_id=reservation_id) is ACCEPTED
    conversation.restart(after_s=1)
    assert kept(conversation) == {reservation_id: 1}
    conversation.connect()
    assert cancel(conversation, reservation_id) is CancelReservationStatus.Accepted


def test_without_a_date_nobody_can_promise_until_when(talk: Talk) -> None:
    """The central system tells 1970 and the machine knows no better: Rejected (RES-3, F-1970)."""
    conversation = talk(online=False)
    conversation.utc, conversation.clock_trusted = datetime(1970, 1, 1, 0, 1, tzinfo=UTC), False
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Accepted, current_time=conversation.utc, interval=300)
    conversation.connect()
    assert reserve(conversation) is REJECTED


# -- connector 0 -----------------------------------------------------------------------------------------------------


def test_connector_0_is_rejected_where_the_key_says_so(talk: Talk) -> None:
    """ReserveConnectorZeroSupported = false in the `[ocpp]` table; a certain connector may still be reserved (RES-2)."""
    conversation = talk(ocpp="ReserveConnectorZeroSupported = false")
    assert reserve(conversation, 0) is REJECTED
    assert reserve(conversation, 1) is ACCEPTED


def test_connector_0_takes_one_reservation_for_every_free_connector(talk: Talk) -> None:
    """At any time one must remain for each: two free ones, two reservations, then Occupied, for one of them as well (RES-5)."""
    conversation = talk(connectors=3)
    occupy(conversation, 3)
    assert reserve(conversation, 0, "TAG1", 1) is ACCEPTED
    assert reserve(conversation, 0, "TAG2", 2) is ACCEPTED
    assert reserve(conversation, 0, "TAG3", 3) is OCCUPIED
    assert reserve(conversation, 1, "TAG3", 3) is OCCUPIED
    conversation.unplug(3)
    assert reserve(conversation, 1, "TAG3", 3) is ACCEPTED
    assert reserve(conversation, 0, "TAG4", 4) is OCCUPIED
    assert kept(conversation) == {1: 0, 2: 0, 3: 1}


def test_connector_0_shows_on_the_last_free_connector_only(talk: Talk) -> None:
    """Nothing is Reserved while two are free; the last one is, and no longer when another comes free (RES-5, contract section 3)."""
    conversation = talk(connectors=3)
    assert reserve(conversation, 0) is ACCEPTED
    assert shown(conversation) == ["Available"] * 3
    occupy(conversation, 2)
    assert shown(conversation) == ["Available", "Preparing", "Available"]
    start(conversation, "TAG9", 3)
    assert shown(conversation) == ["Reserved", "Preparing", "Charging"]
    assert told(conversation) == "Reserved"
    conversation.unplug(2)
    assert shown(conversation) == ["Available", "Available", "Charging"]
    assert told(conversation) == "Available"


@pytest.mark.parametrize("how", ["faulted", "unavailable", "reserved"])
def test_what_nobody_can_use_is_not_counted_as_free(talk: Talk, how: str) -> None:
    """The other connector is out of service, or somebody else's: the first one is the last that is left (TC_049, RES-5)."""
    conversation = talk(connectors=2)
    match how:
        case "faulted":
            fault(conversation, 2, FaultKind.TEMPERATURE)
        case "unavailable":
            available(conversation, 2, AvailabilityType.Inoperative)
        case _:
            reserve(conversation, 2, "TAG9", 1)
    assert reserve(conversation, 0) is ACCEPTED
    assert told(conversation) == "Reserved"
    assert reserve(conversation, 0, "TAG3", 3) is OCCUPIED


@pytest.mark.parametrize(("states", "expected"), [
    (("faulted", "faulted"), FAULTED), (("faulted", "unavailable"), FAULTED), (("unavailable", "unavailable"), UNAVAILABLE),
    (("faulted", "occupied"), OCCUPIED), (("unavailable", "occupied"), OCCUPIED), (("occupied", "occupied"), OCCUPIED),
    (("occupied", "free"), ACCEPTED)])
def test_connector_0_is_answered_by_what_all_of_them_are(talk: Talk, states: tuple[str, str], expected: ReservationStatus) -> None:
    """Faulted, Unavailable or Occupied only when no connector is any better (RES-2, RES-3)."""
    conversation = talk(connectors=2)
    for connector_id, state in enumerate(states, 1):
        match state:
            case "faulted":
                fault(conversation, connector_id, FaultKind.TEMPERATURE)
            case "unavailable":
                available(conversation, connector_id, AvailabilityType.Inoperative)
            case "occupied":
                occupy(conversation, connector_id)
    assert reserve(conversation, 0) is expected


def test_connector_0_is_unavailable_while_the_charge_point_is(talk: Talk) -> None:
    """Inoperative as a whole, one connector made Operative again by itself: that one may be reserved, the whole not (AVL-5)."""
    conversation = talk(connectors=2)
    available(conversation, 0, AvailabilityType.Inoperative)
    available(conversation, 2, AvailabilityType.Operative)
    assert reserve(conversation, 0) is UNAVAILABLE
    assert reserve(conversation, 2) is ACCEPTED


# -- the same id once more -------------------------------------------------------------------------------------------


def test_the_same_id_replaces_the_reservation(talk: Talk) -> None:
    """Another tag, another time, another connector: the former one is gone, and its connector Available (RES-1)."""
    conversation = talk(connectors=2)
    assert reserve(conversation, 1, "TAG1") is ACCEPTED
    assert reserve(conversation, 2, "TAG2") is ACCEPTED
    assert shown(conversation) == ["Available", "Reserved"]
    assert kept(conversation) == {7: 2}
    conversation.card("TAG1", (2,))
    assert waiting(conversation) == {}
    conversation.card("TAG2", (2,))
    assert waiting(conversation) == {2: "TAG2"}


def test_a_replaced_reservation_has_its_new_end(conversation: Conversation) -> None:
    """Longer or shorter: the former expiryDate means nothing any more (RES-1, RES-8)."""
    reserve(conversation, for_s=60)
    reserve(conversation, for_s=600)
    conversation.pass_time(300)
    assert shown(conversation) == ["Reserved"]
    reserve(conversation, for_s=10)
    conversation.pass_time(10)
    assert shown(conversation) == ["Available"]


def test_from_connector_0_to_one_and_back(talk: Talk) -> None:
    """A replacement does not stand in its own way, even where nothing else is left (RES-1)."""
    conversation = talk(connectors=2)
    occupy(conversation, 2)
    assert reserve(conversation, 0) is ACCEPTED
    assert reserve(conversation, 1) is ACCEPTED
    assert reserve(conversation, 0) is ACCEPTED
    assert kept(conversation) == {7: 0}


def test_a_replacement_that_cannot_be_leaves_the_former_one(talk: Talk) -> None:
    """Faulted, Occupied, Rejected: what was promised before still is (RES-3)."""
    conversation = talk(connectors=2)
    reserve(conversation, 1)
    fault(conversation, 2, FaultKind.TEMPERATURE)
    assert reserve(conversation, 2) is FAULTED
    fault(conversation, 2)
    occupy(conversation, 2)
    assert reserve(conversation, 2) is OCCUPIED
    assert reserve(conversation, 1, for_s=-1) is REJECTED
    assert kept(conversation) == {7: 1}
    assert shown(conversation)[0] == "Reserved"


def test_a_car_in_the_way_does_not_hinder_a_replacement_in_the_same_place(conversation: Conversation) -> None:
    """The connector is reserved already; only its terms change (RES-1)."""
    reserve(conversation)
    occupy(conversation, 1)
    assert reserve(conversation, id_tag="TAG2") is ACCEPTED
    assert conversation.store.load().reservations[0].id_tag == "TAG2"


def test_who_is_about_to_use_it_does_not_lose_it_to_another(conversation: Conversation) -> None:
    """The reserved card was shown: a longer time for it is Accepted, another tag Occupied (RES-1, RES-3)."""
    reserve(conversation)
    conversation.card("TAG1")
    assert reserve(conversation, id_tag="TAG2") is OCCUPIED
    assert reserve(conversation, id_tag="tag1", for_s=2 * HOUR_S) is ACCEPTED
    assert waiting(conversation) == {1: "TAG1"}


# -- the end ---------------------------------------------------------------------------------------------------------


def test_it_ends_when_its_time_is_over(conversation: Conversation) -> None:
    """To the second, told as Available (RES-8, RES-10)."""
    reserve(conversation, for_s=90)
    conversation.pass_time(89.9)
    assert told(conversation) == "Reserved"
    conversation.pass_time(0.1)
    assert told(conversation) == "Available"
    assert kept(conversation) == {}
    assert cancel(conversation) is CancelReservationStatus.Rejected


def test_it_ends_when_it_is_cancelled(conversation: Conversation) -> None:
    """Accepted, told as Available; once more, and an id that never was, Rejected (RES-10, RES-11)."""
    reserve(conversation)
    assert cancel(conversation, 8) is CancelReservationStatus.Rejected
    assert cancel(conversation) is CancelReservationStatus.Accepted
    assert told(conversation) == "Available"
    assert kept(conversation) == {}
    assert cancel(conversation) is CancelReservationStatus.Rejected
    assert conversation.station.next_deadline_s() is not None
    conversation.pass_time(HOUR_S + 1)
    assert told(conversation) == "Available"


def test_a_fault_ends_it(conversation: Conversation) -> None:
    """Faulted, and Available when the fault is gone, no longer Reserved (RES-8, RES-12, AVL-6)."""
    reserve(conversation)
    fault(conversation, 1, FaultKind.TEMPERATURE)
    fault(conversation, 1)
    assert [str(status) for status in conversation.statuses()] == ["Reserved", "Faulted", "Available"]
    assert kept(conversation) == {}


def test_a_fault_of_another_connector_does_not(talk: Talk) -> None:
    """Each connector has its own reservation (RES-8)."""
    conversation = talk(connectors=2)
    reserve(conversation, 1)
    fault(conversation, 2, FaultKind.TEMPERATURE)
    assert kept(conversation) == {7: 1}


def test_change_availability_ends_it(conversation: Conversation) -> None:
    """Reserved, Unavailable, Available (G8, H1; RES-8, AVL-6)."""
    reserve(conversation)
    available(conversation, 1, AvailabilityType.Inoperative)
    available(conversation, 1, AvailabilityType.Operative)
    assert [str(status) for status in conversation.statuses()] == ["Reserved", "Unavailable", "Available"]
    assert kept(conversation) == {}


def test_one_of_connector_0_lives_while_any_connector_does(talk: Talk) -> None:
    """One Faulted, one Unavailable: only then nothing is left that could be kept (RES-8)."""
    conversation = talk(connectors=2)
    reserve(conversation, 0)
    fault(conversation, 1, FaultKind.TEMPERATURE)
    assert shown(conversation) == ["Faulted", "Reserved"]
    assert kept(conversation) == {7: 0}
    available(conversation, 2, AvailabilityType.Inoperative)
    assert kept(conversation) == {}


def test_the_charge_point_as_a_whole_unavailable_ends_one_of_connector_0_at_once(talk: Talk) -> None:
    """Even where a session still runs until it takes effect there (RES-8, AVL-2)."""
    conversation = talk(connectors=2)
    start(conversation, "TAG9", 1)
    reserve(conversation, 0)
    available(conversation, 0, AvailabilityType.Inoperative)
    assert kept(conversation) == {}


def test_a_guard_that_dies_ends_it(conversation: Conversation) -> None:
    """Every connector is Faulted then (RES-8)."""
    reserve(conversation)
    conversation.lose_guard()
    assert kept(conversation) == {}
