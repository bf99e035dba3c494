"""Enumerations of the security extension of OCPP 1.6, members named as the wire spells them (dots and dashes left out)."""

from enum import StrEnum


class CertificateSignedStatus(StrEnum):
    """CertificateSigned.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class HashAlgorithm(StrEnum):
    """CertificateHashData."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class DeleteCertificateStatus(StrEnum):
    """DeleteCertificate.conf."""

    Accepted = "Accepted"
    Failed = "Failed"
    NotFound = "NotFound"


class ExtendedMessageTrigger(StrEnum):
    """ExtendedTriggerMessage.req; `FirmwareStatusNotification` means the signed one."""

    BootNotification = "BootNotification"
    LogStatusNotification = "LogStatusNotification"
    FirmwareStatusNotification = "FirmwareStatusNotification"
    Heartbeat = "Heartbeat"
    MeterValues = "MeterValues"
    SignChargePointCertificate = "SignChargePointCertificate"
    StatusNotification = "StatusNotification"


class CertificateUse(StrEnum):
    """InstallCertificate.req and GetInstalledCertificateIds.req."""

    CentralSystemRootCertificate = "CentralSystemRootCertificate"
    ManufacturerRootCertificate = "ManufacturerRootCertificate"


class GetInstalledCertificateStatus(StrEnum):
    """GetInstalledCertificateIds.conf."""

    Accepted = "Accepted"
    NotFound = "NotFound"


class Log(StrEnum):
    """GetLog.req."""

    DiagnosticsLog = "DiagnosticsLog"
    SecurityLog = "SecurityLog"


class LogStatus(StrEnum):
    """GetLog.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    AcceptedCanceled = "AcceptedCanceled"


class InstallCertificateStatus(StrEnum):
    """InstallCertificate.conf."""

    Accepted = "Accepted"
    Failed = "Failed"
    Rejected = "Rejected"


class UploadLogStatus(StrEnum):
    """LogStatusNotification.req."""

    BadMessage = "BadMessage"
    Idle = "Idle"
    NotSupportedOperation = "NotSupportedOperation"
    PermissionDenied = "PermissionDenied"
    Uploaded = "Uploaded"
    UploadFailure = "UploadFailure"
    Uploading = "Uploading"


class GenericStatus(StrEnum):
    """SignCertificate.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"


class SignedFirmwareStatus(StrEnum):
    """SignedFirmwareStatusNotification.req: E-SIGNEDFW."""

    Downloaded = "Downloaded"
    DownloadFailed = "DownloadFailed"
    Downloading = "Downloading"
    DownloadScheduled = "DownloadScheduled"
    DownloadPaused = "DownloadPaused"
    Idle = "Idle"
    InstallationFailed = "InstallationFailed"
    Installing = "Installing"
    Installed = "Installed"
    InstallRebooting = "InstallRebooting"
    InstallScheduled = "InstallScheduled"
    InstallVerificationFailed = "InstallVerificationFailed"
    InvalidSignature = "InvalidSignature"
    SignatureVerified = "SignatureVerified"


class SignedUpdateFirmwareStatus(StrEnum):
    """SignedUpdateFirmware.conf."""

    Accepted = "Accepted"
    Rejected = "Rejected"
    AcceptedCanceled = "AcceptedCanceled"
    InvalidCertificate = "InvalidCertificate"
    RevokedCertificate = "RevokedCertificate"
