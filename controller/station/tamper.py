"""The enclosure was opened (T-TAMPER): remembered over restarts until a person resets it at the closed enclosure."""

from collections.abc import Mapping

from controller.events import FaultReset, TamperReported
from controller.records import Durable, PutNote
from controller.station.step import Feature, Reaction, Step

NOTE = "tamper."
"""The note's name goes on with the connector; its content is when it happened."""


class Tamper(Feature):
    """Which enclosures were opened, and when."""

    name = "tamper"

    def __init__(self, durable: Durable) -> None:
        self._since = {int(name.removeprefix(NOTE)): at for name, at in durable.notes.items() if name.startswith(NOTE)}
        self._open: set[int] = set()

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the contact, and the technician."""
        return {TamperReported: self._reported, FaultReset: self._reset}

    def warnings(self) -> list[str]:
        """One sentence per enclosure."""
        return [f"the enclosure of connector {connector_id} was opened at {at}: look at it, close it, "
                f"then evcp service reset --connector {connector_id}" for connector_id, at in sorted(self._since.items())]

    def _reported(self, event: TamperReported, step: Step) -> None:
        (self._open.add if event.is_open else self._open.discard)(event.connector_id)
        if event.is_open and event.connector_id not in self._since:
            self._since[event.connector_id] = step.at.utc.isoformat(timespec="seconds")
            step.remember(PutNote(f"{NOTE}{event.connector_id}", self._since[event.connector_id]))

    def _reset(self, event: FaultReset, step: Step) -> None:
        """Not while it is open."""
        if event.connector_id in self._since and event.connector_id not in self._open:
            del self._since[event.connector_id]
            step.remember(PutNote(f"{NOTE}{event.connector_id}", None))
