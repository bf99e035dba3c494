"""How often each contactor has closed since it was installed: contacts are rated for a number of operations (iec61851.md 4.2).

The guard counts since its own start and knows no disk; what it reports is added up here. A count that is lower than the one seen last
comes from another start of the guard.
"""

from collections.abc import Mapping

from controller.events import ConnectorReported
from controller.records import Durable, PutNote
from controller.station.step import Feature, Reaction, Step

NOTE = "closures."
"""The note's name goes on with the connector; its content is the sum, and what the guard's own count was then."""


class Wear(Feature):
    """Counts closures over all starts."""

    name = "wear"

    def __init__(self, durable: Durable) -> None:
        self._counted = {int(name.removeprefix(NOTE)): _read(text) for name, text in durable.notes.items() if name.startswith(NOTE)}

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears every report of the guard."""
        return {ConnectorReported: self._reported}

    def closures(self, connector_id: int) -> int:
        """Closures of the connector's contactor, as far as anybody counted."""
        return self._counted.get(connector_id, (0, 0))[0]

    def _reported(self, event: ConnectorReported, step: Step) -> None:
        connector_id, closures = event.report.connector_id, event.report.closures
        total, before = self._counted.get(connector_id, (0, 0))
        if closures == before:
            return
        total += closures - before if closures > before else closures
        self._counted[connector_id] = total, closures
        step.remember(PutNote(f"{NOTE}{connector_id}", f"{total} {closures}"))


def _read(text: str) -> tuple[int, int]:
    total, _, before = text.partition(" ")
    return (int(total), int(before)) if total.isdecimal() and before.isdecimal() else (0, 0)
