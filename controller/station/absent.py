"""Operations of feature profiles that are not there: answered as the standard says for features not there.

Where the response can express the refusal it does; else CALLERROR NotSupported (behaviour document, chapter 16 no. 7).
DataTransfer is here too: the operation exists, and no vendor is known to it (DT-1).
"""

from collections.abc import Mapping

from controller.events import CallReceived
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.core import DataTransferConf, DataTransferReq
from controller.ocpp.messages.firmware import GetDiagnosticsReq, UpdateFirmwareReq
from controller.ocpp.messages.local_auth_list import (
    GetLocalListVersionConf,
    GetLocalListVersionReq,
    SendLocalListConf,
    SendLocalListReq,
)
from controller.ocpp.messages.reservation import (
    CancelReservationConf,
    CancelReservationReq,
    ReserveNowConf,
    ReserveNowReq,
)
from controller.ocpp.messages.security import (
    CertificateSignedReq,
    DeleteCertificateReq,
    ExtendedTriggerMessageReq,
    GetInstalledCertificateIdsReq,
    GetLogReq,
    InstallCertificateReq,
    SignedUpdateFirmwareReq,
)
from controller.ocpp.messages.smart_charging import (
    ClearChargingProfileReq,
    GetCompositeScheduleReq,
    SetChargingProfileReq,
)
from controller.ocpp.types import CancelReservationStatus, DataTransferStatus, ReservationStatus, UpdateStatus
from controller.station.answering import answer, not_supported
from controller.station.step import Feature, Reaction, Step

NO_LOCAL_LISTS = -1
"""GetLocalListVersion of a charge point without lists (LIST-3)."""

REFUSED: dict[type[Request], Response] = {
    DataTransferReq: DataTransferConf(status=DataTransferStatus.UnknownVendorId),
    GetLocalListVersionReq: GetLocalListVersionConf(list_version=NO_LOCAL_LISTS),
    SendLocalListReq: SendLocalListConf(status=UpdateStatus.NotSupported),
    ReserveNowReq: ReserveNowConf(status=ReservationStatus.Rejected),
    CancelReservationReq: CancelReservationConf(status=CancelReservationStatus.Rejected),
}
NOT_SUPPORTED: tuple[type[Request], ...] = (
    GetDiagnosticsReq, UpdateFirmwareReq, SetChargingProfileReq, ClearChargingProfileReq, GetCompositeScheduleReq,
    CertificateSignedReq, DeleteCertificateReq, ExtendedTriggerMessageReq, GetInstalledCertificateIdsReq, GetLogReq,
    InstallCertificateReq, SignedUpdateFirmwareReq,
)


class Absent(Feature):
    """Answers for what is not there."""

    name = "absent"

    def answers(self) -> Mapping[type[Request], Reaction]:
        """Every operation that no other feature answers: theirs come later and take the place of these."""
        return {**dict.fromkeys(REFUSED, self._refuse), **dict.fromkeys(NOT_SUPPORTED, not_supported)}

    def _refuse(self, call: CallReceived, step: Step) -> None:
        answer(call, REFUSED[type(call.request)], step)
