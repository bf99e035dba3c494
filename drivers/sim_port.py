"""What the daemon may ask of a simulated world, wherever it lives; `drivers.sim` keeps this promise."""

from collections.abc import Mapping
from typing import Protocol


class SimError(Exception):
    """A verb that cannot be carried out; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SimPort(Protocol):
    """The way to the world."""

    async def call(self, verb: str, body: Mapping[str, object]) -> dict[str, object]:
        """Carry out a verb of `/sim/v1`. Raises SimError with an HTTP status."""

    async def close(self) -> None:
        """Release the way."""
