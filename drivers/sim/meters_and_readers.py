"""The controller's drivers over the simulated world; they reach it through a port, in this process or another."""

from collections.abc import AsyncIterator

import msgspec

from drivers.errors import Disconnected
from drivers.protocols import MeterIdentity, MeterReading
from drivers.registry import Context
from drivers.sim.desk import Desk
from drivers.sim_port import SimError, SimPort

ALLOWED: dict[str, str] = {}


class Options(msgspec.Struct, frozen=True):
    """A simulated device has no options."""


def quantities(_options: Options) -> frozenset[str]:
    """What the simulated meter tells, in the words of the register maps."""
    phases = ("l1", "l2", "l3")
    return frozenset({
        "energy_wh", "power_w", "frequency_hz", *(f"voltage_{phase}_v" for phase in phases),
        *(f"current_{phase}_a" for phase in phases), *(f"power_{phase}_w" for phase in phases),
    })


async def _ask(port: SimPort, verb: str, body: dict[str, object]) -> dict[str, object]:
    try:
        return await port.call(verb, body)
    except SimError as error:
        raise Disconnected(str(error)) from error


class SimMeter:
    """Energy meter."""

    def __init__(self, port: SimPort, connector_id: int) -> None:
        self._port, self._connector_id = port, connector_id

    async def identify(self) -> MeterIdentity:
        """It knows its name. Raises Disconnected like `read`."""
        await self.read()
        return MeterIdentity("simulated", f"SIM{self._connector_id}")

    async def read(self) -> MeterReading:
        """The register and what flows. Raises Disconnected while the fault `meter` is being played."""
        answer = await _ask(self._port, "reading", {"connector": self._connector_id})
        if answer["broken"]:
            message = f'the simulated meter of connector {self._connector_id} does not answer (fault "meter" is on)'
            raise Disconnected(message)
        return msgspec.convert(answer["reading"], MeterReading)

    async def close(self) -> None:
        """Nothing to release."""


class SimSiteMeter:
    """The meter of the grid connection."""

    def __init__(self, port: SimPort) -> None:
        self._port = port

    async def identify(self) -> MeterIdentity:
        """It knows its name. Raises Disconnected like `read`."""
        await self.read()
        return MeterIdentity("simulated grid", None)

    async def read(self) -> MeterReading:
        """What the building draws. Raises Disconnected while it is broken."""
        answer = await _ask(self._port, "site_reading", {})
        if answer["broken"]:
            message = "the simulated grid meter does not answer"
            raise Disconnected(message)
        return msgspec.convert(answer["reading"], MeterReading)

    async def close(self) -> None:
        """Nothing to release."""


class SimReader:
    """Card reader: cards come from the desk."""

    def __init__(self, desk: Desk, reader: int) -> None:
        import asyncio

        self._desk, self._reader = desk, reader
        self._cards: asyncio.Queue[str | None] = asyncio.Queue()
        desk.listen(reader, self._cards.put_nowait)

    async def cards(self) -> AsyncIterator[str]:
        """Every card laid on the desk. Raises Disconnected while the fault `rfid` is being played."""
        while True:
            if self._desk.is_broken(self._reader):
                message = f'the simulated reader {self._reader} does not answer (fault "rfid" is on)'
                raise Disconnected(message)
            card = await self._cards.get()
            if card is not None:
                yield card

    async def close(self) -> None:
        """Nothing to release."""


def meter(_options: Options, context: Context) -> SimMeter:
    """The driver."""
    return SimMeter(context.port, context.connector_id)


def site_meter(_options: Options, context: Context) -> SimSiteMeter:
    """The driver."""
    return SimSiteMeter(context.port)


def reader(_options: Options, context: Context) -> SimReader:
    """The driver; `connector_id` is the reader's place in the configuration."""
    return SimReader(context.desk, context.connector_id)
