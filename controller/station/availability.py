"""ChangeAvailability: which connectors are out of service, now or after their transaction (AVL-*, PWR-1)."""

from collections.abc import Mapping, Sequence

from controller.events import CallReceived
from controller.ocpp.messages import Request
from controller.ocpp.messages.core import ChangeAvailabilityConf, ChangeAvailabilityReq
from controller.ocpp.types import AvailabilityStatus, AvailabilityType
from controller.records import Availability as Row
from controller.records import PutAvailability
from controller.station.answering import answer
from controller.station.connector import Connector
from controller.station.derived import TransactionEnded
from controller.station.step import Feature, Reaction, Step
from controller.station.transactions import Transactions

CHARGE_POINT = 0


class Availability(Feature):
    """Owns `operative` of every connector, and that of the charge point itself."""

    name = "availability"

    def __init__(self, connectors: Sequence[Connector], rows: Sequence[Row], transactions: Transactions) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._transactions = transactions
        self._scheduled: dict[int, bool] = {}
        self.operative = True
        """The charge point as a whole: what connector 0 reports."""
        for row in rows:
            self._restore(row)

    def _restore(self, row: Row) -> None:
        """As it was before the restart, what was scheduled too (AVL-4, PWR-1)."""
        if row.connector_id == CHARGE_POINT:
            self.operative = row.operative
        elif row.connector_id in self._connectors:
            connector = self._connectors[row.connector_id]
            connector.operative = row.operative
            if row.scheduled is not None and connector.transaction is not None:
                self._scheduled[row.connector_id] = row.scheduled
            elif row.scheduled is not None:
                # The transaction it waited for is gone, perhaps with a damaged database: it takes effect now.
                connector.operative = row.scheduled

    def reactions(self) -> Mapping[type, Reaction]:
        """Carries out what was scheduled for the end of the transaction."""
        return {TransactionEnded: self._transaction_ended}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """ChangeAvailability."""
        return {ChangeAvailabilityReq: self._change}

    def _change(self, call: CallReceived, step: Step) -> None:
        """One connector, or with 0 the charge point and all of them (AVL-1, AVL-5)."""
        request = call.request
        assert isinstance(request, ChangeAvailabilityReq)
        operative = request.type is AvailabilityType.Operative
        if request.connector_id != CHARGE_POINT and request.connector_id not in self._connectors:
            answer(call, ChangeAvailabilityConf(status=AvailabilityStatus.Rejected), step)
            return
        if request.connector_id == CHARGE_POINT:
            self.operative = operative
            step.remember(PutAvailability(Row(CHARGE_POINT, operative)))
            meant = list(self._connectors.values())
        else:
            meant = [self._connectors[request.connector_id]]
        scheduled = [self._change_one(connector, operative, step) for connector in meant]
        status = AvailabilityStatus.Scheduled if any(scheduled) else AvailabilityStatus.Accepted
        answer(call, ChangeAvailabilityConf(status=status), step)

    def _change_one(self, connector: Connector, operative: bool, step: Step) -> bool:
        """Change now, or note it for the end of the running transaction (AVL-2); a later opposite request cancels that."""
        connector_id = connector.connector_id
        self._scheduled.pop(connector_id, None)
        if connector.transaction is not None and connector.operative is not operative:
            self._scheduled[connector_id] = operative
        else:
            self._take(connector, operative, step)
        step.remember(PutAvailability(Row(connector_id, connector.operative, self._scheduled.get(connector_id))))
        return connector_id in self._scheduled

    def _take(self, connector: Connector, operative: bool, step: Step) -> None:
        connector.operative = operative
        if not operative and connector.waiting is not None:
            self._transactions.cancel(connector, step)

    def _transaction_ended(self, event: TransactionEnded, step: Step) -> None:
        operative = self._scheduled.pop(event.connector_id, None)
        if operative is not None:
            connector = self._connectors[event.connector_id]
            self._take(connector, operative, step)
            step.remember(PutAvailability(Row(event.connector_id, operative)))
