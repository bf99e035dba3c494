"""How long sessions and dead letters are kept, and who may have them forgotten sooner (T-PRIVACY).

Once a day what was settled longer ago than `storage.keep_days` is erased, at most `AT_ONCE` of each kind: enough for every
station, and the most that a wrong date could cost before somebody sees it. A date that nobody vouches for erases nothing,
and a calendar that has just jumped is given an hour to be corrected.
"""

from collections.abc import Mapping
from datetime import timedelta

from controller.config import Configuration
from controller.events import ClockWasSet, EraseRequested, Started
from controller.records import DateSettled, Erase
from controller.station.step import Agenda, Feature, Key, Reaction, Step

AT_ONCE = 500
"""So many sessions, and as many dead letters, go in one step."""
FIRST_AFTER_S = 3600.0
EVERY_S = 86_400.0
JUMP = timedelta(hours=1)
"""A calendar that moved by more may not be the last word."""


class Retention(Feature):
    """Erases what is over."""

    name = "retention"

    def __init__(self, configuration: Configuration, agenda: Agenda) -> None:
        self._keep = timedelta(days=configuration.storage.keep_days)
        self._agenda = agenda

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the start, the calendar, and people."""
        return {Started: self._started, ClockWasSet: self._clock_was_set, EraseRequested: self._requested}

    def deadline(self, key: Key, step: Step) -> None:
        """Once a day."""
        self._agenda.set(self.name, "erase", at_s=step.at.monotonic_s + EVERY_S)
        if step.at.trusted:
            step.remember(DateSettled(step.stamp, AT_ONCE))
            step.remember(Erase(AT_ONCE, settled_before=step.at.utc - self._keep))

    def _started(self, _event: Started, step: Step) -> None:
        self._agenda.set(self.name, "erase", at_s=step.at.monotonic_s + FIRST_AFTER_S)

    def _clock_was_set(self, event: ClockWasSet, step: Step) -> None:
        if abs(step.at.utc - event.before) > JUMP:
            self._agenda.set(self.name, "erase", at_s=step.at.monotonic_s + FIRST_AFTER_S)

    def _requested(self, event: EraseRequested, step: Step) -> None:
        """A wish without any condition would mean everything: nobody can have wanted that."""
        if event.ended_before is not None or event.id_tag is not None:
            step.remember(Erase(AT_ONCE, ended_before=event.ended_before, id_tag=event.id_tag))
