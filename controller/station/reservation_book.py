"""For whom connectors are kept, and who may begin where because of it (RES-5 to RES-9).

A reservation of connector 0 keeps no connector in particular: of those that are idle, one must remain for every such reservation.
Somebody who is authorised and waits for the plug has not used up his reservation yet, but claims it: what he waits at is not counted
as idle, and so his reservation keeps no other one.
"""

from collections.abc import Iterable, Sequence

from controller.records import Reservation
from controller.station.authorization import same_group, same_tag
from controller.station.connector import Connector

ANY = 0
"""The connectorId of a reservation that any connector will do for."""


def is_for(row: Reservation, id_tag: str, parent_id_tag: str | None) -> bool:
    """Whether it was made for this tag, or for the group that the tag is in (RES-6)."""
    return same_tag(id_tag, row.id_tag) or same_group(parent_id_tag, row.parent_id_tag)


class ReservationBook:
    """The reservations that stand, read by whoever lets somebody begin."""

    def __init__(self, connectors: Sequence[Connector], rows: Iterable[Reservation]) -> None:
        self._connectors = tuple(connectors)
        self._rows = {row.reservation_id: row for row in rows}

    def all(self) -> list[Reservation]:
        """Those that end soonest first."""
        return sorted(self._rows.values(), key=lambda row: (row.expiry_date, row.reservation_id))

    def find(self, reservation_id: int) -> Reservation | None:
        """The one with this id."""
        return self._rows.get(reservation_id)

    def put(self, row: Reservation) -> None:
        """Enter it, in the place of the one with its id (RES-1)."""
        self._rows[row.reservation_id] = row

    def drop(self, reservation_id: int) -> None:
        """It stands no more."""
        self._rows.pop(reservation_id, None)

    def without(self, reservation_id: int) -> "ReservationBook":
        """The book as it would be."""
        return ReservationBook(self._connectors, (row for row in self._rows.values() if row.reservation_id != reservation_id))

    # -- who may begin -----------------------------------------------------------------------------------------------

    def of(self, connector: Connector) -> Reservation | None:
        """The reservation of this very connector."""
        return next((row for row in self._rows.values() if row.connector_id == connector.connector_id), None)

    def admits(self, connector: Connector, id_tag: str, parent_id_tag: str | None, *, leaving: Connector | None = None) -> bool:
        """Whether this tag may begin here: nobody else has a right to it (RES-6). `leaving` is where it waits so far."""
        own = self.of(connector)
        if own is not None:
            return is_for(own, id_tag, parent_id_tag)
        anywhere = self._unclaimed(leaving)
        return (any(is_for(row, id_tag, parent_id_tag) for row in anywhere)
                or len(self._spare(leaving, besides=connector)) >= len(anywhere))

    def could_admit(self, connector: Connector, id_tag: str, parent_id_tag: str | None) -> bool:
        """Whether it might once the group of the tag is known: only then is the central system worth asking (RES-7)."""
        own = self.of(connector)
        in_the_way = self._unclaimed() if own is None else [own]
        grouped = parent_id_tag is None and any(row.parent_id_tag is not None for row in in_the_way)
        return grouped or self.admits(connector, id_tag, parent_id_tag)

    def open_to(self, connectors: Sequence[Connector], id_tag: str, parent_id_tag: str | None) -> list[Connector]:
        """Those of `connectors` where the tag may begin; where one is kept for it, or else for its group, nowhere else."""
        admitting = [(c, self.of(c)) for c in connectors if self.admits(c, id_tag, parent_id_tag)]
        own = [c for c, row in admitting if row is not None and same_tag(id_tag, row.id_tag)]
        return own or [c for c, row in admitting if row is not None] or [c for c, _ in admitting]

    def claimed(self, connector: Connector) -> Reservation | None:
        """The reservation that ends when whoever waits here begins (RES-8, RES-9)."""
        return self._claims().get(connector.connector_id)

    def _claims(self, leaving: Connector | None = None) -> dict[int, Reservation]:
        """Whoever waits claims the reservation of his connector, else the one of connector 0 that would end soonest."""
        anywhere = [row for row in self.all() if row.connector_id == ANY]
        claims: dict[int, Reservation] = {}
        for connector in self._connectors:
            waiting, own = connector.waiting, self.of(connector)
            if waiting is None or connector is leaving:
                continue
            for row in [own] if own is not None else list(anywhere):
                if is_for(row, waiting.id_tag, waiting.parent_id_tag):
                    claims[connector.connector_id] = row
                    anywhere = [other for other in anywhere if other is not row]
                    break
        return claims

    # -- what is left ------------------------------------------------------------------------------------------------

    def _unclaimed(self, leaving: Connector | None = None) -> list[Reservation]:
        """Those of connector 0 for which a connector must remain."""
        claimed = self._claims(leaving).values()
        return [row for row in self.all() if row.connector_id == ANY and row not in claimed]

    def _spare(self, leaving: Connector | None = None, *, besides: Connector | None = None) -> list[Connector]:
        """Idle ones that are not reserved themselves."""
        return [c for c in self._connectors if c is not besides and self.of(c) is None
                and (c.idle or (c is leaving and c.operative and not c.faulted))]

    def has_room(self, connector: Connector | None) -> bool:
        """Whether `connector`, None for any, can be reserved: nobody is there, and everybody else still finds one (RES-2, RES-5)."""
        if connector is not None and connector not in self._spare():
            return False
        wanted = len(self._unclaimed()) + (connector is None)
        return len(self._spare(besides=connector)) >= wanted

    def shows(self, connector: Connector) -> bool:
        """Whether an idle connector is Reserved: itself, or as the last that is left for a reservation of connector 0 (RES-4, RES-5)."""
        if self.of(connector) is not None:
            return True
        spare = self._spare()
        return connector in spare and len(spare) <= len(self._unclaimed())
