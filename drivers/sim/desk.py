"""The simulated card readers: cards are laid on the desk by `swipe` and taken from it by the reader drivers.

They belong to the controller, not to the world behind the guard: a card is read where its meaning is decided.
"""

from collections.abc import Callable, Sequence

import msgspec

from drivers.sim.world import Body, parsed
from drivers.sim_port import SimError, is_id_tag


class Swipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `swipe`."""

    id_tag: str
    connectors: list[int] | None = None

    def __post_init__(self) -> None:
        if not is_id_tag(self.id_tag):
            message = "id_tag: 1 to 20 printable ASCII characters"
            raise ValueError(message)


class Desk:
    """All simulated readers, by their place in the configuration."""

    def __init__(self, known: Sequence[int]) -> None:
        self._known = set(known)
        self._served: dict[int, tuple[int, ...]] = {}
        self._listeners: dict[int, Callable[[str | None], None]] = {}
        self._broken: set[int] = set()

    def add(self, reader: int, connectors: Sequence[int]) -> None:
        """There is a simulated reader at this place."""
        self._served[reader] = tuple(connectors)

    def listen(self, reader: int, listener: Callable[[str | None], None]) -> None:
        """Hand cards of this reader to `listener`, and None when it breaks."""
        self._listeners[reader] = listener

    def is_broken(self, reader: int) -> bool:
        """Whether the reader answers."""
        return reader in self._broken

    def swipe(self, body: Body) -> dict[str, object]:
        """A card at the reader that serves these connectors, or at the first one."""
        card = parsed(body, Swipe)
        reader = self._reader_for(card.connectors)
        listener = self._listeners.get(reader)
        if listener is not None and reader not in self._broken:
            listener(card.id_tag)
        return {}

    def _reader_for(self, connectors: list[int] | None) -> int:
        if not self._served:
            raise SimError(409, "there is no simulated reader")
        if connectors is None:
            return min(self._served)
        for connector_id in connectors:
            if connector_id not in self._known:
                raise SimError(400, f"connector {connector_id} is not configured; there are {sorted(self._known)}")
        wanted = set(connectors)
        for reader, served in sorted(self._served.items()):
            if wanted <= set(served):
                return reader
        raise SimError(409, f"no simulated reader serves the connectors {sorted(wanted)}")

    def set_fault(self, connector_id: int, active: bool) -> dict[str, object]:
        """Break or mend the reader that serves a connector."""
        if connector_id not in self._known:
            raise SimError(400, f"connector {connector_id} is not configured; there are {sorted(self._known)}")
        reader = self._reader_for([connector_id])
        (self._broken.add if active else self._broken.discard)(reader)
        listener = self._listeners.get(reader)
        if active and listener is not None:
            listener(None)
        return {}
