"""Payloads as text and as structs, for tables of cases."""

import json
from typing import Any

import msgspec

from controller.errors import RemoteError
from controller.ocpp import codec
from controller.ocpp.messages import REQUESTS, Request


def raw(payload: Any) -> msgspec.Raw:
    """The payload as it lies in a frame; text is taken as it is."""
    return msgspec.Raw((payload if isinstance(payload, str) else json.dumps(payload)).encode())


def decoded(action: str, payload: Any, *, compat: bool = False) -> Request:
    """What the charge point understands."""
    return codec.decode_request(REQUESTS[action], raw(payload), compat=compat)


def refusal(action: str, payload: Any, *, compat: bool = False) -> tuple[str, str]:
    """Code and description of the CALLERROR that the payload earns."""
    try:
        request = decoded(action, payload, compat=compat)
    except RemoteError as error:
        return error.code, error.description
    raise AssertionError(f"{payload!r:.200} was taken for {request!r:.200}")


def profile(*, limit: str = "16", periods: str | None = None, stack_level: str = "0", rate: str = "8") -> str:
    """A SetChargingProfile payload with one thing made special."""
    periods = f'[{{"startPeriod": 0, "limit": {limit}}}]' if periods is None else periods
    schedule = f'{{"chargingRateUnit": "A", "minChargingRate": {rate}, "chargingSchedulePeriod": {periods}}}'
    return (f'{{"connectorId": 1, "csChargingProfiles": {{"chargingProfileId": 1, "stackLevel": {stack_level}, '
            f'"chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative", "chargingSchedule": {schedule}}}}}')


def reservation(expiry_date: str) -> dict[str, Any]:
    """A ReserveNow payload that expires then."""
    return {"connectorId": 1, "expiryDate": expiry_date, "idTag": "04A1B2C3", "reservationId": 7}
