"""Date-times and integers as they come over the wire."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from controller.ocpp.messages import core, reservation
from controller.ocpp.types import ChargePointErrorCode, Measurand, ReadingContext
from tests.unit.ocpp.payloads import decoded, refusal
from tests.unit.ocpp.payloads import reservation as expiring

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(("text", "instant"), [
    ("2026-03-01T12:00:00Z", NOON),
    ("2026-03-01T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
    ("2026-03-01T12:00:00.123456Z", NOON + timedelta(microseconds=123456)),
    ("2026-03-01T12:00:00.123456789Z", NOON + timedelta(microseconds=123457)),
    ("2026-03-01T12:00:00.000000000000000001Z", NOON),
    ("2026-03-01T13:00:00+01:00", NOON),
    ("2026-03-01T06:30:00-05:30", NOON),
    ("2026-03-01T12:00:00-00:00", NOON),
    ("2026-03-02T11:59:00+23:59", NOON),
    ("2026-03-01t12:00:00z", NOON),
    ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
])
def test_an_instant_may_be_written_with_any_fraction_and_offset(text, instant):
    """Receivers accept fractional seconds and every zone (TIME-1)."""
    request = decoded("ReserveNow", expiring(text))
    assert isinstance(request, reservation.ReserveNowReq)
    assert request.expiry_date == instant


@pytest.mark.parametrize("text", ["2026-03-01 12:00:00Z", "2026-03-01T12:00:00+0000"])
def test_two_spellings_outside_the_schema_are_understood(text):
    """A blank for the T and an offset without its colon leave no doubt about the instant; refusing them would help nobody."""
    request = decoded("ReserveNow", expiring(text))
    assert isinstance(request, reservation.ReserveNowReq)
    assert request.expiry_date == NOON


@pytest.mark.parametrize("text", [
    "2026-03-01T12:00:00", "2026-03-01", "12:00:00Z", "", "now", "2026-03-01T12:00Z", "2026-03-01T12:00:00+01",
    "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00,5Z", "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z",
    "2026-00-01T12:00:00Z", "2026-03-32T12:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T12:60:00Z", "2016-12-31T23:59:60Z",
    "2026-03-01T12:00:00+24:00", "2026-03-01T12:00:00+01:60", "0000-01-01T00:00:00Z", "20260301T120000Z",
    "2026-060T12:00:00Z", "2026-W09-7T12:00:00Z", " 2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z ", "1772366400",
    "-2026-03-01T12:00:00Z", "+12026-03-01T12:00:00Z", "２０２６-03-01T12:00:00Z", "2026-03-01T12:00:00 Z",
])
def test_what_names_no_instant_is_refused(text):
    """Without a zone nobody knows when it is; dates and times that do not exist are no dates (TIME-1, RPC-12)."""
    assert refusal("ReserveNow", expiring(text))[0] == "PropertyConstraintViolation"


@pytest.mark.parametrize(("number", "connector_id"), [("0", 0), ("2147483647", 2**31 - 1), ("-0", 0)])
def test_connector_0_is_the_charge_point(number, connector_id):
    """Connector ids begin at 0 (STAT-1)."""
    request = decoded("ChangeAvailability", f'{{"connectorId": {number}, "type": "Operative"}}')
    assert isinstance(request, core.ChangeAvailabilityReq)
    assert request.connector_id == connector_id


@pytest.mark.parametrize("number", ["-1", "2147483648", "9223372036854775808", "-9223372036854775809", "1e30"])
def test_no_connector_has_such_a_number(number):
    """Below 0 and absurdly high connector ids never reach the station (ocpp16-messages.md, fact 6)."""
    assert refusal("UnlockConnector", f'{{"connectorId": {number}}}')[0] == "PropertyConstraintViolation"


def test_enumerations_are_spelt_as_on_the_wire():
    """Dots and dashes are part of the value (ocpp16-messages.md, section 4)."""
    assert ReadingContext.TransactionBegin.value == "Transaction.Begin"
    assert Measurand.EnergyActiveImportRegister.value == "Energy.Active.Import.Register"
    assert msgspec.json.encode(ChargePointErrorCode.EVCommunicationError) == b'"EVCommunicationError"'


def test_offsets_are_kept_until_somebody_compares():
    """The instant counts, whatever zone it was written in (TIME-1)."""
    there = NOON.astimezone(timezone(timedelta(hours=-3)))
    request = decoded("ReserveNow", expiring(there.isoformat()))
    assert request == decoded("ReserveNow", expiring("2026-03-01T12:00:00Z"))
