"""What the hardware says, turned into facts of the connectors: the guard's reports and the meters' readings.

Pilot A is unplugged, B, C and D are plugged; E, F and unknown tell nothing about the plug, so it stays what it was.
"""

from collections.abc import Mapping, Sequence

from controller.events import ConnectorReported, GuardLost, MeterRead
from controller.guard.messages import Pilot
from controller.station.connector import Connector
from controller.station.derived import Plugged, Unplugged
from controller.station.step import Feature, Reaction, Step


class Connections(Feature):
    """Keeps `report`, `plugged` and `reading` of every connector up to date."""

    name = "connections"

    def __init__(self, connectors: Sequence[Connector]) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the hardware first, so that every other feature sees the new facts."""
        return {ConnectorReported: self._reported, MeterRead: self._metered, GuardLost: self._lost}

    def _reported(self, event: ConnectorReported, step: Step) -> None:
        connector = self._connectors[event.report.connector_id]
        connector.report = event.report
        if event.report.pilot.plugged and not connector.plugged:
            connector.plugged, connector.plugged_at_s = True, step.at.monotonic_s
            step.derive(Plugged(connector.connector_id))
        elif event.report.pilot is Pilot.A and connector.plugged:
            connector.plugged, connector.plugged_at_s = False, None
            step.derive(Unplugged(connector.connector_id))

    def _metered(self, event: MeterRead, _step: Step) -> None:
        self._connectors[event.connector_id].reading = event.reading

    def _lost(self, _event: GuardLost, _step: Step) -> None:
        for connector in self._connectors.values():
            connector.report = None
