"""The SmartCharging profile, and the charging profile that RemoteStartTransaction may carry."""

from decimal import Decimal
from typing import Annotated, ClassVar

from msgspec import Meta

from controller.ocpp.messages.base import Part, Request, Response
from controller.ocpp.types import (
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingProfileStatus,
    ChargingRateUnit,
    ClearChargingProfileStatus,
    ConnectorId,
    DateTime,
    GetCompositeScheduleStatus,
    Integer,
    RecurrencyKind,
    StackLevel,
    Tenths,
)


def check_tenths(name: str, value: float) -> None:
    """Judge in decimal, on the shortest text of the number: 8.1 is a multiple of 0.1. Raises ValueError."""
    _, _, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int) or exponent < -1:
        message = f"`{name}` must be a multiple of 0.1, got {value!r}"
        raise ValueError(message)


class ChargingSchedulePeriod(Part, frozen=True):
    """From `start_period` seconds after the schedule's start this limit holds, in the schedule's unit."""

    start_period: Integer
    limit: Tenths
    number_phases: Integer | None = None

    def __post_init__(self) -> None:
        check_tenths("limit", self.limit)


class ChargingSchedule(Part, frozen=True):
    """Limits over time."""

    charging_rate_unit: ChargingRateUnit
    charging_schedule_period: Annotated[list[ChargingSchedulePeriod], Meta(min_length=1)]
    duration: Integer | None = None
    start_schedule: DateTime | None = None
    min_charging_rate: Tenths | None = None

    def __post_init__(self) -> None:
        if self.min_charging_rate is not None:
            check_tenths("minChargingRate", self.min_charging_rate)


class ChargingProfile(Part, frozen=True):
    """A schedule with its purpose and validity."""

    charging_profile_id: Integer
    stack_level: StackLevel
    charging_profile_purpose: ChargingProfilePurpose
    charging_profile_kind: ChargingProfileKind
    charging_schedule: ChargingSchedule
    transaction_id: Integer | None = None
    recurrency_kind: RecurrencyKind | None = None
    valid_from: DateTime | None = None
    valid_to: DateTime | None = None


class ClearChargingProfileConf(Response, frozen=True):
    """Whether any profile matched."""

    status: ClearChargingProfileStatus


class ClearChargingProfileReq(Request, frozen=True):
    """Remove the profiles that match."""

    action: ClassVar[str] = "ClearChargingProfile"
    response: ClassVar[type[Response]] = ClearChargingProfileConf
    id: Integer | None = None
    connector_id: ConnectorId | None = None
    charging_profile_purpose: ChargingProfilePurpose | None = None
    stack_level: Integer | None = None


class GetCompositeScheduleConf(Response, frozen=True):
    """What will be followed."""

    status: GetCompositeScheduleStatus
    connector_id: ConnectorId | None = None
    schedule_start: DateTime | None = None
    charging_schedule: ChargingSchedule | None = None


class GetCompositeScheduleReq(Request, frozen=True):
    """What will be followed in the next `duration` seconds?"""

    action: ClassVar[str] = "GetCompositeSchedule"
    response: ClassVar[type[Response]] = GetCompositeScheduleConf
    connector_id: ConnectorId
    duration: Integer
    charging_rate_unit: ChargingRateUnit | None = None


class SetChargingProfileConf(Response, frozen=True):
    """Whether the profile was taken."""

    status: ChargingProfileStatus


class SetChargingProfileReq(Request, frozen=True):
    """Install a profile; one object in spite of the plural name."""

    action: ClassVar[str] = "SetChargingProfile"
    response: ClassVar[type[Response]] = SetChargingProfileConf
    connector_id: ConnectorId
    cs_charging_profiles: ChargingProfile
