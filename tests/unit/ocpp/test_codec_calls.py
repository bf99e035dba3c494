"""Payloads of CALLs: what is wrong with them is told by the error codes of RPC-12, or of `csms.compat`."""

from typing import Any

import pytest

from controller.ocpp import codec
from controller.ocpp.messages import core
from controller.ocpp.messages.smart_charging import SetChargingProfileReq
from controller.ocpp.types import AvailabilityType, ResetType
from tests.unit.ocpp.payloads import decoded, profile, refusal, reservation

WRONG: dict[str, tuple[str, Any, str, str]] = {
    "missing field": ("Reset", {}, "OccurenceConstraintViolation", "Reset: missing required field `type`"),
    "missing inner field": ("ReserveNow", {"connectorId": 1}, "OccurenceConstraintViolation", "missing required field"),
    "unknown field": ("Reset", {"type": "Hard", "force": True}, "FormationViolation", "Reset: contains unknown field `force`"),
    "unknown field of a kind that has none": ("ClearCache", {"all": True}, "FormationViolation", "unknown field `all`"),
    "unknown null field": ("Reset", {"type": "Hard", "x": None}, "FormationViolation", "unknown field `x`"),
    "unknown inner field": (
        "SetChargingProfile", profile(periods='[{"startPeriod": 0, "limit": 6, "x": 1}]'), "FormationViolation", "`x`"),
    "number for a string": ("Reset", {"type": 1}, "TypeConstraintViolation", "Expected `str`, got `int` - at `type`"),
    "string for a number": (
        "ChangeAvailability", {"connectorId": "1", "type": "Operative"}, "TypeConstraintViolation", "`connectorId`"),
    "boolean for a number": (
        "ChangeAvailability", {"connectorId": True, "type": "Operative"}, "TypeConstraintViolation", "got `bool`"),
    "fraction for an integer": (
        "ChangeAvailability", {"connectorId": 1.5, "type": "Operative"}, "TypeConstraintViolation", "got `float`"),
    "number for a date": ("ReserveNow", reservation("x") | {"expiryDate": 5}, "TypeConstraintViolation", "`expiryDate`"),
    "string for an array": ("GetConfiguration", {"key": "a"}, "TypeConstraintViolation", "got `str` - at `key`"),
    "object for a string": ("Reset", {"type": {}}, "TypeConstraintViolation", "got `object`"),
    "null for a required field": ("Reset", {"type": None}, "TypeConstraintViolation", "got `null`"),
    "null for an optional field": ("GetConfiguration", {"key": None}, "TypeConstraintViolation", "got `null`"),
    "null in an array": ("GetConfiguration", {"key": [None]}, "TypeConstraintViolation", "got `null`"),
    "null in an inner object": (
        "SetChargingProfile", profile(rate="null"), "TypeConstraintViolation", "`minChargingRate`"),
    "payload is an array": ("Reset", [], "TypeConstraintViolation", "Expected `object`, got `array`"),
    "payload is null": ("Reset", None, "TypeConstraintViolation", "Expected `object`, got `null`"),
    "payload is a string": ("Reset", '"Hard"', "TypeConstraintViolation", "Expected `object`, got `str`"),
    "over-long string": (
        "ChangeConfiguration", {"key": "k" * 51, "value": ""}, "PropertyConstraintViolation", "length <= 50 - at `key`"),
    "over-long string in an array": ("GetConfiguration", {"key": ["k" * 51]}, "PropertyConstraintViolation", "`key[0]`"),
    "bad enumeration value": ("Reset", {"type": "Warm"}, "PropertyConstraintViolation", "Invalid enum value 'Warm'"),
    "enumeration value in other letters": ("Reset", {"type": "hard"}, "PropertyConstraintViolation", "Invalid enum value"),
    "no date at all": ("ReserveNow", reservation("tomorrow"), "PropertyConstraintViolation", "datetime - at `expiryDate`"),
    "date without zone": ("ReserveNow", reservation("2026-03-01T12:00:00"), "PropertyConstraintViolation", "timezone"),
    "not a multiple of 0.1": ("SetChargingProfile", profile(limit="8.15"), "PropertyConstraintViolation", "multiple of 0.1"),
    "hint not a multiple of 0.1": (
        "SetChargingProfile", profile(rate="0.05"), "PropertyConstraintViolation", "`minChargingRate` must be a multiple"),
    "connector below 0": (
        "ChangeAvailability", {"connectorId": -1, "type": "Operative"}, "PropertyConstraintViolation", "`int` >= 0"),
    "stack level below 0": ("SetChargingProfile", profile(stack_level="-1"), "PropertyConstraintViolation", "`int` >= 0"),
    "integer beyond 64 bits": (
        "RemoteStopTransaction", '{"transactionId": 9223372036854775808}', "PropertyConstraintViolation", "<= 9223372036854775807"),
    "integer of 5000 digits": (
        "RemoteStopTransaction", f'{{"transactionId": {"9" * 5000}}}', "PropertyConstraintViolation", "out of range"),
    "number beyond floating point": ("SetChargingProfile", profile(limit="1e400"), "PropertyConstraintViolation", "out of range"),
    "no period in a schedule": (
        "SetChargingProfile", profile(periods="[]"), "OccurenceConstraintViolation", "length >= 1 - at"),
}
"""Per class of failure: the action, its payload, the code by the standard (RPC-12) and a part of the description."""


@pytest.mark.parametrize(("action", "payload", "code", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_payload_is_refused_with_the_code_of_its_failure(action, payload, code, words):
    """The error code tells what class of mistake it was, the description names the field (RPC-11, RPC-12, RPC-14)."""
    given, description = refusal(action, payload)
    assert given == code
    assert words in description


@pytest.mark.parametrize(("action", "payload", "code", "words"), WRONG.values(), ids=WRONG)
def test_with_compat_every_wrong_payload_is_a_formation_violation(action, payload, code, words):
    """`csms.compat` answers malformed CALLs as the common Python toolkits expect (contract.md section 4)."""
    assert refusal(action, payload, compat=True)[0] == "FormationViolation"


@pytest.mark.parametrize(("text", "code"), [
    ("Expected `array | null`, got `str` - at `$.key`", "TypeConstraintViolation"),
    ("Object missing required field `type`", "OccurenceConstraintViolation"),
    ("Object missing required field `limit` - at `$.csChargingProfiles`", "OccurenceConstraintViolation"),
    ("Object contains unknown field `x`", "FormationViolation"),
    ("Expected `array` of length >= 1 - at `$.meterValue`", "OccurenceConstraintViolation"),
    ("Expected `int`, got `str` - at `$.connectorId`", "TypeConstraintViolation"),
    ("Expected `datetime`, got `int`", "TypeConstraintViolation"),
    ("Expected `str` of length <= 20 - at `$.idTag`", "PropertyConstraintViolation"),
    ("Expected `int` >= 0 - at `$.connectorId`", "PropertyConstraintViolation"),
    ("Expected `datetime` with a timezone component", "PropertyConstraintViolation"),
    ("Invalid RFC3339 encoded datetime", "PropertyConstraintViolation"),
    ("Invalid enum value 'Warm' - at `$.type`", "PropertyConstraintViolation"),
    ("Invalid enum value ', got `str`' - at `$.type`", "PropertyConstraintViolation"),
    ("Number out of range", "PropertyConstraintViolation"),
    ("Integer value out of range - at `$[...]`", "PropertyConstraintViolation"),
    ("`limit` must be a multiple of 0.1, got 8.15", "PropertyConstraintViolation"),
])
def test_the_code_follows_from_how_the_message_begins(text, code):
    """The words of the JSON library that the classes hang on are pinned here; the table above shows they are its words (RPC-12)."""
    assert codec.classify(text) == code


def test_the_last_of_two_equal_keys_counts():
    """Also where the first one alone would be refused (contract.md section 3, settled)."""
    assert decoded("Reset", '{"type": "Hard", "type": "Soft"}') == core.ResetReq(type=ResetType.Soft)
    assert decoded("Reset", '{"type": "Bogus", "type": "Hard"}') == core.ResetReq(type=ResetType.Hard)
    assert refusal("Reset", '{"type": "Hard", "type": "Bogus"}')[0] == "PropertyConstraintViolation"


@pytest.mark.parametrize("number", ["1", "1.0", "1e0", "0.1e1", "10E-1"])
def test_a_whole_number_may_be_written_as_a_float(number):
    """60.0 is taken for 60 (ocpp16-messages.md, fact 5)."""
    request = decoded("ChangeAvailability", f'{{"connectorId": {number}, "type": "Operative"}}')
    assert request == core.ChangeAvailabilityReq(connector_id=1, type=AvailabilityType.Operative)
    assert isinstance(request.connector_id, int)


def test_whole_floats_are_forgiven_deep_inside_as_well():
    """A profile from a toolkit that knows only floats is understood."""
    request = decoded("SetChargingProfile", profile(stack_level="2.0", periods='[{"startPeriod": 0.0, "limit": 16.0}]'))
    assert isinstance(request, SetChargingProfileReq)
    assert request.cs_charging_profiles.stack_level == 2
    assert request.cs_charging_profiles.charging_schedule.charging_schedule_period[0].start_period == 0


def test_the_word_null_inside_a_string_is_no_null():
    """Only a JSON null is refused (ocpp16-messages.md, fact 1)."""
    assert decoded("ChangeConfiguration", {"key": "k", "value": "null"}) == core.ChangeConfigurationReq(key="k", value="null")


@pytest.mark.parametrize("payload", ["{}", '{"key": []}'])
def test_an_empty_list_of_keys_is_allowed(payload):
    """It means all of them: 0..* may be empty (central-systems.md, section 1)."""
    request = decoded("GetConfiguration", payload)
    assert isinstance(request, core.GetConfigurationReq)
    assert not request.key


@pytest.mark.parametrize("limit", ["8.1", "9.1", "21.4", "16", "0", "0.1", "8.10", "1E1", "-0.1", "1e29", "1e300"])
def test_tenths_are_judged_in_decimal(limit):
    """8.1 is a multiple of 0.1 whatever binary floating point says, and no number is too large to ask (fact 4, F-PROFILE)."""
    request = decoded("SetChargingProfile", profile(limit=limit))
    assert isinstance(request, SetChargingProfileReq)
    assert request.cs_charging_profiles.charging_schedule.charging_schedule_period[0].limit == float(limit)


@pytest.mark.parametrize("limit", ["8.15", "0.05", "1e-5", "16.01", "1e-300"])
def test_more_than_one_fractional_digit_is_refused(limit):
    """Limits come in tenths of an ampere or watt (ocpp16-messages.md, fact 4)."""
    assert refusal("SetChargingProfile", profile(limit=limit))[0] == "PropertyConstraintViolation"


@pytest.mark.parametrize("depth", [100, 500, 900, 10_000])
@pytest.mark.parametrize("before", ['"connectorId": 1.5, ', '"connectorId": 1, "type": "Operative", "x": null, ', ""],
                         ids=["after a float", "after a null", "at once"])
def test_no_depth_of_nesting_escapes_as_another_exception(depth, before):
    """Whatever part of the codec meets the limit of recursion, the answer is a CALLERROR (F-GARB)."""
    code, _ = refusal("ChangeAvailability", f'{{{before}"deep": {"[" * depth}{"]" * depth}}}')
    assert code in {"FormationViolation", "TypeConstraintViolation", "OccurenceConstraintViolation"}
