"""Enumerations and string types of OCPP 1.6, members named as the wire spells them (dots and dashes left out)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta

PRINTABLE = {"characters": "printable ASCII"}
"""Marks the types whose characters the standard restricts; the others (PEM, URLs) travel as they are."""
IdToken: TypeAlias = Annotated[str, Meta(max_length=20, extra=PRINTABLE)]
CiString20: TypeAlias = Annotated[str, Meta(max_length=20, extra=PRINTABLE)]
CiString25: TypeAlias = Annotated[str, Meta(max_length=25, extra=PRINTABLE)]
CiString50: TypeAlias = Annotated[str, Meta(max_length=50, extra=PRINTABLE)]
CiString255: TypeAlias = Annotated[str, Meta(max_length=255, extra=PRINTABLE)]
CiString500: TypeAlias = Annotated[str, Meta(max_length=500, extra=PRINTABLE)]
String40: TypeAlias = Annotated[str, Meta(max_length=40)]
String128: TypeAlias = Annotated[str, Meta(max_length=128)]
String512: TypeAlias = Annotated[str, Meta(max_length=512)]
String800: TypeAlias = Annotated[str, Meta(max_length=800)]
String5500: TypeAlias = Annotated[str, Meta(max_length=5500)]
String10000: TypeAlias = Annotated[str, Meta(max_length=10000)]

Integer: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Any integer of 64 bits: transaction ids may be 0, negative or a unix time (TXN-10)."""
ConnectorId: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""0 is the charge point (STAT-1)."""
StackLevel: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Of a charging profile: not below 0, which the schema does not say."""
DateTime: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""ISO 8601 with a zone, any offset and fraction (TIME-1)."""
Tenths: TypeAlias = float
"""A multiple of 0.1, judged in decimal: 8.1 is one, whatever binary floating point says."""


class RegistrationStatus(StrEnum):
    """BootNotification.conf."""

    Accepted = "Accepted"
    Pending = "Pending"
    Rejected = "Rejected"


class AuthorizationStatus(StrEnum):
    """IdTagInfo."""

    Accepted = "Accepted"
    Blocked = "Blocked"
    Expired = "Expired"
    Invalid = "Invalid"
    ConcurrentTx = "ConcurrentTx"


class AvailabilityType(StrEnum):
    """ChangeAvailability.req."""

    Inoperative = "Inoperative"
    Operative = "Operative"


class AvailabilityStatus(StrEnum):
    """ChangeAvailability.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    Scheduled = "Scheduled"


class ConfigurationStatus(StrEnum):
    """ChangeConfiguration.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    RebootRequired = "RebootRequired"
    NotSupported = "NotSupported"


class ClearCacheStatus(StrEnum):
    """ClearCache.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class DataTransferStatus(StrEnum):
    """DataTransfer.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    UnknownMessageId = "UnknownMessageId"
    UnknownVendorId = "UnknownVendorId"


class RemoteStartStopStatus(StrEnum):
    """RemoteStartTransaction.conf and RemoteStopTransaction.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class ResetType(StrEnum):
    """Reset.req."""

    Hard = "Hard"
    Soft = "Soft"


class ResetStatus(StrEnum):
    """Reset.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class UnlockStatus(StrEnum):
    """UnlockConnector.conf."""

    Unlocked = "Unlocked"
    UnlockFailed = "UnlockFailed"
    NotSupported = "NotSupported"


class MessageTrigger(StrEnum):
    """TriggerMessage.req."""

    BootNotification = "BootNotification"
    DiagnosticsStatusNotification = "DiagnosticsStatusNotification"
    FirmwareStatusNotification = "FirmwareStatusNotification"
    Heartbeat = "Heartbeat"
    MeterValues = "MeterValues"
    StatusNotification = "StatusNotification"


class TriggerMessageStatus(StrEnum):
    """TriggerMessage.conf and ExtendedTriggerMessage.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    NotImplemented = "NotImplemented"


class ChargePointStatus(StrEnum):
    """StatusNotification.req: E-CPSTATUS."""

    Available = "Available"
    Preparing = "Preparing"
    Charging = "Charging"
    SuspendedEVSE = "SuspendedEVSE"
    SuspendedEV = "SuspendedEV"
    Finishing = "Finishing"
    Reserved = "Reserved"
    Unavailable = "Unavailable"
    Faulted = "Faulted"


class ChargePointErrorCode(StrEnum):
    """StatusNotification.req: E-ERRORCODE."""

    ConnectorLockFailure = "ConnectorLockFailure"
    EVCommunicationError = "EVCommunicationError"
    GroundFailure = "GroundFailure"
    HighTemperature = "HighTemperature"
    InternalError = "InternalError"
    LocalListConflict = "LocalListConflict"
    NoError = "NoError"
    OtherError = "OtherError"
    OverCurrentFailure = "OverCurrentFailure"
    PowerMeterFailure = "PowerMeterFailure"
    PowerSwitchFailure = "PowerSwitchFailure"
    ReaderFailure = "ReaderFailure"
    ResetFailure = "ResetFailure"
    UnderVoltage = "UnderVoltage"
    OverVoltage = "OverVoltage"
    WeakSignal = "WeakSignal"


class Reason(StrEnum):
    """StopTransaction.req: E-REASON."""

    EmergencyStop = "EmergencyStop"
    EVDisconnected = "EVDisconnected"
    HardReset = "HardReset"
    Local = "Local"
    Other = "Other"
    PowerLoss = "PowerLoss"
    Reboot = "Reboot"
    Remote = "Remote"
    SoftReset = "SoftReset"
    UnlockCommand = "UnlockCommand"
    DeAuthorized = "DeAuthorized"


class ReadingContext(StrEnum):
    """SampledValue: E-CONTEXT."""

    InterruptionBegin = "Interruption.Begin"
    InterruptionEnd = "Interruption.End"
    SampleClock = "Sample.Clock"
    SamplePeriodic = "Sample.Periodic"
    TransactionBegin = "Transaction.Begin"
    TransactionEnd = "Transaction.End"
    Trigger = "Trigger"
    Other = "Other"


class ValueFormat(StrEnum):
    """SampledValue."""

    Raw = "Raw"
    SignedData = "SignedData"


class Measurand(StrEnum):
    """SampledValue: E-MEASURAND."""

    EnergyActiveExportRegister = "Energy.Active.Export.Register"
    EnergyActiveImportRegister = "Energy.Active.Import.Register"
    EnergyReactiveExportRegister = "Energy.Reactive.Export.Register"
    EnergyReactiveImportRegister = "Energy.Reactive.Import.Register"
    EnergyActiveExportInterval = "Energy.Active.Export.Interval"
    EnergyActiveImportInterval = "Energy.Active.Import.Interval"
    EnergyReactiveExportInterval = "Energy.Reactive.Export.Interval"
    EnergyReactiveImportInterval = "Energy.Reactive.Import.Interval"
    PowerActiveExport = "Power.Active.Export"
    PowerActiveImport = "Power.Active.Import"
    PowerOffered = "Power.Offered"
    PowerReactiveExport = "Power.Reactive.Export"
    PowerReactiveImport = "Power.Reactive.Import"
    PowerFactor = "Power.Factor"
    CurrentImport = "Current.Import"
    CurrentExport = "Current.Export"
    CurrentOffered = "Current.Offered"
    Voltage = "Voltage"
    Frequency = "Frequency"
    Temperature = "Temperature"
    SoC = "SoC"
    RPM = "RPM"


class Phase(StrEnum):
    """SampledValue: E-PHASE."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    N = "N"
    L1N = "L1-N"
    L2N = "L2-N"
    L3N = "L3-N"
    L1L2 = "L1-L2"
    L2L3 = "L2-L3"
    L3L1 = "L3-L1"


class Location(StrEnum):
    """SampledValue."""

    Cable = "Cable"
    EV = "EV"
    Inlet = "Inlet"
    Outlet = "Outlet"
    Body = "Body"


class UnitOfMeasure(StrEnum):
    """SampledValue: E-UNIT; `Celcius` is the form to send, `Celsius` is accepted."""

    Wh = "Wh"
    kWh = "kWh"
    varh = "varh"
    kvarh = "kvarh"
    W = "W"
    kW = "kW"
    VA = "VA"
    kVA = "kVA"
    var = "var"
    kvar = "kvar"
    A = "A"
    V = "V"
    K = "K"
    Celcius = "Celcius"
    Celsius = "Celsius"
    Fahrenheit = "Fahrenheit"
    Percent = "Percent"


class DiagnosticsStatus(StrEnum):
    """DiagnosticsStatusNotification.req."""

    Idle = "Idle"
    Uploaded = "Uploaded"
    UploadFailed = "UploadFailed"
    Uploading = "Uploading"


class FirmwareStatus(StrEnum):
    """FirmwareStatusNotification.req."""

    Downloaded = "Downloaded"
    DownloadFailed = "DownloadFailed"
    Downloading = "Downloading"
    Idle = "Idle"
    InstallationFailed = "InstallationFailed"
    Installing = "Installing"
    Installed = "Installed"


class UpdateType(StrEnum):
    """SendLocalList.req."""

    Differential = "Differential"
    Full = "Full"


class UpdateStatus(StrEnum):
    """SendLocalList.conf."""

    Accepted = "Accepted"
    Failed = "Failed"
    NotSupported = "NotSupported"
    VersionMismatch = "VersionMismatch"


class ReservationStatus(StrEnum):
    """ReserveNow.conf."""

    Accepted = "Accepted"
    Faulted = "Faulted"
    Occupied = "Occupied"
    Rejected = "Rejected"
    Unavailable = "Unavailable"


class CancelReservationStatus(StrEnum):
    """CancelReservation.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class ChargingProfilePurpose(StrEnum):
    """ChargingProfile."""

    ChargePointMaxProfile = "ChargePointMaxProfile"
    TxDefaultProfile = "TxDefaultProfile"
    TxProfile = "TxProfile"


class ChargingProfileKind(StrEnum):
    """ChargingProfile."""

    Absolute = "Absolute"
    Recurring = "Recurring"
    Relative = "Relative"


class RecurrencyKind(StrEnum):
    """ChargingProfile."""

    Daily = "Daily"
    Weekly = "Weekly"


class ChargingRateUnit(StrEnum):
    """ChargingSchedule: the unit of `limit`."""

    A = "A"
    W = "W"


class ChargingProfileStatus(StrEnum):
    """SetChargingProfile.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    NotSupported = "NotSupported"


class ClearChargingProfileStatus(StrEnum):
    """ClearChargingProfile.conf."""

    Accepted = "Accepted"
    Unknown = "Unknown"


class GetCompositeScheduleStatus(StrEnum):
    """GetCompositeSchedule.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
