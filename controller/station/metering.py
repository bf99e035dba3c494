"""When meter values are taken, and what becomes of them (MTR-*).

Periodic samples lie on a grid that starts with the transaction, clock-aligned ones on the grid of the UTC day; both are
stamped with the grid's instant, so that neither drifts. Values for StopTransaction are stored as they are gathered. A
reading that is old is no sample; only the registers are repeated, and only where the transaction ends.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from controller.config import Configuration
from controller.events import ClockWasSet, MeterRead, Started
from controller.ocpp.messages.core import MeterValue, MeterValuesReq
from controller.ocpp.types import Measurand, ReadingContext
from controller.records import Durable, PutTransactionData, Stamp, Transaction
from controller.station.central_system import UNDELIVERABLE_ID, CentralSystem
from controller.station.connector import Connector
from controller.station.dating import Gathered, can_date, dated, is_lost
from controller.station.derived import SettingChanged, TransactionEnded, TransactionEnding, TransactionStarted
from controller.station.measurands import Snapshot, meter_value, only_registers
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from controller.station.transactions import Transactions, gathered
from drivers.protocols import MeterReading

STALE_S = 10.0
"""A reading older than this is not a sample of now; nothing is sent rather than something invented (MTR-17)."""
SAMPLED, ALIGNED = "sample", "clock"
ROUNDING_S = 0.001
"""A deadline may come this much early: floating point, and a calendar in whole milliseconds."""
CLOCKS_AGREE_S = 0.5
"""Further apart the calendar was corrected since the grid was laid, and the grid takes the new time."""
V = TypeVar("V", bound=MeterValue)


class Grid(msgspec.Struct, frozen=True):
    """Where the periodic grid of a transaction begins, on both clocks."""

    begun_s: float
    begun: datetime

    def points_until(self, now_s: float, interval_s: int) -> int:
        """How many points have passed."""
        return max(0, int((now_s - self.begun_s + ROUNDING_S) // interval_s))


class Metering(Feature):
    """Takes samples, queues MeterValues, and gathers transactionData."""

    name = "metering"

    def __init__(self, connectors: Sequence[Connector], durable: Durable, configuration: Configuration, settings: Settings,
                 agenda: Agenda, central_system: CentralSystem, transactions: Transactions) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._nominal_voltage_v = configuration.site.nominal_voltage_v
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._transactions = transactions
        self._gathered: dict[str, list[Gathered]] = {
            local_id: [msgspec.json.decode(text, type=Gathered) for text in texts]
            for local_id, texts in durable.transaction_data.items()
        }
        self._counted: dict[str, int] = {}
        self._every: dict[str, int] = {}
        """Per `local_id`: of a long transaction only every n-th value is kept."""
        self._last_wh: dict[tuple[str, int], float] = {}
        self._grids: dict[int, Grid] = {}
        self._aligned_next: datetime | None = None
        self._aligned_last: datetime | None = None

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears transactions begin and end, and everything that moves a grid."""
        return {Started: self._started, TransactionStarted: self._transaction_started, MeterRead: self._metered,
                TransactionEnding: self._transaction_ending, TransactionEnded: self._transaction_ended,
                SettingChanged: self._setting_changed, ClockWasSet: self._clock_was_set}

    def deadline(self, key: Key, step: Step) -> None:
        """A point of a grid is reached."""
        if key[1] == ALIGNED:
            self._take_aligned(step)
        else:
            self._take_periodic(self._connectors[int(key[2])], step)

    def _metered(self, event: MeterRead, _step: Step) -> None:
        """The first reading begins the series of clock-aligned intervals."""
        self._last_wh.setdefault((ALIGNED, event.connector_id), event.reading.energy_wh)

    # -- periodic ----------------------------------------------------------------------------------------------------

    def _transaction_started(self, event: TransactionStarted, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        transaction = connector.transaction
        if transaction is None:
            return
        since_s = _since_s(transaction.started, step) if event.resumed else 0.0
        if since_s <= 0:
            self._grids[event.connector_id] = Grid(step.at.monotonic_s, step.at.utc)
        else:
            self._grids[event.connector_id] = Grid(step.at.monotonic_s - since_s, transaction.started.utc)
        self._last_wh[(SAMPLED, event.connector_id)] = transaction.last_energy_wh
        if not event.resumed:
            # What the one before drew in this interval of the clock is no value of this one (MTR-4).
            self._last_wh[(ALIGNED, event.connector_id)] = transaction.last_energy_wh
            self._gather_begin(connector, step)
        self._arm_sample(connector, step)

    def _arm_sample(self, connector: Connector, step: Step) -> None:
        """The next point of the grid that started with the transaction."""
        interval_s = self._settings.integer("MeterValueSampleInterval")
        grid = self._grids.get(connector.connector_id)
        if interval_s == 0 or grid is None:
            self._agenda.cancel(self.name, SAMPLED, connector.connector_id)
            return
        passed = grid.points_until(step.at.monotonic_s, interval_s)
        self._agenda.set(self.name, SAMPLED, connector.connector_id, at_s=grid.begun_s + (passed + 1) * interval_s)

    def _take_periodic(self, connector: Connector, step: Step) -> None:
        interval_s = self._settings.integer("MeterValueSampleInterval")
        grid = self._grids.get(connector.connector_id)
        if interval_s == 0 or grid is None:
            return
        at = self._point(connector.connector_id, grid, interval_s, step)
        self._take(connector, SAMPLED, "MeterValuesSampledData", ReadingContext.SamplePeriodic, at, step)
        self._gather(connector, SAMPLED, "StopTxnSampledData", ReadingContext.SamplePeriodic, at, step)
        self._end_interval(connector, SAMPLED, step)
        self._transactions.save(connector, step)
        self._arm_sample(connector, step)

    def _point(self, connector_id: int, grid: Grid, interval_s: int, step: Step) -> datetime:
        """The last point of the grid as the calendar has it; whole intervals from the first, whatever the rounding."""
        passed_s = grid.points_until(step.at.monotonic_s, interval_s) * interval_s
        at = grid.begun + timedelta(seconds=passed_s)
        by_calendar = step.at.utc - timedelta(seconds=step.at.monotonic_s - grid.begun_s - passed_s)
        if abs((by_calendar - at).total_seconds()) <= CLOCKS_AGREE_S:
            return at
        self._grids[connector_id] = Grid(grid.begun_s, by_calendar - timedelta(seconds=passed_s))
        return by_calendar

    # -- clock-aligned -----------------------------------------------------------------------------------------------

    def _started(self, _event: Started, step: Step) -> None:
        """Values of a boot that never learned the date belong nowhere (B4)."""
        for local_id, values in self._gathered.items():
            known = [value for value in values if value.stamp is None or not is_lost(value.stamp, step)]
            if known != values:
                self._put_gathered(local_id, known, step)
        self._arm_aligned(step)

    def _clock_was_set(self, _event: ClockWasSet, step: Step) -> None:
        """The date became known, or is another one: for the grid of the day, and for what was gathered without it (F-1970)."""
        for local_id, values in self._gathered.items():
            again = [_dated(value, step) for value in values]
            if again != values:
                self._put_gathered(local_id, again, step)
        self._arm_aligned(step)

    def _put_gathered(self, local_id: str, values: list[Gathered], step: Step) -> None:
        self._gathered[local_id] = values
        step.remember(PutTransactionData(local_id, tuple(gathered(local_id, value).meter_value for value in values)))

    def _arm_aligned(self, step: Step) -> None:
        """The next multiple of ClockAlignedDataInterval since UTC midnight; never the one that was just taken (MTR-2)."""
        interval_s = self._settings.integer("ClockAlignedDataInterval")
        if interval_s == 0:
            self._agenda.cancel(self.name, ALIGNED)
            return
        after, last = step.at.utc, self._aligned_last
        if last is not None and timedelta() < last - after < timedelta(seconds=interval_s):
            after = last
        self._aligned_next = _last_point(after, interval_s, points_later=1)
        to_go_s = (self._aligned_next - step.at.utc).total_seconds()
        self._agenda.set(self.name, ALIGNED, at_s=step.at.monotonic_s + to_go_s)

    def _take_aligned(self, step: Step) -> None:
        interval_s = self._settings.integer("ClockAlignedDataInterval")
        if interval_s == 0 or self._aligned_next is None:
            return
        # A calendar that nobody has set has no grid: what is not known is not stamped (F-1970).
        if step.at.trusted and (self._aligned_next - step.at.utc).total_seconds() <= CLOCKS_AGREE_S:
            at = max(self._aligned_next, _last_point(step.at.utc, interval_s))
            self._aligned_last = at
            for connector in self._connectors.values():
                self._take(connector, ALIGNED, "MeterValuesAlignedData", ReadingContext.SampleClock, at, step)
                self._gather(connector, ALIGNED, "StopTxnAlignedData", ReadingContext.SampleClock, at, step)
                self._end_interval(connector, ALIGNED, step)
                self._transactions.save(connector, step)
        self._arm_aligned(step)

    # -- taking ------------------------------------------------------------------------------------------------------

    def triggered(self, connector: Connector, step: Step) -> MeterValuesReq | None:
        """The most recent values, for TriggerMessage; None when meter or calendar say nothing now (MTR-14, F-1970)."""
        transaction, at = _running(connector), step.at.utc
        if transaction is not None:
            at = max(at, self._central_system.known_until(transaction))  # nothing of a session goes back, whatever the calendar did
        value = self._value(connector, SAMPLED, "MeterValuesSampledData", ReadingContext.Trigger, at, step)
        if value is None or not step.at.trusted:
            return None
        return MeterValuesReq(connector_id=connector.connector_id, meter_value=[value],
                              transaction_id=_known_id(transaction))

    def _take(self, connector: Connector, series: str, key: str, context: ReadingContext, at: datetime, step: Step) -> None:
        value = self._value(connector, series, key, context, at, step)
        if value is not None:
            request = MeterValuesReq(connector_id=connector.connector_id, meter_value=[value])
            self._central_system.owe(request, _running(connector), connector.connector_id, step)

    def _value(self, connector: Connector, series: str, key: str, context: ReadingContext, at: datetime, step: Step
               ) -> MeterValue | None:
        """The measurands of configuration key `key`, from the last reading; None if that is too old."""
        if connector.reading is None or self._is_stale(connector, step):
            return None
        return meter_value(self._settings.csl(key), self._snapshot(connector, connector.reading, series), context, at)

    def _snapshot(self, connector: Connector, reading: MeterReading, series: str) -> Snapshot:
        since_wh = self._last_wh.get((series, connector.connector_id), reading.energy_wh)
        report = connector.report
        return Snapshot(reading, report.offered_a if report is not None else 0.0, connector.phases, self._nominal_voltage_v,
                        reading.energy_wh - since_wh, report.temperature_c if report is not None else None)

    @staticmethod
    def _is_stale(connector: Connector, step: Step) -> bool:
        return connector.reading is None or step.at.monotonic_s - connector.reading.at_s > STALE_S

    def _end_interval(self, connector: Connector, series: str, step: Step) -> None:
        """The next interval of energy counts from here; after a silent meter it covers the silence (MTR-3)."""
        if connector.reading is not None and not self._is_stale(connector, step):
            self._last_wh[(series, connector.connector_id)] = connector.reading.energy_wh

    # -- transactionData ---------------------------------------------------------------------------------------------

    def _gather(self, connector: Connector, series: str, key: str, context: ReadingContext, at: datetime, step: Step) -> None:
        """Keep one element for StopTransaction; an empty key keeps none (MTR-11)."""
        transaction = _running(connector)
        if transaction is None or not self._settings.csl(key):
            return
        local_id = transaction.local_id
        self._counted[local_id] = self._counted.get(local_id, 0) + 1
        if self._counted[local_id] % self._every.get(local_id, 1) == 0:
            self._keep(transaction, self._value(connector, series, key, context, at, step), step.stamp, step)

    def _keep(self, transaction: Transaction, value: MeterValue | None, stamp: Stamp, step: Step) -> None:
        """Twice the limit is held at most: then every second value goes, of those to come as well (MTR-13)."""
        if value is None:
            return
        local_id = transaction.local_id
        kept = Gathered(timestamp=value.timestamp, sampled_value=value.sampled_value, stamp=None if stamp.trusted else stamp)
        values = self._gathered.setdefault(local_id, [])
        values.append(kept)
        step.remember(gathered(local_id, kept))
        if len(values) > 2 * self._settings.integer("StopTransactionMaxMeterValues"):
            self._gathered[local_id] = values[::2]
            self._every[local_id] = 2 * self._every.get(local_id, 1)

    def _both_lists(self) -> list[str]:
        """Begin and end have every measurand of both keys once (MTR-12)."""
        return list(dict.fromkeys([*self._settings.csl("StopTxnSampledData"), *self._settings.csl("StopTxnAlignedData")]))

    def _gather_begin(self, connector: Connector, step: Step) -> None:
        names = self._both_lists()
        if names and connector.transaction is not None and connector.reading is not None:
            snapshot = self._snapshot(connector, connector.reading, SAMPLED)
            value = meter_value(names, snapshot, ReadingContext.TransactionBegin, step.at.utc)
            self._keep(connector.transaction, value, step.stamp, step)

    def _gather_end(self, connector: Connector, transaction: Transaction, step: Step) -> None:
        """The end as the meter saw it; where it did not, the last good register and nothing else (MTR-17)."""
        names = self._both_lists()
        reading = connector.reading
        if reading is None or connector.recovering or self._is_stale(connector, step):
            names = only_registers(names)
            reading = MeterReading(0.0, transaction.last_energy_wh, 0.0, (0.0,) * 3, (0.0,) * 3)
        if names:
            snapshot = self._snapshot(connector, reading, self._series_of_the_end())
            at = transaction.last_seen
            self._keep(transaction, meter_value(names, snapshot, ReadingContext.TransactionEnd, at.utc), at, step)

    def _series_of_the_end(self) -> str:
        """Whose last interval the end cuts short: the energy of it belongs to the list that names it (MTR-3)."""
        sampled = str(Measurand.EnergyActiveImportInterval) in self._settings.csl("StopTxnSampledData")
        return SAMPLED if sampled else ALIGNED

    def _transaction_ending(self, event: TransactionEnding, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        transaction = connector.transaction
        if transaction is None:
            return
        self._gather_end(connector, transaction, step)
        limit = self._settings.integer("StopTransactionMaxMeterValues")
        values = self._gathered.pop(transaction.local_id, [])
        self._counted.pop(transaction.local_id, None)
        self._every.pop(transaction.local_id, None)
        values = thinned(values, limit)
        told = [_by_calendar_of(transaction.last_seen, value) for value in values]
        self._transactions.write_stop(connector, told, step, dated_values=sum(value.stamp is None for value in values))

    def _transaction_ended(self, event: TransactionEnded, _step: Step) -> None:
        self._agenda.cancel(self.name, SAMPLED, event.connector_id)
        self._grids.pop(event.connector_id, None)

    def _setting_changed(self, event: SettingChanged, step: Step) -> None:
        """New intervals act at once, on the same grids (MTR-20)."""
        if event.name == "ClockAlignedDataInterval":
            self._arm_aligned(step)
        elif event.name == "MeterValueSampleInterval":
            for connector in self._connectors.values():
                self._arm_sample(connector, step)


def thinned(values: list[V], limit: int) -> list[V]:
    """At most `limit` values: first and last stay, of those between every second one goes until they fit (MTR-13)."""
    while len(values) > max(limit, 2):
        values = [values[0], *values[2:-1:2], values[-1]]
    return values


def _since_s(begun: Stamp, step: Step) -> float:
    """How long ago that was; 0 if nobody knows."""
    if begun.boot_id == step.boot_id:
        return step.at.monotonic_s - begun.monotonic_s
    return (step.at.utc - begun.utc).total_seconds() if begun.trusted and step.at.trusted else 0.0


def _dated(value: Gathered, step: Step) -> Gathered:
    if value.stamp is None or not can_date(value.stamp, step):
        return value
    by = dated(value.stamp, step.at).utc - value.stamp.utc
    return msgspec.structs.replace(value, timestamp=value.timestamp + by, stamp=None)


def _by_calendar_of(stamp: Stamp, value: Gathered) -> MeterValue:
    """As it goes into a message with this stamp: one that nobody trusts yet may have seen more than one wrong calendar."""
    by = timedelta()
    if value.stamp is not None and not stamp.trusted:
        by = stamp.utc - value.stamp.utc - timedelta(seconds=stamp.monotonic_s - value.stamp.monotonic_s)
    return MeterValue(timestamp=value.timestamp + by, sampled_value=value.sampled_value)


def _running(connector: Connector) -> Transaction | None:
    """The transaction that values taken now belong to; not one that a start found open and has not judged yet (MTR-4)."""
    return None if connector.recovering else connector.transaction


def _known_id(transaction: Transaction | None) -> int | None:
    if transaction is None:
        return None
    return UNDELIVERABLE_ID if transaction.start_given_up else transaction.transaction_id


def _last_point(at: datetime, interval_s: int, *, points_later: int = 0) -> datetime:
    """The last point of the day's grid not after `at`, or one that follows it; midnight begins a new grid."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    number = int((at - midnight).total_seconds() // interval_s) + points_later
    return min(midnight + timedelta(seconds=number * interval_s), midnight + timedelta(days=1))
