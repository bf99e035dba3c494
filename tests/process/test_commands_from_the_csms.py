"""What a central system may ask besides charging, asked by the package `ocpp` and judged by its schemas."""

from collections.abc import Iterator

import pytest
from ocpp.v16.enums import AvailabilityType, MessageTrigger

from tests.process.daemon import Daemon, Site, configuration
from tests.process.independent_csms import CentralSystem, call


@pytest.fixture(scope="module")
def daemon(lasting_site: Site, lasting_csms: CentralSystem) -> Daemon:
    """One idle charge point with two connectors."""
    lasting_site.write(configuration(url=lasting_csms.url, connectors=2))
    daemon = lasting_site.start()
    daemon.until(lambda: len(lasting_csms.received("StatusNotification")) >= 3, what="three statuses")
    return daemon


@pytest.fixture
def csms(daemon: Daemon, lasting_csms: CentralSystem) -> Iterator[CentralSystem]:
    """The central system, hearing anew; at the end it has nothing to complain about."""
    lasting_csms.frames.clear()
    yield lasting_csms
    assert lasting_csms.complaints == []


def test_get_configuration_tells_every_key_with_value_and_read_only(csms):
    """No key list means all of them, each with value and readonly; none carries a secret (CFG-1, CFG-3, T-DOWNGR)."""
    answer = csms.ask(call.GetConfiguration())
    keys = {key["key"]: key for key in answer["configuration_key"]}
    assert {"HeartbeatInterval", "NumberOfConnectors", "SupportedFeatureProfiles"} <= set(keys)
    assert keys["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
    assert all(isinstance(key["value"], str) for key in keys.values())
    assert keys.get("AuthorizationKey", {}).get("value", "") == ""


def test_an_empty_key_list_means_all_keys(csms):
    """As Home Assistant asks (central-systems.md, CFG-1)."""
    assert csms.ask(call.GetConfiguration(key=[])) == csms.ask(call.GetConfiguration())


def test_get_configuration_finds_any_letter_case_and_names_what_it_does_not_know(csms):
    """Exact spelling in the order asked, unknown keys apart (CFG-1, CFG-6)."""
    answer = csms.ask(call.GetConfiguration(key=["numberofconnectors", "NoSuchKey", "HEARTBEATINTERVAL"]))
    assert [key["key"] for key in answer["configuration_key"]] == ["NumberOfConnectors", "HeartbeatInterval"]
    assert answer["unknown_key"] == ["NoSuchKey"]


@pytest.mark.parametrize(("key", "value", "status"), [
    ("MeterValueSampleInterval", "17", "Accepted"), ("metervaluesampleinterval", "18", "Accepted"),
    ("NumberOfConnectors", "3", "Rejected"), ("MeterValueSampleInterval", "-1", "Rejected"),
    ("MeterValueSampleInterval", "often", "Rejected"), ("NoSuchKey", "1", "NotSupported"),
    ("MeterValuesSampledData", "Energy.Active.Import.Register,Nonsense", "Rejected"),
])
def test_a_changed_key_is_read_back_and_a_refused_one_is_not(csms, key, value, status):
    """Accepted values are read back; refused ones change nothing (CFG-5, CFG-6, CFG-7, MTR-10)."""
    before = csms.ask(call.GetConfiguration(key=[key]))
    assert csms.ask(call.ChangeConfiguration(key, value)) == {"status": status}
    after = csms.ask(call.GetConfiguration(key=[key]))
    if status == "Accepted":
        assert after["configuration_key"][0]["value"] == value
    else:
        assert after == before


def supports(csms: CentralSystem, profile: str) -> bool:
    """Whether the charge point says that it has this feature profile."""
    (key,) = csms.ask(call.GetConfiguration(key=["SupportedFeatureProfiles"]))["configuration_key"]
    return profile in key["value"].split(",")


@pytest.mark.parametrize(("trigger", "profile"), [
    (MessageTrigger.heartbeat, "Core"), (MessageTrigger.status_notification, "Core"), (MessageTrigger.meter_values, "Core"),
    (MessageTrigger.diagnostics_status_notification, "FirmwareManagement"),
    (MessageTrigger.firmware_status_notification, "FirmwareManagement"),
], ids=lambda value: str(value))
def test_a_triggered_message_follows_its_accepted_answer(csms, trigger, profile):
    """Accepted, and then the message really comes; NotImplemented only for a profile it does not claim (TRG-1)."""
    there = supports(csms, profile)
    assert csms.ask(call.TriggerMessage(trigger)) == {"status": "Accepted" if there else "NotImplemented"}
    if there:
        csms.until(str(trigger), within_s=3)


def test_a_trigger_without_connector_means_every_connector(csms):
    """StatusNotification of connector 0, 1 and 2 (TRG-1, central-systems.md)."""
    assert csms.ask(call.TriggerMessage(MessageTrigger.status_notification)) == {"status": "Accepted"}
    csms.until("StatusNotification", 3, within_s=3)
    assert {p["connectorId"] for p in csms.received("StatusNotification")} == {0, 1, 2}


def test_a_triggered_boot_is_refused_once_accepted(csms):
    """Rejected until the next boot (BOOT-11)."""
    assert csms.ask(call.TriggerMessage(MessageTrigger.boot_notification)) == {"status": "Rejected"}
    assert csms.received("BootNotification") == []


def test_change_availability_is_reported_and_refuses_charging(daemon, csms):
    """Inoperative: Unavailable at once, a remote start is refused; Operative: Available again (AVL-2, AVL-3, RMS-4)."""
    assert csms.ask(call.ChangeAvailability(2, AvailabilityType.inoperative)) == {"status": "Accepted"}
    csms.until_status("Unavailable", connector=2)
    assert csms.ask(call.RemoteStartTransaction("ANY", connector_id=2)) == {"status": "Rejected"}
    assert csms.ask(call.ChangeAvailability(2, AvailabilityType.operative)) == {"status": "Accepted"}
    csms.until_status("Available", connector=2)


@pytest.mark.parametrize(("request_", "answer"), [
    (call.ClearCache(), {"status": "Accepted"}),
    (call.DataTransfer("com.example", "hello", "data"), {"status": "UnknownVendorId"}),
    (call.UnlockConnector(3), {"status": "NotSupported"}),
    (call.ChangeAvailability(9, AvailabilityType.operative), {"status": "Rejected"}),
    (call.RemoteStopTransaction(4711), {"status": "Rejected"}),
], ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "")
def test_a_question_that_has_a_plain_answer(csms, request_, answer):
    """What the .conf can express is no CALLERROR (RPC-9, CACHE-7, DT-1, UNL-1, AVL-5, RMT-1)."""
    assert csms.ask(request_) == answer


def test_the_version_of_a_local_list_is_told_whether_or_not_there_are_lists(csms):
    """-1 without the profile, 0 for an empty list (LIST-3)."""
    expected = 0 if supports(csms, "LocalAuthListManagement") else -1
    assert csms.ask(call.GetLocalListVersion()) == {"list_version": expected}


@pytest.mark.parametrize(("action", "payload", "profile"), [
    ("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative", "chargingSchedule": {
            "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}]}}}, "SmartCharging"),
    ("GetDiagnostics", {"location": "ftp://127.0.0.1/"}, "FirmwareManagement"),
], ids=["SetChargingProfile", "GetDiagnostics"])
def test_an_action_of_a_profile_that_is_not_there_is_not_supported(csms, action, payload, profile):
    """Known to the standard but absent here: NotSupported, where the .conf has no such word (RPC-11)."""
    if supports(csms, profile):
        pytest.skip(f"{profile} is there")
    assert csms.refusal(action, payload) == "NotSupported"


def test_an_unknown_action_is_not_implemented(csms):
    """NotImplemented for an action that OCPP 1.6 does not know (RPC-11)."""
    assert csms.refusal("MakeCoffee", {}) == "NotImplemented"


MALFORMED = [
    ("missing field", "ChangeConfiguration", {"key": "HeartbeatInterval"}, "OccurenceConstraintViolation"),
    ("unexpected field", "ClearCache", {"really": True}, "FormationViolation"),
    ("wrong type", "UnlockConnector", {"connectorId": "1"}, "TypeConstraintViolation"),
    ("bad enumeration value", "Reset", {"type": "Warm"}, "PropertyConstraintViolation"),
    ("over-long text", "RemoteStartTransaction", {"idTag": "X" * 21}, "PropertyConstraintViolation"),
]


@pytest.mark.parametrize(("action", "payload", "code"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_malformed_call_is_answered_with_the_code_of_the_standard(csms, action, payload, code):
    """Each kind of mistake has its code (RPC-9, RPC-11, RPC-12)."""
    assert csms.refusal(action, payload) == code


def test_text_that_is_no_frame_does_not_end_the_conversation(daemon, csms):
    """Garbage is dropped; the next question is answered on the same connection (F-GARB, RPC-2)."""
    for text in ("not json", "{}", "[]", '[9,"x"]', "[2]"):
        csms.send_raw(text)
    assert csms.ask(call.ClearCache()) == {"status": "Accepted"}
    assert "BootNotification" not in csms.actions()


def test_a_reconnect_does_not_boot_again(daemon, csms):
    """Without a reboot no BootNotification, and no status that did not change (WS-7, WS-8)."""
    daemon.sim("link", up=False)
    daemon.until(lambda: not daemon.status()["online"], what="offline")
    daemon.sim("link", up=True)
    daemon.until(lambda: daemon.status()["online"], within_s=1, what="online without a back-off")
    assert csms.ask(call.ClearCache()) == {"status": "Accepted"}
    assert csms.actions() == []
