"""Dates that become known afterwards: each moment once, in order, and nothing before its time (F-1970)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from controller.clock import Instant
from controller.events import ClockWasSet, Started
from controller.ocpp.messages import MeterValue, SampledValue
from controller.ocpp.messages import core as m
from controller.ocpp.messages.remote_trigger import TriggerMessageReq
from controller.ocpp.types import MessageTrigger, Reason, RegistrationStatus
from controller.records import Durable, QueuedMessage, Stamp
from controller.station.dating import EARLIEST, Dating, dated, dated_request
from controller.station.step import Step
from controller.store.memory import MemoryStore
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation, configuration

UNSET = datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)
"""What a machine without a clock believes 1000 s after power-up."""
OFFLINE = {"online": False, "charging": "before_accepted = true",
           "ocpp": "AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 60\nClockAlignedDataInterval = 0"}


def values(*after_s: float, since: datetime = UNSET) -> list[MeterValue]:
    """One value at each of these moments."""
    return [MeterValue(timestamp=since + timedelta(seconds=s), sampled_value=[SampledValue(value="1")]) for s in after_s]


@pytest.fixture
def stranded(talk: Talk) -> Conversation:
    """Off line, in 1970; the central system, once it is reached, says START plus what has passed."""
    conversation = talk(**OFFLINE)  # type: ignore[arg-type]  # str | int | bool per keyword
    conversation.utc, conversation.clock_trusted = UNSET, False
    begun_s = conversation.monotonic_s

    def boot(_request: object) -> m.BootNotificationConf:
        now = START + timedelta(seconds=conversation.monotonic_s - begun_s)
        return m.BootNotificationConf(status=RegistrationStatus.Accepted, current_time=now, interval=300)

    conversation.answers[m.BootNotificationReq] = boot
    return conversation


def charge(conversation: Conversation, seconds: float) -> None:
    """A session of so many seconds."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(seconds)
    conversation.unplug()


# -- one moment ------------------------------------------------------------------------------------------------------


def test_a_moment_is_dated_by_the_seconds_that_were_counted() -> None:
    """The same moment, as the calendar of now has it (F-1970)."""
    stamp = Stamp(UNSET, 1000.0, "boot-1", trusted=False)
    assert dated(stamp, Instant(4600.25, START)) == Stamp(START - timedelta(seconds=3600.25), 1000.0, "boot-1", trusted=True)


def test_no_moment_is_before_the_program_was_built() -> None:
    """A central system whose clock is years behind dates nothing before that (F-1970)."""
    stamp = Stamp(UNSET, 1000.0, "boot-1", trusted=False)
    assert dated(stamp, Instant(4600.0, EARLIEST)).utc == EARLIEST


@pytest.mark.parametrize(("first", "then", "tells"), [
    pytest.param((1000.0, START, True), (1001.0, START + timedelta(seconds=1), True), False, id="time passes"),
    pytest.param((1000.0, START, True), (1001.0, START + timedelta(seconds=1.4), True), False, id="two clocks that run alike"),
    pytest.param((1000.0, START, True), (1001.0, START + timedelta(seconds=2), True), True, id="set forward"),
    pytest.param((1000.0, START, True), (1001.0, START - timedelta(days=3650), True), True, id="set back by years"),
    pytest.param((1000.0, START, False), (1001.0, START + timedelta(seconds=1), True), True, id="vouched for"),
    pytest.param((1000.0, UNSET, False), (1001.0, UNSET + timedelta(seconds=1), False), False, id="still unknown"),
])
def test_a_calendar_that_was_set_is_noticed_whoever_set_it(
        first: tuple[float, datetime, bool], then: tuple[float, datetime, bool], tells: bool) -> None:
    """NTP does not tell us; the step shows between the two clocks (F-STEP, F-1970)."""
    dating = Dating()
    dating.look(Started(), Step(Instant(*first), "boot-1"))
    step = Step(Instant(*then), "boot-1")
    dating.look(Started(), step)
    assert [type(event) for event in step.pending] == [ClockWasSet] * tells


# -- one message -----------------------------------------------------------------------------------------------------


def test_the_values_of_a_stop_that_were_dated_before_stay() -> None:
    """A session that went on after a power cut: the first values knew their date (F-1970)."""
    data = [*values(0, since=START), *values(100, 160)]
    stop = m.StopTransactionReq(meter_stop=1, timestamp=UNSET + timedelta(seconds=160), transaction_id=0, reason=Reason.Local,
                                transaction_data=data)
    by = START + timedelta(hours=1) - UNSET
    again = dated_request(stop, by, EARLIEST, dated_values=1)
    assert isinstance(again, m.StopTransactionReq)
    assert again.transaction_data is not None
    assert [(value.timestamp - START).total_seconds() for value in again.transaction_data] == [0, 3700, 3760]
    assert again.timestamp == START + timedelta(seconds=3760)


def test_no_message_of_a_session_is_before_the_one_it_follows() -> None:
    """A calendar that was set back in the session turns no order round (F-1970, TIME-2)."""
    stop = m.StopTransactionReq(meter_stop=1, timestamp=START - timedelta(hours=1), transaction_id=0, reason=Reason.Local,
                                transaction_data=[*values(0, 60, since=START), *values(-3540, since=START)])
    told = dated_request(stop, timedelta(), START + timedelta(seconds=60))
    assert isinstance(told, m.StopTransactionReq)
    assert told.transaction_data is not None
    assert [(value.timestamp - START).total_seconds() for value in told.transaction_data] == [0, 60, 60]
    assert told.timestamp == START + timedelta(seconds=60)


# -- the queue -------------------------------------------------------------------------------------------------------


def test_dates_are_durable_before_anything_is_sent(stranded: Conversation) -> None:
    """The commit with the dates goes before the first CALL that carries one (F-1970, QUE-11)."""
    charge(stranded, 130)
    stranded.answers[m.StartTransactionReq] = None
    stranded.connect()
    assert stranded.in_flight[0][1].action == "StartTransaction"
    durable = stranded.store.load()
    assert [message.stamp.trusted for message in durable.outbox] == [True] * 4
    assert all(row.started.trusted and row.last_seen.trusted for row in durable.transactions)
    start, *_, stop = (msgspec.json.decode(message.payload) for message in durable.outbox)
    assert start["timestamp"] == "2026-03-01T12:00:00Z"
    assert stop["timestamp"] == "2026-03-01T12:02:10Z"


def test_a_date_is_given_once(stranded: Conversation) -> None:
    """A central system that corrects itself later does not move what is dated (F-1970)."""
    charge(stranded, 130)
    stranded.answers[m.StartTransactionReq] = None
    stranded.connect()
    before = stranded.store.load().outbox
    stranded.utc += timedelta(hours=5)
    stranded.pass_time(1)
    assert stranded.store.load().outbox == before


def test_what_is_not_dated_does_not_leave(stranded: Conversation) -> None:
    """Registered with a central system that has no clock either: statuses go, without a date; nothing owed does (F-1970)."""
    charge(stranded, 70)
    stranded.answers[m.BootNotificationReq] = m.BootNotificationConf(
        status=RegistrationStatus.Accepted, current_time=UNSET, interval=300)
    stranded.connect()
    stranded.pass_time(60)
    assert {told.timestamp for told in stranded.of(m.StatusNotificationReq)} == {None}
    assert not {"StartTransaction", "MeterValues", "StopTransaction"} & set(stranded.actions)
    trigger = stranded.call(TriggerMessageReq(requested_message=MessageTrigger.MeterValues))
    assert getattr(trigger, "status", None) == "Rejected"


def test_what_an_earlier_boot_never_dated_is_given_up_at_the_start(stranded: Conversation) -> None:
    """Start, values and Stop together: one without the others would be a false bill (B4, decision 10)."""
    charge(stranded, 70)
    stranded.boot_id = "boot-2"
    stranded.restart(power_cut=True)
    assert [letter.action for letter, _ in stranded.store.dead_letters] == ["StartTransaction", "MeterValues", "StopTransaction"]
    assert stranded.store.load().outbox == ()
    assert stranded.store.load().transactions == ()


def test_what_has_left_is_not_given_up(tmp_path: Path) -> None:
    """It may have arrived: it stays owed, byte by byte; one that never left and has no date does not (rule 4 of the faults, B4)."""
    payload = msgspec.json.encode(m.MeterValuesReq(connector_id=1, meter_value=values(0))).decode()
    stamp = Stamp(UNSET, 1000.0, "boot-0", trusted=False)
    left, never = (QueuedMessage(message_id, "MeterValues", "", 1, payload, stamp, attempts)
                   for message_id, attempts in (("left", 1), ("never", 0)))
    conversation = Conversation(configuration(tmp_path), MemoryStore(Durable(outbox=(left, never))))
    assert conversation.store.load().outbox == (left,)
    assert [msgspec.structs.replace(letter, buried=None) for letter, _ in conversation.store.dead_letters] == [never]
