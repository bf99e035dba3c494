"""One step of the core: an event goes in, records and commands come out, deadlines are noted."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from controller.clock import Instant
from controller.commands import Command, SetClock
from controller.events import ClockWasSet, DeadlineCame, Event
from controller.ocpp.messages import Request
from controller.records import Record, Stamp
from controller.station.derived import Derived

Key: TypeAlias = tuple[str | int, ...]


class Outcome:
    """What a step asks for: first remember `records` (one commit), then carry out `commands`, both in order."""

    __slots__ = ("commands", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.commands: list[Command] = []


class Step:
    """The running step, handed to every feature: what time it is, what was decided so far, what follows from it."""

    __slots__ = ("at", "boot_id", "outcome", "pending")

    def __init__(self, at: Instant, boot_id: str) -> None:
        self.at = at
        self.boot_id = boot_id
        self.outcome = Outcome()
        self.pending: deque[Event | Derived] = deque()

    def remember(self, record: Record) -> None:
        """Make `record` part of this step's commit."""
        self.outcome.records.append(record)

    def order(self, command: Command) -> None:
        """Have `command` carried out once the records are durable."""
        self.outcome.commands.append(command)

    def set_clock(self, utc: datetime) -> None:
        """UTC is `utc` now: for all that follows, in this step already, so that nothing leaves it with a wrong date (F-1970)."""
        before = self.at.utc
        self.at = Instant(self.at.monotonic_s, utc.replace(microsecond=utc.microsecond // 1000 * 1000))
        self.order(SetClock(utc))
        self.derive(ClockWasSet(before, told=True))

    def derive(self, event: Derived | ClockWasSet) -> None:
        """Let every feature hear of `event` within this step, after the present one."""
        self.pending.append(event)

    @property
    def stamp(self) -> Stamp:
        """This moment as it is stored (F-1970)."""
        return Stamp(self.at.utc, self.at.monotonic_s, self.boot_id, self.at.trusted)


Reaction: TypeAlias = Callable[[Any, Step], None]
"""A feature's answer to one type of event; the event's type is what it was registered under."""


class Agenda:
    """The deadlines of all features. A key's first element is the feature's name; a key is due once."""

    __slots__ = ("_due_s",)

    def __init__(self) -> None:
        self._due_s: dict[Key, float] = {}

    def set(self, *key: str | int, at_s: float) -> None:
        """Ask for `DeadlineCame(key)` at monotonic `at_s`, instead of any earlier wish under this key."""
        self._due_s[key] = at_s

    def cancel(self, *key: str | int) -> None:
        """Forget the key; it need not be there."""
        self._due_s.pop(key, None)

    def has(self, *key: str | int) -> bool:
        """Whether the key is still to come."""
        return key in self._due_s

    def next_s(self) -> float | None:
        """The earliest deadline on the monotonic clock."""
        return min(self._due_s.values(), default=None)

    def due(self, now_s: float) -> list[DeadlineCame]:
        """Take off the agenda what has come, in order of time."""
        come = sorted((at_s, key) for key, at_s in self._due_s.items() if at_s <= now_s) if self._due_s else []
        for _, key in come:
            del self._due_s[key]
        return [DeadlineCame(key) for _, key in come]


class Feature:
    """One part of the standard: reacts to events, answers CALLs, and settles what follows from facts."""

    name = ""

    def reactions(self) -> Mapping[type, Reaction]:
        """Which events it wants to hear of, and what it then does."""
        return {}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """Which CALLs of the central system it answers."""
        return {}

    def deadline(self, key: Key, step: Step) -> None:
        """A deadline under this feature's name has come."""

    def settle(self, step: Step) -> None:
        """At the end of every step: bring what is derived from facts in line with them."""
