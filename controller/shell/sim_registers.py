"""Keeps the registers of simulated meters over restarts, as a real meter would by itself.

Written at least every second below the storage directory, beside the event loop, for the disk may stall; a world that is
new takes them over, one that lived on in the guard's process keeps its own.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from controller.shell.hardware import Meters
from controller.shell.pace import NORMAL
from drivers.sim_port import SimError, SimPort

logger = logging.getLogger("evcp.sim")
SEED_AGAIN_S = 0.1


class Keeper(Protocol):
    """Where registers outlive the process, in Wh by connector."""

    def read(self) -> dict[str, float]:
        """What was kept; empty when nothing is."""

    def write(self, registers: dict[str, float]) -> bool:
        """Keep these instead; False when that was not possible."""


class RegisterFile:
    """One small file, replaced whole."""

    def __init__(self, directory: str) -> None:
        self._file = Path(directory, "sim-meters.json")
        self._writing = threading.Lock()

    def read(self) -> dict[str, float]:
        """What was kept; empty when nothing is, or nothing readable."""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, float])
        except (OSError, msgspec.DecodeError):
            return {}

    def write(self, registers: dict[str, float]) -> bool:
        """Keep these; a disk that refuses is somebody else's to report."""
        fresh = self._file.with_suffix(".new")
        try:
            with self._writing:
                fresh.write_bytes(msgspec.json.encode(registers))
                os.replace(fresh, self._file)
        except OSError as error:
            logger.debug("simulated registers not stored: %s", error)
            with contextlib.suppress(OSError):
                fresh.unlink()
            return False
        return True


class SimRegisters:
    """Hands registers from the keeper to the world at the start, and back as they move."""

    def __init__(self, keeper: Keeper, port: SimPort, meters: Meters, simulated: list[int], *,
                 every_s: float = NORMAL.registers_every_s) -> None:
        self._keeper = keeper
        self._port = port
        self._meters = meters
        self._simulated = simulated
        self._every_s = every_s
        self._stored: dict[str, float] = {}
        self._written: dict[str, float] = {}

    async def seed(self) -> None:
        """Hand what was stored to the world; to a later one, what was read last."""
        self._stored = self._keeper.read()
        self._port.greet(self._seeds)
        for verb, body in self._seeds():
            while not await self._seeded(verb, body):
                await asyncio.sleep(SEED_AGAIN_S)

    def _seeds(self) -> Iterable[tuple[str, Mapping[str, object]]]:
        """Every register as far as it is known."""
        known = self._stored | self._registers()
        return [("seed", {"connector": number, "energy_wh": known.get(str(number), 0.0)}) for number in self._simulated]

    async def _seeded(self, verb: str, body: Mapping[str, object]) -> bool:
        """False while the guard with the world in it is not there yet."""
        try:
            await self._port.call(verb, body)
        except SimError as error:
            logger.debug("%s", error)
            return False
        return True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Store the registers if they moved."""
        registers = self._registers()
        if registers and registers != self._written and self._keeper.write(registers):
            self._written = registers

    def _registers(self) -> dict[str, float]:
        readings = self._meters.readings()
        return {str(number): readings[number].energy_wh for number in self._simulated if number in readings}
