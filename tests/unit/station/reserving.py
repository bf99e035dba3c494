"""ReserveNow and CancelReservation as the tests say them."""

from datetime import datetime, timedelta

from controller.ocpp.messages import core as m
from controller.ocpp.messages.reservation import (
    CancelReservationConf,
    CancelReservationReq,
    ReserveNowConf,
    ReserveNowReq,
)
from controller.ocpp.types import AuthorizationStatus, CancelReservationStatus, ReservationStatus
from tests.unit.station.conversation import Conversation

HOUR_S = 3600.0


def reserve(conversation: Conversation, connector_id: int = 1, id_tag: str = "TAG1", reservation_id: int = 7, *,
            for_s: float = HOUR_S, parent: str | None = None, until: datetime | None = None) -> ReservationStatus:
    """What ReserveNow is answered."""
    conf = conversation.call(ReserveNowReq(
        connector_id=connector_id, expiry_date=until or conversation.utc + timedelta(seconds=for_s), id_tag=id_tag,
        reservation_id=reservation_id, parent_id_tag=parent))
    assert isinstance(conf, ReserveNowConf)
    return conf.status


def cancel(conversation: Conversation, reservation_id: int = 7) -> CancelReservationStatus:
    """What CancelReservation is answered."""
    conf = conversation.call(CancelReservationReq(reservation_id=reservation_id))
    assert isinstance(conf, CancelReservationConf)
    return conf.status


def kept(conversation: Conversation) -> dict[int, int]:
    """The reservations on the disk: connector by id."""
    return {row.reservation_id: row.connector_id for row in conversation.store.load().reservations}


def told(conversation: Conversation, connector_id: int = 1) -> str:
    """What was told last of a connector."""
    return str(conversation.statuses(connector_id)[-1])


def shown(conversation: Conversation) -> list[str]:
    """The present statuses of all connectors."""
    return [conversation.station.status_of(c.connector_id) for c in conversation.station.connectors]


def family(conversation: Conversation, *tags: str) -> None:
    """The central system puts these tags into the group FAMILY, and every other into none; it accepts all."""
    def verdict(request: object) -> m.AuthorizeConf:
        parent = "FAMILY" if getattr(request, "id_tag", "") in tags else None
        return m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag=parent))
    conversation.answers[m.AuthorizeReq] = verdict


def running(conversation: Conversation) -> dict[int, str]:
    """Which tag charges where."""
    return {c.connector_id: c.transaction.id_tag for c in conversation.station.connectors if c.transaction is not None}


def waiting(conversation: Conversation) -> dict[int, str]:
    """Which tag waits for a car where."""
    return {c.connector_id: c.waiting.id_tag for c in conversation.station.connectors if c.waiting is not None}
