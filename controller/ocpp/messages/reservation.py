"""The Reservation profile."""

from typing import ClassVar

from controller.ocpp.messages.base import Request, Response
from controller.ocpp.types import (
    CancelReservationStatus,
    ConnectorId,
    DateTime,
    IdToken,
    Integer,
    ReservationStatus,
)


class CancelReservationConf(Response, frozen=True):
    """Whether there was one."""

    status: CancelReservationStatus


class CancelReservationReq(Request, frozen=True):
    """Drop a reservation."""

    action: ClassVar[str] = "CancelReservation"
    response: ClassVar[type[Response]] = CancelReservationConf
    reservation_id: Integer


class ReserveNowConf(Response, frozen=True):
    """Whether it is reserved."""

    status: ReservationStatus


class ReserveNowReq(Request, frozen=True):
    """Keep a connector (0: any) for an idTag."""

    action: ClassVar[str] = "ReserveNow"
    response: ClassVar[type[Response]] = ReserveNowConf
    connector_id: ConnectorId
    expiry_date: DateTime
    id_tag: IdToken
    reservation_id: Integer
    parent_id_tag: IdToken | None = None
