"""What the daemon may ask of a simulated world, wherever it lives; `drivers.sim` keeps this promise."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

Greeting: TypeAlias = Callable[[], Iterable[tuple[str, Mapping[str, object]]]]
"""Verbs with their bodies, to be asked of a world that is new."""


class SimError(Exception):
    """A verb that cannot be carried out; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SimPort(Protocol):
    """The way to the world."""

    async def call(self, verb: str, body: Mapping[str, object]) -> dict[str, object]:
        """Carry out a verb of `/sim/v1`. Raises SimError with an HTTP status."""

    def greet(self, greeting: Greeting) -> None:
        """What to ask of every further world before anything else."""

    async def close(self) -> None:
        """Release the way."""


def is_id_tag(text: str) -> bool:
    """Whether OCPP can carry it: 1 to 20 printable ASCII characters (CiString20Type)."""
    return 1 <= len(text) <= 20 and text.isascii() and text.isprintable()
