"""What becomes of transactions that a start finds open (PWR-2 to PWR-5, F-KILL, `charging.after_power_loss`).

If the guard still holds an offer, only the controller was away and nothing was interrupted: the transaction goes on
whatever the configuration says. Else it is closed, or resumed if the car was never seen unplugged.
"""

from collections.abc import Mapping, Sequence

from controller.commands import ReadMeter, SetLock, WithdrawOffer
from controller.config import Configuration
from controller.events import ConnectorReported, MeterFailed, MeterRead, Started, StopRequested
from controller.faults import FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.types import Reason
from controller.records import Durable, PutNote
from controller.station.connector import Connector
from controller.station.dating import is_nameless
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from controller.station.transactions import CONTACTOR_OPENS_WITHIN_S, Transactions

ENDING_NOTE = "ending"
"""Noted while the process ends on purpose; found at the next start, it tells Reboot from PowerLoss (PWR-5)."""
READING_WITHIN_S = 5.0
"""So long a closing waits for the register; past it the last stored value counts (PWR-4)."""
PLUG_WITHIN_S = 10.0
"""In simulation a car plugged again so soon counts as never unplugged (`contract.md` section 1). A pilot in E or F, which
says nothing of the plug, is given as long."""


class Recovery(Feature):
    """Decides once per open transaction, when the guard has spoken."""

    name = "recovery"

    def __init__(self, connectors: Sequence[Connector], durable: Durable, configuration: Configuration, agenda: Agenda,
                 transactions: Transactions) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._agenda = agenda
        self._transactions = transactions
        self._resume = configuration.charging.after_power_loss == "resume"
        self._simulated = {row.id for row in configuration.connector if row.pilot["driver"] == "sim"}
        self._ending = durable.notes.get(ENDING_NOTE)
        self._closing: set[int] = set()
        """Decided to end; waits for the contactor to open."""
        self._reading: set[int] = set()
        """Waits for the register."""
        self._seen: set[int] = set()
        """Connectors of which the guard has spoken since the start."""
        for transaction in durable.transactions:
            connector = self._connectors.get(transaction.connector_id)
            if connector is not None and transaction.ended is None:
                connector.transaction, connector.recovering = transaction, True

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the start, the guard's first word and the meter."""
        return {Started: self._started, StopRequested: self._stop_requested, ConnectorReported: self._reported,
                MeterRead: self._metered, MeterFailed: self._metered}

    def deadline(self, key: Key, step: Step) -> None:
        """No car came back in time, the contactor did not open, or no reading came."""
        connector = self._connectors[int(key[2])]
        if not connector.recovering:
            return
        match key[1]:
            case "plug":
                self._close(connector, step)
            case "open":
                self._read(connector, step)
            case _:
                self._end(connector, step)

    def _started(self, _event: Started, step: Step) -> None:
        if self._ending is not None:
            step.remember(PutNote(ENDING_NOTE, None))

    def _stop_requested(self, _event: StopRequested, step: Step) -> None:
        step.remember(PutNote(ENDING_NOTE, str(Reason.Reboot)))

    def _reported(self, event: ConnectorReported, step: Step) -> None:
        connector = self._connectors[event.report.connector_id]
        if connector.connector_id not in self._seen:
            self._seen.add(connector.connector_id)
            self._free_plug(connector, step)
        if connector.recovering and event.report.pilot is not Pilot.UNKNOWN:
            if connector.connector_id in self._closing:
                self._read_when_open(connector, step)
            elif connector.connector_id not in self._reading:
                self._decide(connector, event, step)

    def _free_plug(self, connector: Connector, step: Step) -> None:
        """A bolt that a lost process had left in with nothing running holds a plug that nobody could ever free."""
        if connector.has_lock and connector.transaction is None:
            step.order(SetLock(connector.connector_id, locked=False))

    def _decide(self, connector: Connector, event: ConnectorReported, step: Step) -> None:
        connector_id = connector.connector_id
        may_resume = self._resume and (connector_id in self._simulated or event.report.pilot is not Pilot.A)
        if self._ends_anyway(connector, step):
            self._close(connector, step)
        elif event.report.offered_a > 0 or (self._resume and connector.plugged):
            self._go_on(connector, step)
        elif not may_resume:
            self._close(connector, step)
        elif not self._agenda.has(self.name, "plug", connector_id):
            self._agenda.set(self.name, "plug", connector_id, at_s=step.at.monotonic_s + PLUG_WITHIN_S)

    @staticmethod
    def _ends_anyway(connector: Connector, step: Step) -> bool:
        """Its end was decided: before the restart, or since, by a card or the central system. Or nobody can be billed for it (B4)."""
        transaction = connector.transaction
        return transaction is not None and (transaction.stop_reason is not None or is_nameless(transaction, step))

    def _go_on(self, connector: Connector, step: Step) -> None:
        self._agenda.cancel(self.name, "plug", connector.connector_id)
        self._transactions.resume(connector, step)

    def _close(self, connector: Connector, step: Step) -> None:
        """The guard may still offer what the process before us had asked for; nothing may flow past the last reading."""
        connector_id = connector.connector_id
        self._agenda.cancel(self.name, "plug", connector_id)
        self._closing.add(connector_id)
        self._agenda.set(self.name, "open", connector_id, at_s=step.at.monotonic_s + CONTACTOR_OPENS_WITHIN_S)
        step.order(WithdrawOffer(connector_id))
        self._read_when_open(connector, step)

    def _read_when_open(self, connector: Connector, step: Step) -> None:
        if not connector.contactor_closed or FaultKind.CONTACTOR_WELDED in connector.faults:
            self._read(connector, step)

    def _read(self, connector: Connector, step: Step) -> None:
        connector_id = connector.connector_id
        self._closing.discard(connector_id)
        self._reading.add(connector_id)
        self._agenda.cancel(self.name, "open", connector_id)
        self._agenda.set(self.name, "reading", connector_id, at_s=step.at.monotonic_s + READING_WITHIN_S)
        step.order(ReadMeter(connector_id))

    def _metered(self, event: MeterRead | MeterFailed, step: Step) -> None:
        connector = self._connectors[event.connector_id]
        if connector.recovering and event.connector_id in self._reading:
            self._end(connector, step)

    def _end(self, connector: Connector, step: Step) -> None:
        self._reading.discard(connector.connector_id)
        self._agenda.cancel(self.name, "reading", connector.connector_id)
        self._transactions.close_interrupted(connector, self._reason(connector), step)

    def _reason(self, connector: Connector) -> Reason:
        if connector.transaction is not None and connector.transaction.stop_reason is not None:
            return Reason(connector.transaction.stop_reason)
        return Reason(self._ending) if self._ending is not None else Reason.PowerLoss
