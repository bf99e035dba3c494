"""A state that had to be set aside is reported until a person has taken note of it (B6)."""

from collections.abc import Mapping

from controller.events import FaultReset
from controller.ocpp.types import ChargePointErrorCode
from controller.records import Durable, PutNote
from controller.station.step import Feature, Reaction, Step

SET_ASIDE_NOTE = "state set aside"
"""Written by whoever set it aside; its content says why, and where the state before is kept."""
INFO = "state set aside after failed starts"
"""For the central system, whose StatusNotification has room for 50 characters."""


class SetAside(Feature):
    """Whether the state that was found is only what could be saved of another one."""

    name = "set aside"

    def __init__(self, durable: Durable) -> None:
        self._why = durable.notes.get(SET_ASIDE_NOTE)

    @property
    def error_code(self) -> ChargePointErrorCode:
        """Of connector 0: a warning, charging goes on."""
        return ChargePointErrorCode.NoError if self._why is None else ChargePointErrorCode.OtherError

    @property
    def info(self) -> str | None:
        """What the StatusNotification of connector 0 adds."""
        return None if self._why is None else INFO

    def warnings(self) -> list[str]:
        """One sentence, if there is anything to tell."""
        if self._why is None:
            return []
        return [f"the state was set aside: {self._why}. Availability and the cards it knew are forgotten; look at it, then evcp service reset"]

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the technician."""
        return {FaultReset: self._reset}

    def _reset(self, _event: FaultReset, step: Step) -> None:
        if self._why is not None:
            self._why = None
            step.remember(PutNote(SET_ASIDE_NOTE, None))
