"""The security extension (ocpp16-messages.md section 3)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from controller.ocpp.messages.base import Part, Request, Response
from controller.ocpp.security_types import (
    CertificateSignedStatus,
    CertificateUse,
    DeleteCertificateStatus,
    ExtendedMessageTrigger,
    GenericStatus,
    GetInstalledCertificateStatus,
    HashAlgorithm,
    InstallCertificateStatus,
    Log,
    LogStatus,
    SignedFirmwareStatus,
    SignedUpdateFirmwareStatus,
    UploadLogStatus,
)
from controller.ocpp.types import (
    CiString50,
    CiString255,
    ConnectorId,
    DateTime,
    Integer,
    String40,
    String128,
    String512,
    String800,
    String5500,
    String10000,
    TriggerMessageStatus,
)


class CertificateHashData(Part, frozen=True):
    """Names a certificate as OCSP does."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: String128
    issuer_key_hash: String128
    serial_number: String40


class LogParameters(Part, frozen=True):
    """Where the log goes, and which part of it."""

    remote_location: String512
    oldest_timestamp: DateTime | None = None
    latest_timestamp: DateTime | None = None


class Firmware(Part, frozen=True):
    """A signed image."""

    location: String512
    retrieve_date_time: DateTime
    signing_certificate: String5500
    signature: String800
    install_date_time: DateTime | None = None


class CertificateSignedConf(Response, frozen=True):
    """Whether it is used."""

    status: CertificateSignedStatus


class CertificateSignedReq(Request, frozen=True):
    """The signed certificate of this charge point."""

    action: ClassVar[str] = "CertificateSigned"
    response: ClassVar[type[Response]] = CertificateSignedConf
    certificate_chain: String10000


class DeleteCertificateConf(Response, frozen=True):
    """Whether it is gone."""

    status: DeleteCertificateStatus


class DeleteCertificateReq(Request, frozen=True):
    """Remove a root certificate."""

    action: ClassVar[str] = "DeleteCertificate"
    response: ClassVar[type[Response]] = DeleteCertificateConf
    certificate_hash_data: CertificateHashData


class ExtendedTriggerMessageConf(Response, frozen=True):
    """Whether it will be sent."""

    status: TriggerMessageStatus


class ExtendedTriggerMessageReq(Request, frozen=True):
    """Send this message now."""

    action: ClassVar[str] = "ExtendedTriggerMessage"
    response: ClassVar[type[Response]] = ExtendedTriggerMessageConf
    requested_message: ExtendedMessageTrigger
    connector_id: ConnectorId | None = None


class GetInstalledCertificateIdsConf(Response, frozen=True):
    """The hashes."""

    status: GetInstalledCertificateStatus
    certificate_hash_data: Annotated[list[CertificateHashData], Meta(min_length=1)] | None = None


class GetInstalledCertificateIdsReq(Request, frozen=True):
    """Which root certificates are there?"""

    action: ClassVar[str] = "GetInstalledCertificateIds"
    response: ClassVar[type[Response]] = GetInstalledCertificateIdsConf
    certificate_type: CertificateUse


class GetLogConf(Response, frozen=True):
    """The name of the file to come."""

    status: LogStatus
    filename: CiString255 | None = None


class GetLogReq(Request, frozen=True):
    """Upload a log."""

    action: ClassVar[str] = "GetLog"
    response: ClassVar[type[Response]] = GetLogConf
    log: LogParameters
    log_type: Log
    request_id: Integer
    retries: Integer | None = None
    retry_interval: Integer | None = None


class InstallCertificateConf(Response, frozen=True):
    """Whether it is trusted."""

    status: InstallCertificateStatus


class InstallCertificateReq(Request, frozen=True):
    """Trust this root certificate."""

    action: ClassVar[str] = "InstallCertificate"
    response: ClassVar[type[Response]] = InstallCertificateConf
    certificate_type: CertificateUse
    certificate: String5500


class LogStatusNotificationConf(Response, frozen=True):
    """Received."""


class LogStatusNotificationReq(Request, frozen=True):
    """How the upload goes."""

    action: ClassVar[str] = "LogStatusNotification"
    response: ClassVar[type[Response]] = LogStatusNotificationConf
    status: UploadLogStatus
    request_id: Integer | None = None


class SecurityEventNotificationConf(Response, frozen=True):
    """Received."""


class SecurityEventNotificationReq(Request, frozen=True):
    """Something of security relevance happened."""

    action: ClassVar[str] = "SecurityEventNotification"
    response: ClassVar[type[Response]] = SecurityEventNotificationConf
    type: CiString50
    timestamp: DateTime
    tech_info: CiString255 | None = None


class SignCertificateConf(Response, frozen=True):
    """Whether it will be signed."""

    status: GenericStatus


class SignCertificateReq(Request, frozen=True):
    """Please sign this request."""

    action: ClassVar[str] = "SignCertificate"
    response: ClassVar[type[Response]] = SignCertificateConf
    csr: String5500


class SignedFirmwareStatusNotificationConf(Response, frozen=True):
    """Received."""


class SignedFirmwareStatusNotificationReq(Request, frozen=True):
    """How the signed update goes."""

    action: ClassVar[str] = "SignedFirmwareStatusNotification"
    response: ClassVar[type[Response]] = SignedFirmwareStatusNotificationConf
    status: SignedFirmwareStatus
    request_id: Integer | None = None


class SignedUpdateFirmwareConf(Response, frozen=True):
    """Whether it is begun."""

    status: SignedUpdateFirmwareStatus


class SignedUpdateFirmwareReq(Request, frozen=True):
    """Fetch, verify and install a signed image."""

    action: ClassVar[str] = "SignedUpdateFirmware"
    response: ClassVar[type[Response]] = SignedUpdateFirmwareConf
    request_id: Integer
    firmware: Firmware
    retries: Integer | None = None
    retry_interval: Integer | None = None
