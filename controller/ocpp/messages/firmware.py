"""The FirmwareManagement profile."""

from typing import ClassVar

from controller.ocpp.messages.base import Request, Response
from controller.ocpp.types import (
    CiString255,
    DateTime,
    DiagnosticsStatus,
    FirmwareStatus,
    Integer,
)


class DiagnosticsStatusNotificationConf(Response, frozen=True):
    """Received."""


class DiagnosticsStatusNotificationReq(Request, frozen=True):
    """How the upload goes."""

    action: ClassVar[str] = "DiagnosticsStatusNotification"
    response: ClassVar[type[Response]] = DiagnosticsStatusNotificationConf
    status: DiagnosticsStatus


class FirmwareStatusNotificationConf(Response, frozen=True):
    """Received."""


class FirmwareStatusNotificationReq(Request, frozen=True):
    """How the update goes."""

    action: ClassVar[str] = "FirmwareStatusNotification"
    response: ClassVar[type[Response]] = FirmwareStatusNotificationConf
    status: FirmwareStatus


class GetDiagnosticsConf(Response, frozen=True):
    """The name of the file to come, absent when there is nothing."""

    file_name: CiString255 | None = None


class GetDiagnosticsReq(Request, frozen=True):
    """Upload the logs of a period to a directory."""

    action: ClassVar[str] = "GetDiagnostics"
    response: ClassVar[type[Response]] = GetDiagnosticsConf
    location: str
    retries: Integer | None = None
    retry_interval: Integer | None = None
    start_time: DateTime | None = None
    stop_time: DateTime | None = None


class UpdateFirmwareConf(Response, frozen=True):
    """Received."""


class UpdateFirmwareReq(Request, frozen=True):
    """Fetch and install an image."""

    action: ClassVar[str] = "UpdateFirmware"
    response: ClassVar[type[Response]] = UpdateFirmwareConf
    location: str
    retrieve_date: DateTime
    retries: Integer | None = None
    retry_interval: Integer | None = None
