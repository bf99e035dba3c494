"""How much each connector may offer now: derived from facts at the end of every step, never set.

Energy is off unless proved on: a running transaction, not stopping, authorised, and no fault of the controller's own.
The guard has the last word and its own ceiling; this is only what the station asks it for.
"""

from collections.abc import Sequence

from controller.commands import OfferCurrent, WithdrawOffer
from controller.config import Configuration
from controller.faults import CATALOGUE, FaultKind, Owner, Reaction
from controller.station.connector import Connector
from controller.station.fault_board import FaultBoard
from controller.station.step import Feature, Step

LOWEST_OFFER_A = 6.0
"""The control pilot cannot say less (IEC 61851-1 Annex A); below it nothing is offered (SC-40)."""
WITHOUT_METER_A = 6.0
"""`charging.on_meter_loss = "continue"`: nobody watches the current, so the least is offered."""


class Power(Feature):
    """Owns `offer_a` of every connector."""

    name = "power"

    def __init__(self, connectors: Sequence[Connector], configuration: Configuration, faults: FaultBoard) -> None:
        self._connectors = list(connectors)
        self._supply_limit_a = configuration.site.supply_limit_a
        self._priority = {row.id: row.priority for row in configuration.connector}
        self._faults = faults
        self._phases = configuration.site.phases

    def settle(self, step: Step) -> None:
        """Bring what the guard was told in line with the facts."""
        served = self._served()
        for connector in self._connectors:
            wish_a = self._wish_a(connector, len(served)) if connector in served else None
            if wish_a == connector.offer_a:
                continue
            connector.offer_a = wish_a
            if wish_a is None:
                step.order(WithdrawOffer(connector.connector_id))
            else:
                step.order(OfferCurrent(connector.connector_id, wish_a, min(connector.phases, self._phases)))

    def _served(self) -> list[Connector]:
        """Those entitled to power, as many as can have 6 A each: the highest priority first, then who has charged longest.

        Nothing but a begin, an end or a fault changes the order, so nobody is switched to and fro.
        """
        entitled = sorted((connector for connector in self._connectors if self._entitled(connector)), key=self._rank)
        return entitled[:int(self._supply_limit_a // LOWEST_OFFER_A)]

    def _rank(self, connector: Connector) -> tuple[int, float, int]:
        begun_s = connector.transaction.started.utc.timestamp() if connector.transaction is not None else 0.0
        return -self._priority[connector.connector_id], begun_s, connector.connector_id

    @staticmethod
    def _entitled(connector: Connector) -> bool:
        """Nothing flows without an authorised transaction (AUTH-1)."""
        transaction = connector.transaction
        if transaction is None or connector.recovering or connector.stopping or transaction.deauthorized:
            return False
        return not any(_forbids(kind) for kind in connector.faulted)

    def _wish_a(self, connector: Connector, sharing: int) -> float | None:
        """Equal shares of the supply between those who charge, within what the connector can."""
        amperes = min(connector.ceiling_a, self._supply_limit_a / sharing)
        if self._faults.meter_failed(connector.connector_id):
            amperes = min(amperes, WITHOUT_METER_A)
        return amperes if amperes >= LOWEST_OFFER_A else None


def _forbids(kind: FaultKind) -> bool:
    """A fault of the controller's own that stops charging; the guard acts on its own by itself."""
    row = CATALOGUE[kind]
    return row.owner is Owner.CONTROLLER and (row.reaction is not Reaction.NONE or kind is FaultKind.METER)
