"""Reset: end what runs, store it, then end the process to be started anew (RST-*).

A process can always end, so the one thing that can make a reset fail is a disk that refuses: what has ended must not be lost. A soft
reset is refused then, or tried again and given up where the disk fails in the middle of it; a hard one goes ahead, for it may be the cure.
"""

from collections.abc import Mapping, Sequence

from controller.commands import Restart
from controller.events import CallReceived
from controller.ocpp.messages import Request
from controller.ocpp.messages.core import ResetConf, ResetReq
from controller.ocpp.types import Reason, ResetStatus, ResetType
from controller.records import PutNote
from controller.station.answering import answer
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector
from controller.station.derived import ResetFailed
from controller.station.fault_board import FaultBoard
from controller.station.recovery import ENDING_NOTE
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step
from controller.station.transactions import Transactions

DELIVERED_WITHIN_S = 20.0
HARD_WITHIN_S = 2.0
"""So long a reset waits for the central system to take what it is owed (RST-6), a hard one only for what is on its way: a
StopTransaction that was taken but not heard to be would be sent again after the restart."""


class Reset(Feature):
    """Restarts the application at the central system's word."""

    name = "reset"

    def __init__(self, connectors: Sequence[Connector], settings: Settings, agenda: Agenda, central_system: CentralSystem,
                 transactions: Transactions, faults: FaultBoard) -> None:
        self._connectors = list(connectors)
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._transactions = transactions
        self._faults = faults
        self._patience_over = self._insisted = self._written = self._ordered = False
        self._failed_tries = 0

    def answers(self) -> Mapping[type[Request], Reaction]:
        """Reset."""
        return {ResetReq: self._reset}

    def _reset(self, call: CallReceived, step: Step) -> None:
        """The answer first (RST-1), then every end with its reason, gracefully or with little patience (RST-2, RST-3)."""
        request = call.request
        assert isinstance(request, ResetReq)
        hard, stored = request.type is ResetType.Hard, self._faults.storage_failure is None
        if not (hard or stored):
            answer(call, ResetConf(status=ResetStatus.Rejected), step)
            return
        answer(call, ResetConf(status=ResetStatus.Accepted), step)
        reason = Reason.HardReset if hard else Reason.SoftReset
        again = self._transactions.closed_for is not None
        self._insisted = self._insisted or (hard and again)
        self._patience_over = self._patience_over or self._insisted
        self._written = False
        self._transactions.closed_for = reason
        self._agenda.set(self.name, "patience", at_s=step.at.monotonic_s + (HARD_WITHIN_S if hard else DELIVERED_WITHIN_S))
        self._failed_tries = 0
        if stored:
            self._end(reason, step)

    def _end(self, reason: Reason, step: Step) -> None:
        step.remember(PutNote(ENDING_NOTE, str(reason)))
        for connector in self._connectors:
            if connector.waiting is not None:
                self._transactions.cancel(connector, step)
            self._transactions.stop(connector, reason, step)

    def deadline(self, key: Key, step: Step) -> None:
        """What is still owed is told after the restart; a soft one on a disk that refuses is tried ResetRetries times more (RST-5)."""
        if self._faults.storage_failure is None or self._transactions.closed_for is Reason.HardReset:
            self._patience_over = True
            return
        self._failed_tries += 1
        if self._failed_tries <= self._settings.integer("ResetRetries"):
            self._agenda.set(self.name, "patience", at_s=step.at.monotonic_s + DELIVERED_WITHIN_S)
            return
        self._transactions.closed_for = None
        step.remember(PutNote(ENDING_NOTE, None))
        step.derive(ResetFailed())

    def settle(self, step: Step) -> None:
        """Restart as soon as every end is stored, and, softly, delivered; the new start boots (RST-2, RST-4).

        A transaction whose fate hangs on a guard that does not speak is ended after the restart, for the same reason.
        """
        if self._transactions.closed_for is None or self._ordered:
            return
        if self._faults.storage_failure is not None:
            self._restart_unstored(step)
            return
        patient = self._agenda.has(self.name, "patience")
        written = all(connector.transaction is None or (connector.recovering and not patient)
                      for connector in self._connectors)
        if written and not self._written:
            self._written = True
            self._wait_for_what_leaves_now(step)
        if written and (self._patience_over or self._central_system.idle):
            self._ordered = True
            step.order(Restart(str(self._transactions.closed_for)))

    def _wait_for_what_leaves_now(self, step: Step) -> None:
        """A car that was in no hurry has used up the patience; the end that is written only now is to be heard of all the same."""
        if self._patience_over and not self._insisted and not self._central_system.idle:
            self._patience_over = False
            self._agenda.set(self.name, "patience", at_s=step.at.monotonic_s + HARD_WITHIN_S)

    def _restart_unstored(self, step: Step) -> None:
        """The next start goes by what the disk has: open transactions end there with PowerLoss."""
        if self._patience_over and self._transactions.closed_for is Reason.HardReset:
            self._ordered = True
            step.order(Restart(str(Reason.HardReset), at_once=True))
