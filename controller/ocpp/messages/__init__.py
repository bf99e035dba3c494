"""All 39 messages of OCPP 1.6-J and its security extension, as typed structs exact to the schema."""

from controller.ocpp.messages import (
    core,
    firmware,
    local_auth_list,
    remote_trigger,
    reservation,
    security,
    smart_charging,
)
from controller.ocpp.messages.base import Part, Request, Response
from controller.ocpp.messages.core import IdTagInfo, KeyValue, MeterValue, SampledValue

__all__ = [
    "FROM_CENTRAL_SYSTEM", "FROM_CHARGE_POINT", "REQUESTS", "IdTagInfo", "KeyValue", "MeterValue", "Part", "Request",
    "Response", "SampledValue",
]

REQUESTS: dict[str, type[Request]] = {
    message.action: message
    for module in (core, firmware, local_auth_list, reservation, smart_charging, remote_trigger, security)
    for message in vars(module).values()
    if isinstance(message, type) and issubclass(message, Request) and message is not Request
}
"""Every action of either direction."""

FROM_CHARGE_POINT = frozenset({
    "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
    "Heartbeat", "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate",
    "SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction",
})
FROM_CENTRAL_SYSTEM = frozenset(REQUESTS) - FROM_CHARGE_POINT | {"DataTransfer"}
