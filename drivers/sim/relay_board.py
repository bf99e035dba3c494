"""Relays, contacts and wires on mock pins: what the guard's GPIO drivers are connected to in the wired demo and in tests.

Watches the coil's pin, moves the simulated contact, and drives the pins of feedback and fault contacts as they would be.
"""

from collections.abc import Callable
from typing import Any


class RelayBoard:
    """Between gpiozero's mock pins and the simulated outlet."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self._inputs: list[tuple[Any, Callable[[], bool]]] = []
        self._outputs: list[tuple[Any, bool, Callable[[bool], None]]] = []
        self._seen: dict[int, bool] = {}

    def output(self, pin: int, drive: Callable[[bool], None], *, active_low: bool = False) -> None:
        """A line that we are driven by: `drive` hears of every change; an unclaimed line is off by its resistor."""
        self._outputs.append((self._factory.pin(pin), active_low, drive))

    def contact(self, pin: int, closed: Callable[[], bool]) -> None:
        """A contact to ground: low while it is closed, high by the pull-up while it is open."""
        self._inputs.append((self._factory.pin(pin), closed))

    def step(self) -> None:
        """Let currents flow: outputs are looked at, contacts follow."""
        for index, (pin, active_low, drive) in enumerate(self._outputs):
            on = pin.function == "output" and bool(pin.state) is not active_low
            if self._seen.get(index) is not on:
                self._seen[index] = on
                drive(on)
        for pin, closed in self._inputs:
            if pin.function == "input":
                (pin.drive_low if closed() else pin.drive_high)()
