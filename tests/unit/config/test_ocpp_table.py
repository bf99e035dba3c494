"""The table [ocpp]: first-start values of configuration keys, judged like ChangeConfiguration would (contract.md section 2)."""

import pytest

from tests.unit.config.files import SMALLEST, WHOLE, File

KEY = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(("key", "value", "text"), [
    ("HeartbeatInterval", "300", "300"), ("HeartbeatInterval", '"300"', "300"), ("LocalPreAuthorize", "true", "true"),
    ("LocalPreAuthorize", '"FALSE"', "false"), ("MeterValuesSampledData", '"Voltage,Current.Import"', "Voltage,Current.Import"),
    ("StopTxnSampledData", '""', ""), ("AuthorizationKey", f'"{KEY}"', KEY), ("SecurityProfile", "3", "3"),
    ("WebSocketPingInterval", "0", "0"), ("ConnectorPhaseRotation", '"1.RST"', "1.RST"), ("GetConfigurationMaxKeys", "50", "50"),
    ("MeterValuesSampledDataMaxLength", "5", "5"), ("SupportedFeatureProfiles", '"Core"', "Core"),
    ("ConnectorPhaseRotationMaxLength", "1", "1"),
], ids=lambda part: str(part)[:30])
def test_a_value_is_kept_in_ocpps_text_form(tmp_path, key, value, text):
    """TOML int, bool or string; limits of ours may be set, read-only or not."""
    assert File(tmp_path).set("ocpp", key, value).load().ocpp == {key: text}


@pytest.mark.parametrize(("key", "value"), [
    ("HeartbeatInterval", "0"), ("HeartbeatInterval", "86401"), ("HeartbeatInterval", "60.5"), ("HeartbeatInterval", "true"),
    ("HeartbeatInterval", '"soon"'), ("HeartbeatInterval", "[300]"), ("LocalPreAuthorize", "1"), ("LocalPreAuthorize", '"yes"'),
    ("MeterValuesSampledData", '"Voltage,Wind"'), ("MeterValueSampleInterval", "-1"), ("AuthorizationKey", '"short"'),
    ("SecurityProfile", "4"), ("SecurityProfile", "-1"), ("NumberOfConnectors", "1"), ("WebSocketPingInterval", "4"),
    ("ConnectorPhaseRotation", '"9.RST"'), ("SupportedFeatureProfiles", '"Core,Cooking"'), ("SupportedFeatureProfiles", '"RemoteTrigger"'),
    ("HeartbeatIntervall", "300"), ("heartbeat_interval", "300"), ("HeartbeatInterval", f"0x{'F' * 5000}"),
], ids=lambda part: str(part)[:30])
def test_a_wrong_value_is_told_at_its_line(tmp_path, key, value):
    """Unknown, mistyped, out of range, or the hardware's to tell (exit 4)."""
    file = File(tmp_path, WHOLE).set("ocpp", key, value)
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line(f'{key} =')}: ocpp.{key}: ")


def test_a_secret_is_not_repeated(tmp_path):
    """The line of a wrong AuthorizationKey goes to the log (T-SECRETS)."""
    (problem,) = File(tmp_path).set("ocpp", "AuthorizationKey", '"0123456789abcdef-oops"').problems()
    assert "0123456789abcdef" not in problem
    assert "32 to 40 hexadecimal digits" in problem


def test_a_key_is_found_in_any_letter_case_but_set_once(tmp_path):
    """Names compare without regard to case; two spellings of one key would be a riddle."""
    assert File(tmp_path).set("ocpp", "heartbeatINTERVAL", "60").load().ocpp == {"HeartbeatInterval": "60"}
    file = File(tmp_path).set("ocpp", "HeartbeatInterval", "60").set("ocpp", "heartbeatinterval", "61")
    (problem,) = file.problems()
    assert "is HeartbeatInterval once more" in problem


@pytest.mark.parametrize(("ocpp", "fine"), [
    ("", True), (f'AuthorizationKey = "{KEY}"', False), (f'SecurityProfile = 1\nAuthorizationKey = "{KEY}"', False),
    (f'SecurityProfile = 2\nAuthorizationKey = "{KEY}"', False), ("SecurityProfile = 3", True),
], ids=["no password", "password", "profile 1", "profile 2", "profile 3"])
def test_an_identity_with_a_colon_cannot_use_basic_authentication(tmp_path, ocpp, fine):
    """Name and password are parted by the first colon; the certificate of profile 3 does not mind."""
    file = File(tmp_path, SMALLEST.replace("CP-0042", "urn:cp:42") + f"[ocpp]\n{ocpp}\n")
    found = file.problems()
    assert fine == (found == [])
    if not fine:
        assert found == [f"{file.line('identity')}: charge_point.identity: has a colon, which HTTP Basic authentication cannot carry"]


@pytest.mark.parametrize(("profile", "fine"), [(0, True), (1, False), (2, False), (3, True)])
def test_basic_authentication_needs_a_password(tmp_path, profile, fine):
    """Profiles 1 and 2 cannot connect without; that is known before anything starts."""
    file = File(tmp_path).set("ocpp", "SecurityProfile", str(profile))
    assert (file.problems() == []) == fine


def test_the_first_message_timeout_is_that_of_csms_unless_the_table_says_otherwise(tmp_path):
    """csms.message_timeout_s is the first-start value of the key MessageTimeout."""
    from controller.station.keys import keys_for

    file = File(tmp_path).set("csms", "message_timeout_s", "12")
    assert keys_for(file.load())["MessageTimeout"].default == "12"
    assert file.set("ocpp", "MessageTimeout", "20").load().ocpp == {"MessageTimeout": "20"}
