"""transactionData in StopTransaction: what is gathered during a transaction, and what is left of it at the end."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from controller.ocpp.messages.core import (
    ChangeConfigurationReq,
    MeterValue,
    SampledValue,
    StartTransactionReq,
    StopTransactionReq,
)
from controller.ocpp.types import Measurand, ReadingContext
from controller.station.metering import thinned
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

BEGIN, END = ReadingContext.TransactionBegin, ReadingContext.TransactionEnd
PERIODIC, CLOCK = ReadingContext.SamplePeriodic, ReadingContext.SampleClock
SAMPLED = 'StopTxnSampledData = "Energy.Active.Import.Register,Voltage"\nMeterValueSampleInterval = 10'
ALIGNED = 'StopTxnAlignedData = "Frequency,Energy.Active.Import.Register"\nClockAlignedDataInterval = 60'


def begin(conversation: Conversation) -> None:
    """A car charges."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()


def charge(conversation: Conversation, seconds: float) -> list[MeterValue]:
    """A car charges for so long, and the card ends it; what StopTransaction then carries."""
    begin(conversation)
    conversation.pass_time(seconds)
    conversation.card()
    return data(conversation)


def data(conversation: Conversation) -> list[MeterValue]:
    """transactionData of the last StopTransaction."""
    return conversation.of(StopTransactionReq)[-1].transaction_data or []


def contexts(values: list[MeterValue]) -> list[ReadingContext | None]:
    """The context of each element."""
    return [value.sampled_value[0].context for value in values]


def measurands(value: MeterValue) -> set[Measurand | None]:
    """The measurands of one element."""
    return {sampled.measurand for sampled in value.sampled_value}


def register(value: MeterValue) -> float:
    """The energy register of one element."""
    return next(float(s.value) for s in value.sampled_value if s.measurand is Measurand.EnergyActiveImportRegister)


def test_with_both_lists_empty_there_is_no_transaction_data(talk: Talk) -> None:
    """Nothing configured: the field is left out (TXN-18, MTR-11)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 10\nClockAlignedDataInterval = 10")
    charge(conversation, 60)
    assert conversation.of(StopTransactionReq)[0].transaction_data is None


def test_sampled_data_has_begin_end_and_every_interval_between(talk: Talk) -> None:
    """StopTxnSampledData: Transaction.Begin, Sample.Periodic on the grid, Transaction.End (TXN-18, MTR-11, MTR-12)."""
    conversation = talk(ocpp=SAMPLED)
    values = charge(conversation, 35)
    assert contexts(values) == [BEGIN, PERIODIC, PERIODIC, PERIODIC, END]
    begun = conversation.of(StartTransactionReq)[0].timestamp
    assert [(value.timestamp - begun).total_seconds() for value in values] == [0, 10, 20, 30, 35]
    assert {frozenset(measurands(value)) for value in values} == {
        frozenset({Measurand.EnergyActiveImportRegister, Measurand.Voltage})}


def test_aligned_data_lies_on_the_grid_of_the_clock(talk: Talk) -> None:
    """StopTxnAlignedData: Sample.Clock at the grid instants, with begin and end as well (TXN-18, MTR-11, MTR-12)."""
    conversation = talk(ocpp=ALIGNED)
    values = charge(conversation, 120)
    assert contexts(values) == [BEGIN, CLOCK, CLOCK, END]
    assert [value.timestamp.second for value in values[1:3]] == [0, 0]
    assert measurands(values[1]) == {Measurand.Frequency, Measurand.EnergyActiveImportRegister}


def test_begin_and_end_have_every_measurand_of_both_lists_once(talk: Talk) -> None:
    """What either key names is there at begin and end (MTR-12)."""
    conversation = talk(ocpp=f"{SAMPLED}\n{ALIGNED}")
    values = charge(conversation, 90)
    wanted = {Measurand.EnergyActiveImportRegister, Measurand.Voltage, Measurand.Frequency}
    assert measurands(values[0]) == measurands(values[-1]) == wanted
    assert Counter(s.measurand for s in values[0].sampled_value) == {
        Measurand.EnergyActiveImportRegister: 1, Measurand.Voltage: 3, Measurand.Frequency: 1}


def test_begin_and_end_equal_meter_start_and_meter_stop(talk: Talk) -> None:
    """The registers of begin and end are those that are billed, before rounding to whole watt-hours (MTR-9, MTR-12)."""
    conversation = talk(ocpp=SAMPLED)
    values = charge(conversation, 77)
    assert int(register(values[0])) == conversation.of(StartTransactionReq)[0].meter_start
    assert int(register(values[-1])) == conversation.of(StopTransactionReq)[0].meter_stop
    assert values[-1].timestamp == conversation.of(StopTransactionReq)[0].timestamp
    assert [register(value) for value in values] == sorted(register(value) for value in values)


def test_energy_per_interval_in_transaction_data_is_that_of_the_interval(talk: Talk) -> None:
    """The same sample feeds MeterValues and transactionData; neither takes the interval from the other (MTR-3, MTR-11)."""
    conversation = talk(ocpp='StopTxnSampledData = "Energy.Active.Import.Interval"\nMeterValueSampleInterval = 60')
    values = charge(conversation, 150)
    assert [value.sampled_value[0].value for value in values] == ["0", "184", "184", "92"]


def test_energy_of_the_first_aligned_interval_after_a_restart_is_what_came_since(talk: Talk) -> None:
    """What flowed before it nobody knows any more; what flowed after it is not nothing (MTR-3)."""
    conversation = talk(ocpp='StopTxnAlignedData = "Energy.Active.Import.Interval"\nClockAlignedDataInterval = 60')
    begin(conversation)
    conversation.pass_time(20)
    conversation.restart(after_s=5, offers_survive=True)
    conversation.connect()
    conversation.pass_time(31)
    conversation.card()
    _, aligned, _ = data(conversation)
    assert float(aligned.sampled_value[0].value) == pytest.approx(30 * 11040 / 3600, abs=0.01)


@pytest.mark.parametrize("sample_interval_s", [0, 7, 60])
def test_energy_per_aligned_interval_adds_up_to_what_was_delivered(talk: Talk, sample_interval_s: int) -> None:
    """The partial intervals at both ends are the clock's, whatever the periodic samples do between them (MTR-3, MTR-12)."""
    conversation = talk(ocpp='StopTxnAlignedData = "Energy.Active.Import.Interval"\nClockAlignedDataInterval = 60\n'
                             f"MeterValueSampleInterval = {sample_interval_s}")
    values = charge(conversation, 145)
    assert [value.sampled_value[0].value for value in values] == ["0", "168.667", "184", "92"]


def test_without_an_interval_begin_and_end_remain(talk: Talk) -> None:
    """MeterValueSampleInterval 0 leaves the two ends (MTR-11, MTR-12)."""
    conversation = talk(ocpp='StopTxnSampledData = "Voltage"\nMeterValueSampleInterval = 0')
    assert contexts(charge(conversation, 100)) == [BEGIN, END]


def test_a_list_changed_in_the_transaction_acts_at_once(talk: Talk) -> None:
    """M1: from the next sample on the new set is gathered (MTR-20)."""
    conversation = talk(ocpp='StopTxnSampledData = "Voltage"\nMeterValueSampleInterval = 10')
    begin(conversation)
    conversation.pass_time(11)
    conversation.call(ChangeConfigurationReq(key="StopTxnSampledData", value="Frequency"))
    conversation.pass_time(10)
    conversation.card()
    assert [measurands(value) for value in data(conversation)] == [
        {Measurand.Voltage}, {Measurand.Voltage}, {Measurand.Frequency}, {Measurand.Frequency}]


def test_the_next_transaction_begins_with_nothing_gathered(talk: Talk) -> None:
    """Values of one transaction never reach another one's StopTransaction (MTR-11)."""
    conversation = talk(ocpp=SAMPLED)
    charge(conversation, 25)
    conversation.unplug()
    assert contexts(charge(conversation, 15)) == [BEGIN, PERIODIC, END]


def test_what_was_gathered_survives_a_restart(talk: Talk) -> None:
    """Begin and samples from before the restart are in the StopTransaction after it (MTR-11, PWR-2)."""
    conversation = talk(ocpp=SAMPLED)
    begin(conversation)
    conversation.pass_time(25)
    conversation.restart(after_s=3, offers_survive=True)
    conversation.connect()
    conversation.pass_time(5)
    conversation.card()
    assert contexts(data(conversation)) == [BEGIN, PERIODIC, PERIODIC, PERIODIC, END]


def test_an_interrupted_transaction_ends_with_the_register_and_no_invented_values(talk: Talk) -> None:
    """After a power cut the end has the register as it is billed, and neither volts nor watts of then (MTR-12, MTR-17)."""
    conversation = talk(ocpp=SAMPLED)
    begin(conversation)
    conversation.pass_time(25)
    conversation.restart(power_cut=True)
    conversation.connect()
    (stop,) = conversation.of(StopTransactionReq)
    end = data(conversation)[-1]
    assert contexts(data(conversation)) == [BEGIN, PERIODIC, PERIODIC, END]
    assert measurands(end) == {Measurand.EnergyActiveImportRegister}
    assert (int(register(end)), end.timestamp) == (stop.meter_stop, stop.timestamp)


def test_a_meter_that_is_silent_at_the_end_repeats_its_register_only(talk: Talk) -> None:
    """The last good register counts in StopTransaction; volts that were not measured are not told (MTR-17)."""
    conversation = talk(ocpp=SAMPLED, charging='on_meter_loss = "continue"')
    begin(conversation)
    conversation.pass_time(15)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(60)
    conversation.card()
    values = data(conversation)
    assert contexts(values)[-1] is END
    assert measurands(values[-1]) == {Measurand.EnergyActiveImportRegister}
    assert register(values[-1]) == pytest.approx(1000 + 15 * 11040 / 3600, abs=0.01)


def test_a_silent_meter_and_no_register_asked_for_leaves_no_end(talk: Talk) -> None:
    """Where only volts are wanted and none were measured, there is nothing to tell (MTR-17)."""
    conversation = talk(ocpp='StopTxnSampledData = "Voltage"\nMeterValueSampleInterval = 0',
                        charging='on_meter_loss = "continue"')
    begin(conversation)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(20)
    conversation.card()
    assert contexts(data(conversation)) == [BEGIN]


# -- thinning ------------------------------------------------------------------------------------------------------------


def element(number: int) -> MeterValue:
    """One element that tells its number by its time."""
    return MeterValue(timestamp=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number),
                      sampled_value=[SampledValue(value=str(number))])


def numbers(values: list[MeterValue]) -> list[int]:
    """Which elements are left."""
    return [int(value.sampled_value[0].value) for value in values]


@pytest.mark.parametrize(("count", "limit", "left"), [
    (5, 5, [0, 1, 2, 3, 4]),
    (6, 5, [0, 2, 4, 5]),
    (7, 5, [0, 2, 4, 6]),
    (10, 5, [0, 4, 8, 9]),
    (9, 2, [0, 8]),
    (2, 2, [0, 1]),
    (1, 2, [0]),
    (0, 2, []),
])
def test_of_those_between_every_second_one_goes_until_they_fit(count: int, limit: int, left: list[int]) -> None:
    """First and last always stay, those between are thinned evenly (MTR-13)."""
    assert numbers(thinned([element(number) for number in range(count)], limit)) == left


def test_stop_transaction_never_carries_more_than_its_limit(talk: Talk) -> None:
    """StopTransactionMaxMeterValues holds, with begin and end within it, evenly over the transaction (MTR-13)."""
    conversation = talk(ocpp=f"{SAMPLED.replace('10', '1')}\nStopTransactionMaxMeterValues = 8")
    values = charge(conversation, 100.5)
    assert 4 <= len(values) <= 8
    assert contexts(values)[0] is BEGIN
    assert contexts(values)[-1] is END
    gaps = [(after.timestamp - before.timestamp).total_seconds() for before, after in pairwise(values)]
    assert max(gaps) <= 32


def test_memory_does_not_grow_with_the_length_of_a_transaction(talk: Talk) -> None:
    """A transaction of days at one sample a second holds no more than twice the limit (MTR-13)."""
    conversation = talk(ocpp=f"{SAMPLED.replace('10', '1')}\nStopTransactionMaxMeterValues = 5")
    begin(conversation)
    conversation.pass_time(200)
    metering = conversation.station._by_name["metering"]
    (held,) = vars(metering)["_gathered"].values()
    assert len(held) <= 10
