"""ReserveNow and CancelReservation: connectors are kept until a date, a start, a fault or the central system's word (RES-*)."""

from collections.abc import Mapping, Sequence
from datetime import UTC

from controller.events import CallReceived, ClockWasSet, ConnectorReported, Started
from controller.ocpp.messages import Request
from controller.ocpp.messages.reservation import (
    CancelReservationConf,
    CancelReservationReq,
    ReserveNowConf,
    ReserveNowReq,
)
from controller.ocpp.types import CancelReservationStatus, ReservationStatus
from controller.records import DropReservation, PutReservation, Reservation
from controller.station.answering import answer
from controller.station.availability import Availability
from controller.station.connector import Connector
from controller.station.derived import TransactionStarted
from controller.station.reservation_book import ANY, ReservationBook, is_for
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step

PROFILE = "Reservation"


class Reservations(Feature):
    """Makes and ends reservations. Owns `reserved` of every connector."""

    name = "reservations"

    def __init__(self, connectors: Sequence[Connector], settings: Settings, agenda: Agenda, book: ReservationBook,
                 availability: Availability) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._settings = settings
        self._agenda = agenda
        self._book = book
        self._availability = availability
        self._present = PROFILE in settings.csl("SupportedFeatureProfiles")
        self._heard: set[int] = set()
        """Connectors of which the guard has spoken since the start: before that a fault only says that it has not yet."""
        self._dated: set[int] = set()
        """Those whose end was reckoned from a date that could be trusted."""

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the start, the calendar, the guard's first word, and the start that a reservation was made for."""
        return {Started: self._started, ClockWasSet: self._clock_was_set, ConnectorReported: self._reported,
                TransactionStarted: self._used}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """Both operations, unless the `[ocpp]` table leaves the profile out."""
        return {ReserveNowReq: self._reserve, CancelReservationReq: self._cancel} if self._present else {}

    def deadline(self, key: Key, step: Step) -> None:
        """The expiryDate has come (RES-8)."""
        self._end(int(key[2]), step)

    def settle(self, step: Step) -> None:
        """What is out of service is kept for nobody; then who sees what as Reserved."""
        for row in self._book.all():
            if self._is_out_of_service(row):
                self._end(row.reservation_id, step)
        for connector in self._connectors.values():
            connector.reserved = self._book.shows(connector)

    # -- the operations ----------------------------------------------------------------------------------------------

    def _reserve(self, call: CallReceived, step: Step) -> None:
        """What is accepted is stored. It tells nothing of its idTag that the cache could learn (CACHE-8)."""
        request = call.request
        assert isinstance(request, ReserveNowReq)
        status = self._status_for(request, step)
        if status is ReservationStatus.Accepted:
            row = Reservation(request.reservation_id, request.connector_id, request.id_tag, request.expiry_date.astimezone(UTC),
                              step.stamp, request.parent_id_tag)
            self._book.put(row)
            step.remember(PutReservation(row))
            self._arm(row, step)
        answer(call, ReserveNowConf(status=status), step)

    def _status_for(self, request: ReserveNowReq, step: Step) -> ReservationStatus:
        """In the order of RES-3; a request that is not accepted changes nothing, a reservation of its id included."""
        connector = self._connectors.get(request.connector_id)
        if self._is_refused(request, step):
            return ReservationStatus.Rejected
        meant = list(self._connectors.values()) if connector is None else [connector]
        if not any(self._is_in_service(c) for c in meant):
            faulted = any(c.faulted for c in meant)
            return ReservationStatus.Faulted if faulted else ReservationStatus.Unavailable
        if connector is None and not self._availability.operative:
            return ReservationStatus.Unavailable
        before = self._book.find(request.reservation_id)
        if before is not None and before.connector_id == request.connector_id:
            fits = self._fits_whoever_waits(before, request)
        else:
            fits = self._book.without(request.reservation_id).has_room(connector)
        return ReservationStatus.Accepted if fits else ReservationStatus.Occupied

    def _is_refused(self, request: ReserveNowReq, step: Step) -> bool:
        """No such connector, none for everybody, or no time left; without a date nobody knows how much is."""
        if request.connector_id == ANY:
            refused = not self._settings.boolean("ReserveConnectorZeroSupported")
        else:
            refused = request.connector_id not in self._connectors
        return refused or not step.at.trusted or request.expiry_date <= step.at.utc

    def _fits_whoever_waits(self, before: Reservation, request: ReserveNowReq) -> bool:
        """A promise of the same connector is put in other words; only who is about to use it must not lose it (RES-1)."""
        after = Reservation(before.reservation_id, before.connector_id, request.id_tag, request.expiry_date, before.made,
                            request.parent_id_tag)
        waiting = [c.waiting for c in self._connectors.values() if c.waiting is not None and self._book.claimed(c) == before]
        return all(is_for(after, one.id_tag, one.parent_id_tag) for one in waiting)

    def _cancel(self, call: CallReceived, step: Step) -> None:
        """A reservation that stands ends (RES-11); whether that frees the connector is told by its status (RES-10)."""
        request = call.request
        assert isinstance(request, CancelReservationReq)
        known = self._book.find(request.reservation_id) is not None
        self._end(request.reservation_id, step)
        status = CancelReservationStatus.Accepted if known else CancelReservationStatus.Rejected
        answer(call, CancelReservationConf(status=status), step)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _end(self, reservation_id: int, step: Step) -> None:
        if self._book.find(reservation_id) is not None:
            self._book.drop(reservation_id)
            self._dated.discard(reservation_id)
            self._agenda.cancel(self.name, "expires", reservation_id)
            step.remember(DropReservation(reservation_id))

    def _used(self, event: TransactionStarted, step: Step) -> None:
        """The start and the end of the reservation are one commit (RES-8)."""
        transaction = self._connectors[event.connector_id].transaction
        if transaction is not None and transaction.reservation_id is not None and not event.resumed:
            self._end(transaction.reservation_id, step)

    def _is_in_service(self, connector: Connector) -> bool:
        return connector.operative and not connector.faulted

    def _is_out_of_service(self, row: Reservation) -> bool:
        """The connector, or the whole charge point, is Faulted or Unavailable (RES-8, AVL-6)."""
        meant = [c for c in self._connectors.values() if row.connector_id in (ANY, c.connector_id)]
        closed = row.connector_id == ANY and not self._availability.operative
        return closed or all(not c.operative or (c.faulted and c.connector_id in self._heard) for c in meant)

    def _reported(self, event: ConnectorReported, _step: Step) -> None:
        self._heard.add(event.report.connector_id)

    # -- the date ----------------------------------------------------------------------------------------------------

    def _started(self, _event: Started, step: Step) -> None:
        """Those that have expired meanwhile end here, and those that this configuration has no place for (RES-12)."""
        for row in self._book.all():
            if not self._present or (row.connector_id != ANY and row.connector_id not in self._connectors):
                self._end(row.reservation_id, step)
            else:
                self._arm(row, step)

    def _clock_was_set(self, event: ClockWasSet, step: Step) -> None:
        """An expiryDate is a date of the central system's calendar. What others do to our clock does not move it (F-STEP)."""
        for row in self._book.all() if step.at.trusted else ():
            if event.told or row.reservation_id not in self._dated:
                self._arm(row, step)

    def _arm(self, row: Reservation, step: Step) -> None:
        left_s = self._left_s(row, step)
        if step.at.trusted:
            self._dated.add(row.reservation_id)
        if left_s > 0:
            self._agenda.set(self.name, "expires", row.reservation_id, at_s=step.at.monotonic_s + left_s)
        else:
            self._end(row.reservation_id, step)

    @staticmethod
    def _left_s(row: Reservation, step: Step) -> float:
        """So long it stands. Where nobody knows the date: the rest of its whole length, which begins anew with another boot (F-1970)."""
        if step.at.trusted:
            return (row.expiry_date - step.at.utc).total_seconds()
        passed_s = step.at.monotonic_s - row.made.monotonic_s if row.made.boot_id == step.boot_id else 0.0
        return (row.expiry_date - row.made.utc).total_seconds() - passed_s
