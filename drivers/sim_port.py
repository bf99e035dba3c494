"""What the daemon may ask of a simulated world, wherever it lives; `drivers.sim` keeps this promise."""

from collections.abc import Mapping
from typing import Protocol


class SimPort(Protocol):
    """The way to the world."""

    async def call(self, verb: str, body: Mapping[str, object]) -> dict[str, object]:
        """Carry out a verb of `/sim/v1`. Raises drivers.sim.world.SimError with an HTTP status."""

    async def close(self) -> None:
        """Release the way."""
