"""Operations of feature profiles that are not there, one by one, and DataTransfer of vendors that nobody knows."""

from typing import TypeAlias

import msgspec
import pytest

from controller.ocpp.codec import decode_request
from controller.ocpp.messages import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT, REQUESTS, Request
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
PROFILE = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
           "chargingProfileKind": "Absolute", "chargingSchedule": SCHEDULE}
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "00", "issuerKeyHash": "00", "serialNumber": "1"}
TIME, LATER = "2026-03-01T12:00:00Z", "2026-03-01T18:00:00Z"

Refusals: TypeAlias = tuple[tuple[str, dict[str, object], dict[str, object]], ...]
REFUSED: Refusals = (
    ("DataTransfer", {"vendorId": "com.example"}, {"status": "UnknownVendorId"}),
    ("DataTransfer", {"vendorId": "evcp", "messageId": "m", "data": "d"}, {"status": "UnknownVendorId"}),
)
"""Where the response can say no, it does (behaviour document, chapter 16 no. 7)."""
LEFT_OUT: Refusals = (
    ("GetLocalListVersion", {}, {"listVersion": -1}),
    ("SendLocalList", {"listVersion": 1, "updateType": "Full"}, {"status": "NotSupported"}),
    ("SendLocalList", {"listVersion": 2, "updateType": "Differential"}, {"status": "NotSupported"}),
    ("ReserveNow", {"connectorId": 1, "expiryDate": LATER, "idTag": "TAG1", "reservationId": 1}, {"status": "Rejected"}),
    ("ReserveNow", {"connectorId": 0, "expiryDate": LATER, "idTag": "TAG1", "reservationId": 2}, {"status": "Rejected"}),
    ("CancelReservation", {"reservationId": 1}, {"status": "Rejected"}),
)
"""The same for profiles that the `[ocpp]` table leaves out."""
NOT_SUPPORTED: tuple[tuple[str, dict[str, object]], ...] = (
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}),
    ("ClearChargingProfile", {}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
    ("UpdateFirmware", {"location": "http://example.org/f", "retrieveDate": TIME}),
    ("GetDiagnostics", {"location": "http://example.org/"}),
    ("SignedUpdateFirmware", {"requestId": 1, "firmware": {
        "location": "https://example.org/f", "retrieveDateTime": TIME, "signingCertificate": "c", "signature": "s"}}),
    ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "https://example.org/"}}),
    ("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "c"}),
    ("DeleteCertificate", {"certificateHashData": HASHES}),
    ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
    ("CertificateSigned", {"certificateChain": "c"}),
)
HERE = {"ChangeAvailability", "ChangeConfiguration", "ClearCache", "GetConfiguration", "RemoteStartTransaction",
        "RemoteStopTransaction", "Reset", "TriggerMessage", "UnlockConnector"}
"""What this charge point has."""


def request(action: str, payload: dict[str, object]) -> Request:
    """A CALL of the central system as it arrives."""
    return decode_request(REQUESTS[action], msgspec.Raw(msgspec.json.encode(payload)))


@pytest.mark.parametrize(("action", "payload", "expected"), REFUSED, ids=[f"{row[0]}-{n}" for n, row in enumerate(REFUSED)])
def test_the_response_says_no_where_it_can(conversation: Conversation, action: str, payload: dict[str, object],
                                          expected: dict[str, object]) -> None:
    """A refusal that the .conf can express is a CALLRESULT, and nothing else happens (RPC-9, LIST-3, LIST-8, DT-1)."""
    answer = conversation.call(request(action, payload))
    assert msgspec.to_builtins(answer) == expected
    assert len(conversation.orders) == 1
    assert conversation.sent == []


@pytest.mark.parametrize(("action", "payload", "expected"), LEFT_OUT, ids=[f"{row[0]}-{n}" for n, row in enumerate(LEFT_OUT)])
def test_a_profile_that_is_left_out_is_a_profile_that_is_not_there(talk: Talk, action: str, payload: dict[str, object],
                                                                  expected: dict[str, object]) -> None:
    """SupportedFeatureProfiles in the `[ocpp]` table without it: answered as by a station that never had it (CFG-4, LIST-8, RES-2)."""
    conversation = talk(ocpp='SupportedFeatureProfiles = "Core"')
    answer = conversation.call(request(action, payload))
    assert msgspec.to_builtins(answer) == expected
    assert conversation.store.load().local_list == ()
    assert conversation.store.load().reservations == ()


@pytest.mark.parametrize(("action", "payload"), NOT_SUPPORTED, ids=[row[0] for row in NOT_SUPPORTED])
def test_without_such_a_word_the_call_is_not_supported(conversation: Conversation, action: str, payload: dict[str, object]
                                                      ) -> None:
    """CALLERROR NotSupported, naming the action: known, but its feature profile is not there (RPC-11)."""
    answer = conversation.call(request(action, payload))
    assert isinstance(answer, tuple)
    code, description = answer
    assert code == "NotSupported"
    assert action in description
    assert len(conversation.orders) == 1
    assert conversation.sent == []


def test_the_tables_cover_every_operation_of_a_central_system() -> None:
    """No operation is forgotten: each is served, refused, or not supported (RPC-15)."""
    told = {row[0] for row in (*REFUSED, *LEFT_OUT)} | {row[0] for row in NOT_SUPPORTED} | HERE
    assert told == set(FROM_CENTRAL_SYSTEM)


@pytest.mark.parametrize("action", sorted(FROM_CHARGE_POINT - {"DataTransfer"}))
def test_what_only_a_charge_point_sends_is_not_supported(conversation: Conversation, action: str) -> None:
    """A central system that calls like a charge point gets CALLERROR NotSupported, never silence (RPC-11, RPC-15)."""
    kind = REQUESTS[action]
    fields = {field.name: None for field in msgspec.structs.fields(kind) if field.required}
    answer = conversation.call(kind(**fields))
    assert isinstance(answer, tuple)
    assert answer[0] == "NotSupported"
