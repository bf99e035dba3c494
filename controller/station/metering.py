"""When meter values are taken, and what becomes of them (MTR-*).

Periodic samples lie on a grid that starts with the transaction, clock-aligned ones on the grid of the UTC day; both are
stamped with the grid's instant, so that neither drifts. Values for StopTransaction are stored as they are gathered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from controller.config import Configuration
from controller.events import ClockWasSet, Started
from controller.ocpp.messages.core import MeterValue, MeterValuesReq
from controller.ocpp.types import ReadingContext
from controller.records import Durable
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector
from controller.station.derived import SettingChanged, TransactionEnded, TransactionEnding, TransactionStarted
from controller.station.measurands import Snapshot, meter_value
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from controller.station.transactions import Transactions, gathered

STALE_S = 10.0
"""A reading older than this is not a sample of now; nothing is sent rather than something invented (MTR-17)."""
SAMPLED, ALIGNED = "sample", "clock"


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
        self._gathered: dict[str, list[MeterValue]] = {
            local_id: [msgspec.json.decode(text, type=MeterValue) for text in texts]
            for local_id, texts in durable.transaction_data.items()
        }
        self._last_wh: dict[tuple[str, int], float] = {}
        self._grid_s: dict[int, float] = {}

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears transactions begin and end, and everything that moves a grid."""
        return {Started: self._started, TransactionStarted: self._transaction_started,
                TransactionEnding: self._transaction_ending, TransactionEnded: self._transaction_ended,
                SettingChanged: self._setting_changed, ClockWasSet: self._clock_was_set}

    def deadline(self, key: Key, step: Step) -> None:
        """A point of a grid is reached."""
        if key[1] == ALIGNED:
            self._take_aligned(step)
        else:
            self._take_periodic(self._connectors[int(key[2])], step)

    # -- periodic ----------------------------------------------------------------------------------------------------

    def _transaction_started(self, event: TransactionStarted, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        transaction = connector.transaction
        if transaction is None:
            return
        begun_s = step.at.monotonic_s
        if event.resumed:
            begun_s -= (step.at.utc - transaction.started.utc).total_seconds()
        self._grid_s[event.connector_id] = begun_s
        if not event.resumed:
            self._start_series(connector)
            self._gather_all(connector, ReadingContext.TransactionBegin, step)
        self._arm_sample(connector, step)

    def _start_series(self, connector: Connector) -> None:
        if connector.reading is not None:
            self._last_wh[(SAMPLED, connector.connector_id)] = connector.reading.energy_wh

    def _arm_sample(self, connector: Connector, step: Step) -> None:
        """The next point of the grid that started with the transaction."""
        interval_s = self._settings.integer("MeterValueSampleInterval")
        if interval_s == 0 or connector.transaction is None:
            self._agenda.cancel(self.name, SAMPLED, connector.connector_id)
            return
        begun_s = self._grid_s.get(connector.connector_id, step.at.monotonic_s)
        passed = max(0, int((step.at.monotonic_s - begun_s + 0.001) // interval_s))
        self._agenda.set(self.name, SAMPLED, connector.connector_id, at_s=begun_s + (passed + 1) * interval_s)

    def _take_periodic(self, connector: Connector, step: Step) -> None:
        interval_s = self._settings.integer("MeterValueSampleInterval")
        begun_s = self._grid_s.get(connector.connector_id, step.at.monotonic_s)
        late_s = (step.at.monotonic_s - begun_s) % interval_s if interval_s else 0.0
        at = step.at.utc - timedelta(seconds=late_s)
        self._take(connector, SAMPLED, "MeterValuesSampledData", ReadingContext.SamplePeriodic, at, step)
        self._gather(connector, SAMPLED, "StopTxnSampledData", ReadingContext.SamplePeriodic, at, step)
        self._transactions.save(connector, step)
        self._arm_sample(connector, step)

    # -- clock-aligned -----------------------------------------------------------------------------------------------

    def _started(self, _event: Started, step: Step) -> None:
        self._arm_aligned(step)

    def _clock_was_set(self, _event: ClockWasSet, step: Step) -> None:
        self._arm_aligned(step)

    def _arm_aligned(self, step: Step) -> None:
        """The next multiple of ClockAlignedDataInterval since UTC midnight (MTR-2)."""
        interval_s = self._settings.integer("ClockAlignedDataInterval")
        if interval_s == 0:
            self._agenda.cancel(self.name, ALIGNED)
            return
        since_midnight_s = (step.at.utc - _midnight(step.at.utc)).total_seconds()
        to_go_s = interval_s - since_midnight_s % interval_s
        until_midnight_s = 86_400 - since_midnight_s
        self._agenda.set(self.name, ALIGNED, at_s=step.at.monotonic_s + min(to_go_s, until_midnight_s))

    def _take_aligned(self, step: Step) -> None:
        interval_s = self._settings.integer("ClockAlignedDataInterval")
        since_midnight_s = (step.at.utc - _midnight(step.at.utc)).total_seconds()
        nearest_s = round(since_midnight_s / interval_s) * interval_s
        at = _midnight(step.at.utc) + timedelta(seconds=nearest_s)
        for connector in self._connectors.values():
            self._take(connector, ALIGNED, "MeterValuesAlignedData", ReadingContext.SampleClock, at, step)
            self._gather(connector, ALIGNED, "StopTxnAlignedData", ReadingContext.SampleClock, at, step)
        self._arm_aligned(step)

    # -- taking ------------------------------------------------------------------------------------------------------

    def triggered(self, connector: Connector, step: Step) -> MeterValuesReq | None:
        """The most recent values, for TriggerMessage; None when the meter has said nothing (MTR-14)."""
        value = self._value(connector, SAMPLED, "MeterValuesSampledData", ReadingContext.Trigger, step.at.utc, step)
        if value is None:
            return None
        transaction = connector.transaction
        return MeterValuesReq(connector_id=connector.connector_id, meter_value=[value],
                              transaction_id=transaction.transaction_id if transaction is not None else None)

    def _take(self, connector: Connector, series: str, key: str, context: ReadingContext, at: datetime, step: Step) -> None:
        value = self._value(connector, series, key, context, at, step)
        if value is None:
            return
        if connector.reading is not None:
            self._last_wh[(series, connector.connector_id)] = connector.reading.energy_wh
        request = MeterValuesReq(connector_id=connector.connector_id, meter_value=[value])
        self._central_system.owe(request, connector.transaction, connector.connector_id, step)

    def _value(self, connector: Connector, series: str, key: str, context: ReadingContext, at: datetime, step: Step
               ) -> MeterValue | None:
        """The measurands of configuration key `key`, from the last reading; None if that is too old."""
        reading = connector.reading
        if reading is None or step.at.monotonic_s - reading.at_s > STALE_S:
            return None
        since_wh = self._last_wh.get((series, connector.connector_id), reading.energy_wh)
        snapshot = Snapshot(reading, connector.offer_a or 0.0, connector.phases, self._nominal_voltage_v,
                            reading.energy_wh - since_wh)
        return meter_value(self._settings.csl(key), snapshot, context, at)

    # -- transactionData ---------------------------------------------------------------------------------------------

    def _gather(self, connector: Connector, series: str, key: str, context: ReadingContext, at: datetime, step: Step) -> None:
        """Keep one element for StopTransaction; an empty key keeps none (MTR-11)."""
        transaction = connector.transaction
        if transaction is None or connector.recovering or not self._settings.csl(key):
            return
        value = self._value(connector, series, key, context, at, step)
        if value is not None:
            self._gathered.setdefault(transaction.local_id, []).append(value)
            step.remember(gathered(transaction.local_id, value))

    def _gather_all(self, connector: Connector, context: ReadingContext, step: Step) -> None:
        """Begin and end: every measurand of both keys once (MTR-12)."""
        names = list(dict.fromkeys([*self._settings.csl("StopTxnSampledData"), *self._settings.csl("StopTxnAlignedData")]))
        transaction = connector.transaction
        if transaction is None or connector.recovering or not names or connector.reading is None:
            return
        since_wh = self._last_wh.get((SAMPLED, connector.connector_id), connector.reading.energy_wh)
        snapshot = Snapshot(connector.reading, connector.offer_a or 0.0, connector.phases, self._nominal_voltage_v,
                            connector.reading.energy_wh - since_wh)
        value = meter_value(names, snapshot, context, step.at.utc)
        if value is not None:
            self._gathered.setdefault(transaction.local_id, []).append(value)
            step.remember(gathered(transaction.local_id, value))

    def _transaction_ending(self, event: TransactionEnding, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        self._gather_all(connector, ReadingContext.TransactionEnd, step)
        local_id = connector.transaction.local_id if connector.transaction is not None else ""
        limit = self._settings.integer("StopTransactionMaxMeterValues")
        self._transactions.write_stop(connector, thinned(self._gathered.pop(local_id, []), limit), step)

    def _transaction_ended(self, event: TransactionEnded, _step: Step) -> None:
        self._agenda.cancel(self.name, SAMPLED, event.connector_id)
        self._grid_s.pop(event.connector_id, None)

    def _setting_changed(self, event: SettingChanged, step: Step) -> None:
        """New intervals act at once, on the same grids (MTR-20)."""
        if event.name == "ClockAlignedDataInterval":
            self._arm_aligned(step)
        elif event.name == "MeterValueSampleInterval":
            for connector in self._connectors.values():
                self._arm_sample(connector, step)


def thinned(values: list[MeterValue], limit: int) -> list[MeterValue]:
    """At most `limit` values: first and last stay, of those between every second one goes until they fit (MTR-13)."""
    while len(values) > max(limit, 2):
        values = [values[0], *values[2:-1:2], values[-1]]
    return values


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
