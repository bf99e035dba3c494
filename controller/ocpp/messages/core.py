"""The Core profile (ocpp16-messages.md, rows 1 to 16)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from controller.ocpp.messages.base import Part, Request, Response
from controller.ocpp.messages.smart_charging import ChargingProfile
from controller.ocpp.types import (
    AuthorizationStatus,
    AvailabilityStatus,
    AvailabilityType,
    ChargePointErrorCode,
    ChargePointStatus,
    CiString20,
    CiString25,
    CiString50,
    CiString255,
    CiString500,
    ClearCacheStatus,
    ConfigurationStatus,
    ConnectorId,
    DataTransferStatus,
    DateTime,
    IdToken,
    Integer,
    Location,
    Measurand,
    Phase,
    ReadingContext,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
    ResetStatus,
    ResetType,
    UnitOfMeasure,
    UnlockStatus,
    ValueFormat,
)


class IdTagInfo(Part, frozen=True):
    """The central system's verdict on an idTag."""

    status: AuthorizationStatus
    expiry_date: DateTime | None = None
    parent_id_tag: IdToken | None = None


class SampledValue(Part, frozen=True):
    """One number of a meter value; `value` is a decimal number as text."""

    value: str
    context: ReadingContext | None = None
    format: ValueFormat | None = None
    measurand: Measurand | None = None
    phase: Phase | None = None
    location: Location | None = None
    unit: UnitOfMeasure | None = None


class MeterValue(Part, frozen=True):
    """All numbers of one instant (MTR-6)."""

    timestamp: DateTime
    sampled_value: Annotated[list[SampledValue], Meta(min_length=1)]


class KeyValue(Part, frozen=True):
    """One configuration key as GetConfiguration lists it."""

    key: CiString50
    readonly: bool
    value: CiString500 | None = None


class AuthorizeConf(Response, frozen=True):
    """The verdict."""

    id_tag_info: IdTagInfo


class AuthorizeReq(Request, frozen=True):
    """May this idTag charge?"""

    action: ClassVar[str] = "Authorize"
    response: ClassVar[type[Response]] = AuthorizeConf
    id_tag: IdToken


class BootNotificationConf(Response, frozen=True):
    """Registration, time, and heartbeat interval or waiting time in seconds."""

    current_time: DateTime
    interval: Integer
    status: RegistrationStatus


class BootNotificationReq(Request, frozen=True):
    """The charge point introduces itself after a (re)boot."""

    action: ClassVar[str] = "BootNotification"
    response: ClassVar[type[Response]] = BootNotificationConf
    charge_point_vendor: CiString20
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | None = None
    charge_box_serial_number: CiString25 | None = None
    firmware_version: CiString50 | None = None
    iccid: CiString20 | None = None
    imsi: CiString20 | None = None
    meter_type: CiString25 | None = None
    meter_serial_number: CiString25 | None = None


class ChangeAvailabilityConf(Response, frozen=True):
    """Done, to be done after the transaction, or not."""

    status: AvailabilityStatus


class ChangeAvailabilityReq(Request, frozen=True):
    """Take a connector (0: all) in or out of service."""

    action: ClassVar[str] = "ChangeAvailability"
    response: ClassVar[type[Response]] = ChangeAvailabilityConf
    connector_id: ConnectorId
    type: AvailabilityType


class ChangeConfigurationConf(Response, frozen=True):
    """What became of the change."""

    status: ConfigurationStatus


class ChangeConfigurationReq(Request, frozen=True):
    """Set a configuration key."""

    action: ClassVar[str] = "ChangeConfiguration"
    response: ClassVar[type[Response]] = ChangeConfigurationConf
    key: CiString50
    value: CiString500


class ClearCacheConf(Response, frozen=True):
    """Whether there was a cache to clear."""

    status: ClearCacheStatus


class ClearCacheReq(Request, frozen=True):
    """Forget the authorisation cache."""

    action: ClassVar[str] = "ClearCache"
    response: ClassVar[type[Response]] = ClearCacheConf


class DataTransferConf(Response, frozen=True):
    """Answer by agreement between vendors."""

    status: DataTransferStatus
    data: str | None = None


class DataTransferReq(Request, frozen=True):
    """Anything a vendor has agreed on; either side may send it."""

    action: ClassVar[str] = "DataTransfer"
    response: ClassVar[type[Response]] = DataTransferConf
    vendor_id: CiString255
    message_id: CiString50 | None = None
    data: str | None = None


class GetConfigurationConf(Response, frozen=True):
    """Known keys with their values, unknown ones by name."""

    configuration_key: list[KeyValue] | None = None
    unknown_key: list[CiString50] | None = None


class GetConfigurationReq(Request, frozen=True):
    """List these keys, or all."""

    action: ClassVar[str] = "GetConfiguration"
    response: ClassVar[type[Response]] = GetConfigurationConf
    key: list[CiString50] | None = None


class HeartbeatConf(Response, frozen=True):
    """The central system's time."""

    current_time: DateTime


class HeartbeatReq(Request, frozen=True):
    """Still here."""

    action: ClassVar[str] = "Heartbeat"
    response: ClassVar[type[Response]] = HeartbeatConf


class MeterValuesConf(Response, frozen=True):
    """Received."""


class MeterValuesReq(Request, frozen=True):
    """Samples of one connector."""

    action: ClassVar[str] = "MeterValues"
    response: ClassVar[type[Response]] = MeterValuesConf
    connector_id: ConnectorId
    meter_value: Annotated[list[MeterValue], Meta(min_length=1)]
    transaction_id: Integer | None = None


class RemoteStartTransactionConf(Response, frozen=True):
    """Whether the charge point will try."""

    status: RemoteStartStopStatus


class RemoteStartTransactionReq(Request, frozen=True):
    """Start for this idTag."""

    action: ClassVar[str] = "RemoteStartTransaction"
    response: ClassVar[type[Response]] = RemoteStartTransactionConf
    id_tag: IdToken
    connector_id: ConnectorId | None = None
    charging_profile: ChargingProfile | None = None


class RemoteStopTransactionConf(Response, frozen=True):
    """Whether the charge point will try."""

    status: RemoteStartStopStatus


class RemoteStopTransactionReq(Request, frozen=True):
    """Stop this transaction."""

    action: ClassVar[str] = "RemoteStopTransaction"
    response: ClassVar[type[Response]] = RemoteStopTransactionConf
    transaction_id: Integer


class ResetConf(Response, frozen=True):
    """Whether the charge point will reset."""

    status: ResetStatus


class ResetReq(Request, frozen=True):
    """Restart the application or all hardware."""

    action: ClassVar[str] = "Reset"
    response: ClassVar[type[Response]] = ResetConf
    type: ResetType


class StartTransactionConf(Response, frozen=True):
    """The transaction's id and the verdict on its idTag."""

    id_tag_info: IdTagInfo
    transaction_id: Integer


class StartTransactionReq(Request, frozen=True):
    """A transaction has started; `meter_start` is the register in Wh."""

    action: ClassVar[str] = "StartTransaction"
    response: ClassVar[type[Response]] = StartTransactionConf
    connector_id: ConnectorId
    id_tag: IdToken
    meter_start: Integer
    timestamp: DateTime
    reservation_id: Integer | None = None


class StatusNotificationConf(Response, frozen=True):
    """Received."""


class StatusNotificationReq(Request, frozen=True):
    """A connector (0: the charge point) has this status."""

    action: ClassVar[str] = "StatusNotification"
    response: ClassVar[type[Response]] = StatusNotificationConf
    connector_id: ConnectorId
    error_code: ChargePointErrorCode
    status: ChargePointStatus
    info: CiString50 | None = None
    timestamp: DateTime | None = None
    vendor_id: CiString255 | None = None
    vendor_error_code: CiString50 | None = None


class StopTransactionConf(Response, frozen=True):
    """Received, perhaps with a verdict for the cache."""

    id_tag_info: IdTagInfo | None = None


class StopTransactionReq(Request, frozen=True):
    """A transaction has ended; `meter_stop` is the register in Wh."""

    action: ClassVar[str] = "StopTransaction"
    response: ClassVar[type[Response]] = StopTransactionConf
    meter_stop: Integer
    timestamp: DateTime
    transaction_id: Integer
    id_tag: IdToken | None = None
    reason: Reason | None = None
    transaction_data: list[MeterValue] | None = None


class UnlockConnectorConf(Response, frozen=True):
    """Whether the bolt came out."""

    status: UnlockStatus


class UnlockConnectorReq(Request, frozen=True):
    """Release the plug."""

    action: ClassVar[str] = "UnlockConnector"
    response: ClassVar[type[Response]] = UnlockConnectorConf
    connector_id: ConnectorId
