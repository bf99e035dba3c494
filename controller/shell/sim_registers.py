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

import msgspec

from controller.shell.hardware import Meters
from controller.shell.pace import NORMAL
from drivers.sim_port import SimError, SimPort

logger = logging.getLogger("evcp.sim")
SEED_AGAIN_S = 0.1


class SimRegisters:
    """One small file, replaced whole."""

    def __init__(self, directory: str, port: SimPort, meters: Meters, simulated: list[int], *,
                 every_s: float = NORMAL.registers_every_s) -> None:
        self._file = Path(directory, "sim-meters.json")
        self._port = port
        self._meters = meters
        self._simulated = simulated
        self._every_s = every_s
        self._stored: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self._writing = threading.Lock()

    async def seed(self) -> None:
        """Hand what was stored to the world; to a later one, what was read last."""
        try:
            self._stored = msgspec.json.decode(self._file.read_bytes(), type=dict[str, float])
        except (OSError, msgspec.DecodeError):
            self._stored = {}
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
        """Store the registers if they moved; a disk that refuses is somebody else's to report."""
        registers = self._registers()
        if not registers or registers == self._written:
            return
        with self._writing:
            self._replace(registers)

    def _registers(self) -> dict[str, float]:
        readings = self._meters.readings()
        return {str(number): readings[number].energy_wh for number in self._simulated if number in readings}

    def _replace(self, registers: dict[str, float]) -> None:
        fresh = self._file.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(registers))
            os.replace(fresh, self._file)
        except OSError as error:
            logger.debug("simulated registers not stored: %s", error)
            with contextlib.suppress(OSError):
                fresh.unlink()
            return
        self._written = registers
