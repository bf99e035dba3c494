"""Relays, contacts and wires on mock pins: what the guard's GPIO drivers are connected to in the wired demo and in tests."""

from collections.abc import Callable
from typing import Any


class RelayBoard:
    """Between gpiozero's mock pins and the simulated outlet; current flows at once."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory

    def output(self, pin: int, drive: Callable[[bool], None], *, active_low: bool = False) -> None:
        """A line that we are driven by: `drive` hears of every change; a line that nobody drives is off by its resistor."""
        before: list[bool] = []

        def watch(level: bool | None) -> None:
            on = level is not None and level is not active_low
            if before != [on]:
                before[:] = [on]
                drive(on)

        self._factory.pin(pin).watch = watch

    def contact(self, pin: int, closed: Callable[[], bool]) -> None:
        """A contact to ground: low while it is closed, high by the pull-up while it is open."""
        self._factory.pin(pin).contact = closed
