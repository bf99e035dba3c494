"""The RemoteTrigger profile."""

from typing import ClassVar

from controller.ocpp.messages.base import Request, Response
from controller.ocpp.types import (
    ConnectorId,
    MessageTrigger,
    TriggerMessageStatus,
)


class TriggerMessageConf(Response, frozen=True):
    """Whether it will be sent."""

    status: TriggerMessageStatus


class TriggerMessageReq(Request, frozen=True):
    """Send this message now."""

    action: ClassVar[str] = "TriggerMessage"
    response: ClassVar[type[Response]] = TriggerMessageConf
    requested_message: MessageTrigger
    connector_id: ConnectorId | None = None
