"""MeterValues: when they are taken, what they are stamped with, which transaction they belong to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.clock import Instant
from controller.events import CallReceived, ClockWasSet
from controller.guard.messages import Pilot
from controller.ocpp.messages.core import (
    ChangeConfigurationReq,
    MeterValuesReq,
    RemoteStopTransactionReq,
    StartTransactionReq,
    StopTransactionReq,
)
from controller.ocpp.messages.remote_trigger import TriggerMessageReq
from controller.ocpp.types import (
    Measurand,
    MessageTrigger,
    ReadingContext,
)
from controller.station.metering import Grid
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation, configuration

REGISTER_ONLY = 'MeterValuesSampledData = "Energy.Active.Import.Register"'


def begin(conversation: Conversation, connector_id: int = 1) -> datetime:
    """A car charges; tells when the transaction began."""
    conversation.plug_in(connector_id)
    conversation.card(connector_ids=(connector_id,))
    conversation.request_power(connector_id)
    return conversation.of(StartTransactionReq)[-1].timestamp


def stamps(conversation: Conversation, context: ReadingContext = ReadingContext.SamplePeriodic, connector_id: int = 1
           ) -> list[datetime]:
    """The timestamps of the MeterValues of one context."""
    return [value.timestamp for request in conversation.of(MeterValuesReq) if request.connector_id == connector_id
            for value in request.meter_value if value.sampled_value[0].context is context]


def seconds_after(begun: datetime, found: list[datetime]) -> list[float]:
    """How long after `begun` each of them is."""
    return [(stamp - begun).total_seconds() for stamp in found]


def configure(conversation: Conversation, name: str, value: str) -> None:
    """The central system changes a key."""
    conversation.call(ChangeConfigurationReq(key=name, value=value))


def measurands(request: MeterValuesReq) -> list[Measurand | None]:
    """The measurands of a message, each once."""
    return list(dict.fromkeys(value.measurand for value in request.meter_value[0].sampled_value))


def registers(conversation: Conversation) -> list[float]:
    """The energy registers as they were sent."""
    return [float(sampled.value) for request in conversation.of(MeterValuesReq) for sampled in
            request.meter_value[0].sampled_value if sampled.measurand is Measurand.EnergyActiveImportRegister]


# -- periodic ------------------------------------------------------------------------------------------------------------


def test_samples_lie_on_a_grid_that_begins_with_the_transaction(talk: Talk) -> None:
    """Every interval from the start of the transaction, context Sample.Periodic, and none before it (MTR-1)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    conversation.pass_time(33)
    assert stamps(conversation) == []
    begun = begin(conversation)
    conversation.pass_time(45)
    assert seconds_after(begun, stamps(conversation)) == [10, 20, 30, 40]


def test_samples_never_drift_whatever_the_time_of_day_began_with(tmp_path: Path) -> None:
    """Consecutive timestamps are exactly one interval apart: rounding of neither clock adds up (MTR-1)."""
    conversation = Conversation(configuration(tmp_path, ocpp="MeterValueSampleInterval = 7"),
                                at=START + timedelta(microseconds=999_000))
    conversation.monotonic_s = 123_456.789_012_3
    conversation.connect()
    conversation.pass_time(3.333_333_3)
    begun = begin(conversation)
    conversation.pass_time(700.3)
    assert seconds_after(begun, stamps(conversation)) == [7 * number for number in range(1, 101)]


@pytest.mark.parametrize("interval_s", [1, 7, 10, 60, 900])
def test_floating_point_loses_no_point_of_the_grid(interval_s: int) -> None:
    """The sum of begin and intervals may come out a hair short; it still is the point that was waited for (MTR-1)."""
    for begun_s in (0.1 * number + 98_765.4321 for number in range(200)):
        grid = Grid(begun_s, START)
        assert [grid.points_until(begun_s + number * interval_s, interval_s) for number in range(50)] == list(range(50))


def test_a_late_look_keeps_the_stamp_of_the_grid(talk: Talk) -> None:
    """A station that is woken late samples then, and is back on the grid with the next one (MTR-1, F-SDSLOW)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    begun = begin(conversation)
    conversation.pass_time(9)
    conversation.monotonic_s += 2.5
    conversation.utc += timedelta(seconds=2.5)
    conversation.pass_time(20)
    assert seconds_after(begun, stamps(conversation)) == [10, 20, 30]


def test_the_grid_takes_the_new_time_when_the_clock_is_set(talk: Talk) -> None:
    """Intervals are monotonic, stamps are true: a corrected calendar moves the stamps, not the moments (TIME-2, F-STEP)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    begun = begin(conversation)
    conversation.pass_time(15)
    before = conversation.utc
    conversation.utc += timedelta(hours=1)
    conversation.say(ClockWasSet(before))
    conversation.pass_time(20)
    assert seconds_after(begun, stamps(conversation)) == [10, 3620, 3630]


def test_interval_zero_takes_no_samples(talk: Talk) -> None:
    """MeterValueSampleInterval 0: none (MTR-1)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 0")
    begin(conversation)
    conversation.pass_time(300)
    assert conversation.of(MeterValuesReq) == []


def test_a_change_of_the_interval_acts_at_once_on_the_same_grid(talk: Talk) -> None:
    """The new interval counts from the start of the transaction, also to and from 0 (MTR-20)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 60")
    begun = begin(conversation)
    conversation.pass_time(25)
    configure(conversation, "MeterValueSampleInterval", "10")
    conversation.pass_time(20)
    configure(conversation, "MeterValueSampleInterval", "0")
    conversation.pass_time(100)
    configure(conversation, "MeterValueSampleInterval", "50")
    conversation.pass_time(60)
    assert seconds_after(begun, stamps(conversation)) == [30, 40, 150, 200]


def test_a_change_of_the_measurands_holds_from_the_next_sample(talk: Talk) -> None:
    """M1: the next sample uses the new set (MTR-20)."""
    conversation = talk(ocpp=f"MeterValueSampleInterval = 10\n{REGISTER_ONLY}")
    begin(conversation)
    conversation.pass_time(11)
    configure(conversation, "MeterValuesSampledData", "Voltage,Current.Offered")
    conversation.pass_time(10)
    configure(conversation, "MeterValuesSampledData", "")
    conversation.pass_time(10)
    assert [measurands(request) for request in conversation.of(MeterValuesReq)] == [
        [Measurand.EnergyActiveImportRegister], [Measurand.Voltage, Measurand.CurrentOffered],
        [Measurand.EnergyActiveImportRegister]]


def test_samples_end_with_the_transaction(talk: Talk) -> None:
    """After StopTransaction nothing periodic follows (MTR-1)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    begin(conversation)
    conversation.pass_time(15)
    conversation.card()
    assert conversation.of(StopTransactionReq)
    conversation.forget()
    conversation.pass_time(100)
    assert conversation.of(MeterValuesReq) == []


def test_samples_keep_coming_while_nothing_flows(talk: Talk) -> None:
    """SuspendedEV and SuspendedEVSE are within the transaction, so MeterValues go on (MTR-1)."""
    conversation = talk(ocpp=f"MeterValueSampleInterval = 10\n{REGISTER_ONLY}")
    begun = begin(conversation)
    conversation.pass_time(10)
    conversation.plug_in()  # back to B: the car lets go
    conversation.pass_time(30)
    assert seconds_after(begun, stamps(conversation)) == [10, 20, 30, 40]
    found = registers(conversation)
    assert found[-1] == found[0] > 1000, "the register stands still, it is not reset"


def test_a_resumed_transaction_stays_on_its_grid(talk: Talk) -> None:
    """After a restart the samples lie where they would have lain without it (MTR-1, F-KILL)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    begun = begin(conversation)
    conversation.pass_time(25)
    conversation.restart(after_s=4, offers_survive=True)
    conversation.connect()
    conversation.pass_time(25)
    assert seconds_after(begun, stamps(conversation)) == [10, 20, 30, 40, 50]


def test_a_clock_that_lost_years_does_not_end_the_samples(talk: Talk) -> None:
    """A start that finds the calendar before the transaction's begin lays a new grid from now (MTR-1, F-1970)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    begin(conversation)
    conversation.pass_time(5)
    conversation.utc -= timedelta(days=3650)
    conversation.restart(after_s=2, offers_survive=True)
    conversation.connect()
    conversation.forget()
    conversation.pass_time(21)
    assert len(stamps(conversation)) == 2


# -- clock-aligned -------------------------------------------------------------------------------------------------------


def test_clock_aligned_samples_lie_exactly_on_the_grid_of_the_day(talk: Talk) -> None:
    """Multiples of the interval from 00:00:00 UTC, context Sample.Clock, also without a transaction (MTR-2)."""
    conversation = talk(ocpp="ClockAlignedDataInterval = 900")
    conversation.pass_time(3 * 900)
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert stamps(conversation, ReadingContext.SampleClock) == [noon + timedelta(minutes=m) for m in (15, 30, 45)]
    assert [request.transaction_id for request in conversation.of(MeterValuesReq)] == [None] * 3


def test_the_grid_begins_anew_at_midnight(tmp_path: Path) -> None:
    """An interval that does not divide the day restarts at 00:00:00 (MTR-2)."""
    late = datetime(2026, 3, 1, 23, 50, 0, 250_000, tzinfo=UTC)
    conversation = Conversation(configuration(tmp_path, ocpp="ClockAlignedDataInterval = 700"), at=late)
    conversation.connect()
    conversation.pass_time(1400)
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert stamps(conversation, ReadingContext.SampleClock) == [
        midnight - timedelta(seconds=300), midnight, midnight + timedelta(seconds=700)]


def test_the_aligned_interval_acts_at_once_and_zero_ends_it(talk: Talk) -> None:
    """ClockAlignedDataInterval can be switched on, changed and off at any time (MTR-2, MTR-20)."""
    conversation = talk()
    configure(conversation, "ClockAlignedDataInterval", "60")
    conversation.pass_time(90)
    configure(conversation, "ClockAlignedDataInterval", "10")
    conversation.pass_time(20)
    configure(conversation, "ClockAlignedDataInterval", "0")
    conversation.pass_time(300)
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert seconds_after(noon, stamps(conversation, ReadingContext.SampleClock)) == [60, 100, 110]


def test_aligned_samples_carry_their_own_measurands(talk: Talk) -> None:
    """MeterValuesAlignedData, and the register when it is empty (MTR-2)."""
    conversation = talk(ocpp='ClockAlignedDataInterval = 10\nMeterValuesAlignedData = "Frequency,Voltage"')
    conversation.pass_time(10)
    configure(conversation, "MeterValuesAlignedData", "")
    conversation.pass_time(10)
    assert [measurands(request) for request in conversation.of(MeterValuesReq)] == [
        [Measurand.Frequency, Measurand.Voltage], [Measurand.EnergyActiveImportRegister]]


@pytest.mark.parametrize("early_ms", [0, 1, 40, 400], ids=lambda ms: f"{ms} ms early")
def test_a_calendar_that_runs_slow_doubles_no_sample(talk: Talk, early_ms: int) -> None:
    """The calendar is slewed by others: woken a little before the grid point, that point is taken once (MTR-2, F-STEP)."""
    conversation = talk(ocpp="ClockAlignedDataInterval = 60")
    conversation.pass_time(30)
    conversation.utc -= timedelta(milliseconds=early_ms)
    conversation.pass_time(120)
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert seconds_after(noon, stamps(conversation, ReadingContext.SampleClock)) == [60, 120]


@pytest.mark.parametrize(("step_s", "expected"), [(-5, [60, 120]), (5, [60, 120]), (3600, [60, 3720])])
def test_a_set_clock_neither_doubles_nor_loses_the_grid(talk: Talk, step_s: int, expected: list[int]) -> None:
    """Just after a point the clock is set: the same point is not taken again, and the next one is met (MTR-2, F-STEP)."""
    conversation = talk(ocpp="ClockAlignedDataInterval = 60")
    conversation.pass_time(57)
    before = conversation.utc
    conversation.utc += timedelta(seconds=step_s)
    conversation.say(ClockWasSet(before))
    conversation.pass_time(63)
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert seconds_after(noon, stamps(conversation, ReadingContext.SampleClock)) == expected


def test_a_calendar_that_went_back_unseen_waits_for_the_grid_again(talk: Talk) -> None:
    """Woken far before the point: nothing is taken, the point is waited for (MTR-2, F-STEP)."""
    conversation = talk(ocpp="ClockAlignedDataInterval = 60")
    conversation.pass_time(30)
    conversation.utc -= timedelta(seconds=20)
    conversation.pass_time(40)
    assert stamps(conversation, ReadingContext.SampleClock) == []
    conversation.pass_time(20)
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert seconds_after(noon, stamps(conversation, ReadingContext.SampleClock)) == [60]


def test_a_calendar_that_nobody_has_set_has_no_grid(talk: Talk) -> None:
    """Until the date is known nothing is stamped with a grid of the day; then it begins at the next point (MTR-2, F-1970)."""
    conversation = talk(ocpp="ClockAlignedDataInterval = 60")
    conversation.clock_trusted = False
    conversation.pass_time(130)
    assert stamps(conversation, ReadingContext.SampleClock) == []
    conversation.clock_trusted = True
    conversation.say(ClockWasSet(conversation.utc))
    conversation.pass_time(60)
    assert len(stamps(conversation, ReadingContext.SampleClock)) == 1


# -- which transaction ---------------------------------------------------------------------------------------------------


def test_values_of_a_transaction_carry_its_id_and_others_none(talk: Talk) -> None:
    """transactionId is that of the transaction running on the connector at that instant (MTR-4)."""
    conversation = talk(connectors=2, ocpp="ClockAlignedDataInterval = 10\nMeterValueSampleInterval = 0")
    conversation.next_transaction_id = 0
    begin(conversation, 2)
    conversation.pass_time(10)
    assert [(r.connector_id, r.transaction_id) for r in conversation.of(MeterValuesReq)] == [(1, None), (2, 0)]


def test_values_taken_before_the_id_is_known_carry_it_when_they_leave(talk: Talk) -> None:
    """Offline samples wait for StartTransaction.conf and then carry its id, in order, one interval apart (MTR-20, TXN-21)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 1\nAllowOfflineTxForUnknownId = true")
    conversation.disconnect()
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(100)
    assert conversation.of(MeterValuesReq) == []
    conversation.next_transaction_id = 4711
    conversation.connect()
    begun = conversation.of(StartTransactionReq)[0].timestamp
    assert seconds_after(begun, stamps(conversation)) == list(range(1, 101))
    assert {request.transaction_id for request in conversation.of(MeterValuesReq)} == {4711}


def test_values_of_a_start_that_was_given_up_carry_minus_one(talk: Talk) -> None:
    """Only then: StartTransaction was refused for good; triggered values say so too (TXN-21, MTR-4)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10\nTransactionMessageAttempts = 1")
    conversation.answers[StartTransactionReq] = "InternalError"
    begin(conversation)
    conversation.pass_time(10)
    conversation.call(TriggerMessageReq(requested_message=MessageTrigger.MeterValues))
    assert [request.transaction_id for request in conversation.of(MeterValuesReq)] == [-1, -1]


def test_values_between_a_restart_and_the_verdict_belong_to_no_transaction(talk: Talk) -> None:
    """Whether a transaction found open still runs is not known yet; its values are not guessed (MTR-4)."""
    conversation = talk(ocpp="ClockAlignedDataInterval = 1\nMeterValueSampleInterval = 0",
                        charging='after_power_loss = "resume"')
    begin(conversation)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart(after_s=2)
    conversation.forget()
    conversation.connect()
    conversation.pass_time(3)
    assert {request.transaction_id for request in conversation.of(MeterValuesReq)} == {None}


# -- energy and silence --------------------------------------------------------------------------------------------------


def test_the_register_is_monotone_and_never_rebased(talk: Talk) -> None:
    """Values are the meter's own register over transactions, not a session counter (MTR-9)."""
    conversation = talk(ocpp=f"MeterValueSampleInterval = 10\n{REGISTER_ONLY}")
    for _ in range(2):
        begin(conversation)
        conversation.pass_time(60)
        conversation.card()
        conversation.unplug()
        conversation.pass_time(5)
    found = registers(conversation)
    starts = [request.meter_start for request in conversation.of(StartTransactionReq)]
    stops = [request.meter_stop for request in conversation.of(StopTransactionReq)]
    assert found == sorted(found)
    assert starts[0] == 1000
    assert starts[1] == stops[0]


def test_energy_per_interval_counts_from_sample_to_sample(talk: Talk) -> None:
    """Energy.Active.Import.Interval of the periodic series: what came since the sample before (MTR-3)."""
    conversation = talk(ocpp='MeterValueSampleInterval = 60\nMeterValuesSampledData = "Energy.Active.Import.Interval"')
    begin(conversation)
    conversation.pass_time(120)
    values = [request.meter_value[0].sampled_value[0].value for request in conversation.of(MeterValuesReq)]
    assert values == ["184", "184"], "11.04 kW for a minute"


def test_energy_of_the_first_aligned_interval_is_what_came_since_the_start(talk: Talk) -> None:
    """The partial interval at the beginning is no zero (MTR-3)."""
    conversation = talk(ocpp='ClockAlignedDataInterval = 60\nMeterValuesAlignedData = "Energy.Active.Import.Interval"')
    begin(conversation)
    conversation.pass_time(115)
    values = [float(request.meter_value[0].sampled_value[0].value) for request in conversation.of(MeterValuesReq)
              if request.meter_value[0].sampled_value[0].context is ReadingContext.SampleClock]
    assert values == [pytest.approx(55 * 11040 / 3600, abs=0.01), 184.0]


def test_energy_per_aligned_interval_is_of_one_transaction_only(talk: Talk) -> None:
    """Two cars within one interval of the clock: the sample in the second one's time has nothing of the first (MTR-3, MTR-4)."""
    conversation = talk(ocpp='ClockAlignedDataInterval = 60\nMeterValueSampleInterval = 0\n'
                             'MeterValuesAlignedData = "Energy.Active.Import.Interval"')
    begin(conversation)
    conversation.pass_time(20)
    conversation.card()
    conversation.unplug()
    begin(conversation)
    conversation.pass_time(60)
    (sample,) = conversation.of(MeterValuesReq)
    assert sample.transaction_id == 2
    assert float(sample.meter_value[0].sampled_value[0].value) == pytest.approx(35 * 11040 / 3600, abs=0.01)


def test_energy_per_interval_goes_on_over_a_restart(talk: Talk) -> None:
    """The first sample after a restart covers what flowed since the last stored one (MTR-3)."""
    conversation = talk(ocpp='MeterValueSampleInterval = 60\nMeterValuesSampledData = "Energy.Active.Import.Interval"')
    begin(conversation)
    conversation.pass_time(60)
    conversation.restart(after_s=5, offers_survive=True)
    conversation.connect()
    conversation.pass_time(55)
    values = [request.meter_value[0].sampled_value[0].value for request in conversation.of(MeterValuesReq)]
    assert values == ["184", "184"]


def test_a_silent_meter_gives_no_samples(talk: Talk) -> None:
    """A reading older than ten seconds is not repeated as if it were new (MTR-17)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10\nClockAlignedDataInterval = 10",
                        charging='on_meter_loss = "continue"')
    begin(conversation)
    conversation.pass_time(10)
    conversation.forget()
    conversation.plugs[1].meter_works = False
    conversation.pass_time(10)
    assert len(stamps(conversation)) == 1, "ten seconds old at most"
    conversation.pass_time(60)
    assert len(stamps(conversation)) == len(stamps(conversation, ReadingContext.SampleClock)) == 1
    conversation.plugs[1].meter_works = True
    conversation.pass_time(10)
    assert len(stamps(conversation)) == 2


def test_the_offered_current_is_what_the_pilot_says(talk: Talk) -> None:
    """Current.Offered and Power.Offered follow the guard's report: cable and warmth may allow less than we wish (MTR-7)."""
    conversation = talk(ocpp='MeterValueSampleInterval = 10\nMeterValuesSampledData = "Current.Offered,Power.Offered"')
    begin(conversation)
    conversation.change(offered_a=13.0)
    conversation.pass_time(10)
    (request,) = conversation.of(MeterValuesReq)
    assert [value.value for value in request.meter_value[0].sampled_value] == ["13", "8970"]


def test_a_sample_in_the_moment_of_the_end_is_not_sent_without_its_transaction(talk: Talk) -> None:
    """A deadline that comes due together with the end finds no transaction, and sends nothing (MTR-4)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10")
    begin(conversation)
    conversation.pass_time(9.5)
    (due,) = [event for event in conversation.station.due(Instant(conversation.monotonic_s + 0.5, conversation.utc))
              if event.key[0] == "metering"]
    conversation.say(CallReceived("stop", RemoteStopTransactionReq(transaction_id=1)))
    conversation.forget()
    conversation.say(due)
    assert conversation.of(MeterValuesReq) == []
