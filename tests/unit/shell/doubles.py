"""What stands around one part of the shell in its tests: a core that answers from a list, and parts that only remember."""

from collections.abc import Callable
from typing import Any

from controller import commands as c
from controller.clock import Instant
from controller.events import DeadlineCame, Event
from controller.guard.messages import Pilot, Report
from controller.records import PutNote, Record
from drivers.protocols import LockState
from tests.rig.clock import TrueTime, VirtualClock


class Decision:
    """The outcome of a step."""

    def __init__(self, records: list[Record], commands: list[c.Command]) -> None:
        self.records = records
        self.commands = commands


class Core:
    """Decides by the event's type; may have deadlines."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.decisions: dict[type, Callable[[Any], Decision]] = {}
        self.deadline_s: float | None = None

    def handle(self, event: Event, at: Instant) -> Decision:
        """One step."""
        self.seen.append(event)
        decide = self.decisions.get(type(event))
        return decide(event) if decide is not None else Decision([], [])

    def next_deadline_s(self) -> float | None:
        """When it wants to be woken."""
        return self.deadline_s

    def due(self, at: Instant) -> list[DeadlineCame]:
        """The deadline, once."""
        if self.deadline_s is None or at.monotonic_s < self.deadline_s:
            return []
        self.deadline_s = None
        return [DeadlineCame(("test",))]


class Doer:
    """Writes down what is to be done; withdrawals and lowered offers are urgent."""

    def __init__(self, diary: list[str] | None = None) -> None:
        self.done: list[c.Command] = []
        self.offers: dict[int, float] = {}
        self._diary = diary if diary is not None else []

    def start(self, command: c.Command) -> None:
        """Carry out one command."""
        self.done.append(command)
        self._diary.append(type(command).__name__)
        if isinstance(command, c.OfferCurrent):
            self.offers[command.connector_id] = command.max_current_a
        elif isinstance(command, c.WithdrawOffer):
            self.offers.pop(command.connector_id, None)

    def is_urgent(self, command: c.Command) -> bool:
        """As the real one judges."""
        if isinstance(command, c.OfferCurrent):
            return command.max_current_a < self.offers.get(command.connector_id, 0.0)
        return isinstance(command, c.WithdrawOffer)


def clock() -> VirtualClock:
    """A good one."""
    return VirtualClock(TrueTime())


def note(text: str = "x") -> PutNote:
    """Something to remember."""
    return PutNote("note", text)


def report(connector_id: int = 1, pilot: Pilot = Pilot.A, late_ticks: int = 0) -> Report:
    """What the guard may say."""
    return Report(connector_id, pilot, 1.0, 0.0, False, False, LockState.UNLOCKED, frozenset(), 32.0, late_ticks)
