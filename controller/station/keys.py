"""Every OCPP configuration key as one row: type, range, access and meaning (ocpp16-config-keys.md).

A key whose function does not exist is not in the table that `keys_for` gives (CFG-4): so keys of feature profiles that
are absent, and lighting, are not listed.
"""

import re
from collections.abc import Callable, Collection, Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from controller.config import Configuration
from controller.station.measurands import measurable

PROFILES = ("Core", "FirmwareManagement", "LocalAuthListManagement", "Reservation", "SmartCharging", "RemoteTrigger")
"""In the order in which SupportedFeatureProfiles lists them."""
PRESENT = frozenset({"Core", "LocalAuthListManagement", "RemoteTrigger", "Reservation"})
"""The feature profiles that this program has."""

LONGEST = 500
"""Characters of a value (CiString500)."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_ROTATIONS = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")
_CONNECTOR = re.compile(r"[0-9]{1,4}")
_HEX_KEY = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")


class Access(Enum):
    """What the central system may do with a key."""

    R = "R"
    RW = "RW"
    W = "W"


Check: TypeAlias = Callable[[str], str]
"""Takes the text of a new value, gives its normal form; raises ValueError that says what is allowed."""


class Key(msgspec.Struct, frozen=True):
    """One row."""

    name: str
    profile: str
    access: Access
    kind: str
    """boolean, integer, CSL or string."""
    unit: str
    default: str
    allowed: str
    """The range, in words, as error messages and the documentation give it."""
    check: Check
    sentence: str
    configurable: bool = True
    """The `[ocpp]` table may set it; False where the hardware or the program speaks."""


# -- checks --------------------------------------------------------------------------------------------------------------


def boolean(text: str) -> str:
    """True or false in any case (CFG-6)."""
    if text.lower() not in ("true", "false"):
        message = f"{text!r} is not a boolean; allowed: true, false"
        raise ValueError(message)
    return text.lower()


def integer(lowest: int, highest: int, *also: int) -> Check:
    """Optional sign and digits only, within the range or one of `also`."""

    def check(text: str) -> str:
        if not _INTEGER.fullmatch(text) or not (lowest <= int(text) <= highest or int(text) in also):
            extra = "".join(f"{number} or " for number in also)
            message = f"{text!r} is not allowed; allowed: {extra}{lowest} to {highest}"
            raise ValueError(message)
        return str(int(text))

    return check


def measurands(known: Sequence[str]) -> Check:
    """A list of these measurands; taken whole or not at all, and read back as sent (MTR-10)."""

    def check(text: str) -> str:
        items = _items(text)
        for item in items:
            if item not in known:
                raise ValueError(f"{item!r} is not measured here; allowed: {', '.join(known)}")
        if len(items) > len(known):
            raise ValueError(f"{len(items)} measurands; allowed: at most {len(known)}")
        return text

    return check


def phase_rotation(connectors: int) -> Check:
    """`n.value` once per connector, 0 for the grid connection: how the meter's phases are wired (MTR-16)."""

    def check(text: str) -> str:
        seen = set()
        for item in _items(text):
            number, _, rotation = item.partition(".")
            if rotation not in _ROTATIONS or not _CONNECTOR.fullmatch(number) or int(number) > connectors:
                raise ValueError(f"{item!r} is not allowed; allowed: n.value with n 0 to {connectors} and "
                                 f"{', '.join(_ROTATIONS)}")
            if int(number) in seen:
                raise ValueError(f"connector {int(number)} twice; allowed: once")
            seen.add(int(number))
        return text

    return check


def _items(text: str) -> list[str]:
    """The items of a list that has to fit the wire, blanks around them ignored."""
    if len(text) > LONGEST:
        raise ValueError(f"{len(text)} characters; allowed: at most {LONGEST}")
    return [item.strip() for item in text.split(",")] if text.strip() else []


def authorization_key(text: str) -> str:
    """Hex text of 16 to 20 bytes (SEC-10)."""
    if not _HEX_KEY.fullmatch(text):
        message = "the value is not allowed; allowed: 32 to 40 hexadecimal digits, an even number of them"
        raise ValueError(message)
    return text


# -- the table -----------------------------------------------------------------------------------------------------------


def chosen_profiles(configuration: Configuration) -> frozenset[str]:
    """Those that are there, without what the `[ocpp]` table leaves out."""
    text = configuration.ocpp.get("SupportedFeatureProfiles")
    return PRESENT if text is None else PRESENT.intersection(text.split(","))


def keys_for(configuration: Configuration, present: Collection[str] = PRESENT) -> dict[str, Key]:
    """The table of this charge point, by exact name in alphabetical order; `present` are its feature profiles."""
    rows = [*_core(configuration), *_connection(configuration), *_transactions(), *_metering(configuration), *_security(),
            *_local_list(), *_reservation()]
    names = [profile for profile in PROFILES if profile in present]
    rows.append(_limit("SupportedFeatureProfiles", ",".join(names), "CSL", _subset(names),
                       "The feature profiles this charge point has.", allowed=f"a part of {','.join(names)}"))
    table = {row.name: row for row in sorted(rows, key=lambda row: row.name) if row.profile in present}
    return {name: _defaulted(row, configuration, len(table)) for name, row in table.items()}


def _defaulted(row: Key, configuration: Configuration, count: int) -> Key:
    """The default that depends on the configuration of this installation; all keys can be asked for at once (CFG-2)."""
    if row.name == "GetConfigurationMaxKeys":
        return msgspec.structs.replace(row, default=str(max(100, count)))
    if row.name == "MessageTimeout":
        return msgspec.structs.replace(row, default=str(int(configuration.csms.message_timeout_s)))
    fixed_cable = all(connector.lock["driver"] == "none" for connector in configuration.connector)
    if row.name == "UnlockConnectorOnEVSideDisconnect" and fixed_cable:
        return msgspec.structs.replace(row, default="false", access=Access.R, configurable=False)
    return row


def _subset(names: list[str]) -> Check:
    def check(text: str) -> str:
        wanted = [item.strip() for item in text.split(",") if item.strip()]
        if "Core" not in wanted or any(item not in names for item in wanted):
            message = f"{text!r} is not allowed; allowed: Core and any of {', '.join(names)}"
            raise ValueError(message)
        return ",".join(name for name in names if name in wanted)

    return check


def _flag(name: str, default: str, sentence: str, access: Access = Access.RW) -> Key:
    return Key(name, "Core", access, "boolean", "", default, "true, false", boolean, sentence)


def _number(name: str, default: int, lowest: int, highest: int, unit: str, sentence: str, *also: int) -> Key:
    allowed = "".join(f"{number} or " for number in also) + f"{lowest} to {highest}"
    return Key(name, "Core", Access.RW, "integer", unit, str(default), allowed, integer(lowest, highest, *also), sentence)


def _limit(name: str, default: str, kind: str, check: Check, sentence: str, *, allowed: str, configurable: bool = True) -> Key:
    return Key(name, "Core", Access.R, kind, "", default, allowed, check, sentence, configurable)


def _core(configuration: Configuration) -> list[Key]:
    connectors = len(configuration.connector)
    rotation = ",".join(f"{row.id}.{'RST' if row.phases > 1 else 'NotApplicable'}" for row in configuration.connector)
    return [
        _flag("AllowOfflineTxForUnknownId", "false", "Offline, tags that nobody knows may charge."),
        _flag("AuthorizationCacheEnabled", "true", "What the central system said of a tag is remembered and used."),
        _flag("AuthorizeRemoteTxRequests", "true", "A remote start is authorised like a card."),
        _number("ConnectionTimeOut", 120, 1, 86_400, "s", "So long an authorised user has to plug in."),
        Key("ConnectorPhaseRotation", "Core", Access.RW, "CSL", "", rotation, "n.value per connector, 0 for the grid",
            phase_rotation(connectors), "The order of phases between the meter and each connector."),
        _limit("ConnectorPhaseRotationMaxLength", str(connectors + 1), "integer", integer(1, 1000),
               "Items that ConnectorPhaseRotation may hold.", allowed="1 to 1000"),
        _limit("GetConfigurationMaxKeys", "100", "integer", integer(1, 1000), "Keys that one GetConfiguration may name.",
               allowed="1 to 1000"),
        _flag("LocalAuthorizeOffline", "true", "Offline, tags that are known as good may charge."),
        _flag("LocalPreAuthorize", "false", "Online, tags that are known as good may charge without asking."),
        _number("MaxEnergyOnInvalidId", 0, 0, 100_000, "Wh", "May still flow after the central system said no."),
        _number("MinimumStatusDuration", 0, 0, 3600, "s", "A status that lasted less is not reported."),
        _limit("NumberOfConnectors", str(connectors), "integer", integer(1, 1000), "Connectors of this charge point.",
               allowed="1 to 1000", configurable=False),
        _number("ResetRetries", 3, 0, 10, "times", "How often a reset that failed is tried again."),
    ]


def _connection(_configuration: Configuration) -> list[Key]:
    return [
        _number("HeartbeatInterval", 300, 1, 86_400, "s", "Time between Heartbeats; BootNotification sets it."),
        _number("MessageTimeout", 30, 1, 300, "s", "So long an answer of the central system is waited for."),
        _number("WebSocketPingInterval", 60, 5, 3600, "s", "Time between pings; 0 sends none.", 0),
    ]


def _transactions() -> list[Key]:
    return [
        _flag("StopTransactionOnEVSideDisconnect", "true", "A cable pulled at the vehicle ends the transaction."),
        _flag("StopTransactionOnInvalidId", "true", "A verdict that is not Accepted ends the transaction; else it is suspended."),
        _number("TransactionMessageAttempts", 3, 1, 100, "times", "Attempts at a message that the central system refuses."),
        _number("TransactionMessageRetryInterval", 60, 0, 3600, "s", "The n-th retry waits n times this."),
        _flag("UnlockConnectorOnEVSideDisconnect", "true", "A cable pulled at the vehicle also frees the plug here."),
    ]


def _metering(configuration: Configuration) -> list[Key]:
    known = measurable(configuration.connector)
    most = len(known)
    allowed = f"any of {', '.join(known)}"
    rows = [
        _number("ClockAlignedDataInterval", 0, 1, 86_400, "s", "Grid of clock-aligned samples from midnight UTC; 0: none.", 0),
        _number("MeterValueSampleInterval", 60, 1, 86_400, "s", "Time between samples in a transaction; 0: none.", 0),
        _limit("StopTransactionMaxMeterValues", "500", "integer", integer(2, 100_000),
               "Meter values that StopTransaction may carry; those between first and last are thinned.", allowed="2 to 100000"),
    ]
    for name, default, sentence in (
        ("MeterValuesAlignedData", "Energy.Active.Import.Register", "Measurands of clock-aligned MeterValues."),
        ("MeterValuesSampledData",
         "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current.Offered",
         "Measurands of periodic and triggered MeterValues."),
        ("StopTxnAlignedData", "", "Clock-aligned measurands inside StopTransaction; empty: none."),
        ("StopTxnSampledData", "", "Sampled measurands inside StopTransaction; empty: none."),
    ):
        rows.append(Key(name, "Core", Access.RW, "CSL", "", default, allowed, measurands(known), sentence))
        rows.append(_limit(f"{name}MaxLength", str(most), "integer", integer(1, 1000), f"Items that {name} may hold.",
                           allowed="1 to 1000"))
    return rows


def _security() -> list[Key]:
    return [
        Key("AuthorizationKey", "Core", Access.W, "string", "", "", "32 to 40 hexadecimal digits, an even number",
            authorization_key, "Password for HTTP Basic authentication, in hex; never shown."),
        Key("SecurityProfile", "Core", Access.RW, "integer", "", "0", "0 to 3; by ChangeConfiguration only upwards",
            integer(0, 3), "How the connection is secured."),
    ]


def _reservation() -> list[Key]:
    row = _limit("ReserveConnectorZeroSupported", "true", "boolean", boolean,
                 "Reservations of connector 0, for any one of them, are taken.", allowed="true, false")
    return [msgspec.structs.replace(row, profile="Reservation")]


def _local_list() -> list[Key]:
    profile = "LocalAuthListManagement"
    rows = [
        _flag("LocalAuthListEnabled", "true", "The Local Authorization List is used."),
        _limit("LocalAuthListMaxLength", "10000", "integer", integer(1, 100_000), "Entries that the list may have.",
               allowed="1 to 100000"),
        _limit("SendLocalListMaxLength", "500", "integer", integer(1, 1500), "Entries that one SendLocalList may have; a frame holds no more.",
               allowed="1 to 1500"),
    ]
    return [msgspec.structs.replace(row, profile=profile) for row in rows]
