"""The configuration keys as the key reference gives them: one row each, with values that must be taken and values that must not.

Written from the reference, not from the program: access, type, unit, default and range stand here a second time.
"""

from typing import NamedTuple

LONGEST = 500
"""Characters of a value (CiString500)."""
REGISTER = "Energy.Active.Import.Register"
NOT_BOOLEANS = ("", "yes", "1", "0", "-1", "tru", " true", "true,true")
NOT_INTEGERS = ("", "abc", "true", "1.5", "1e3", "0x10", " 60", "60 ", "6 0", "--1", "99999999999", "\u0663")
NOT_MEASURED = ("SoC", f"{REGISTER},SoC", "Voltage,", ",", "voltage", "RPM", "Current.Export", "Nonsense", "Voltage.L4",
                f"{REGISTER}.L1", "Power.Offered.L1", "true", "-1", ",".join(["Voltage"] * 18))
"""The last has one item more than the MaxLength key says."""


class Row(NamedTuple):
    """One key: what GetConfiguration shows, and which values ChangeConfiguration takes."""

    name: str
    access: str
    default: str
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    kind: str = "CSL"
    unit: str = ""
    profile: str = "Core"

    @property
    def longest(self) -> str:
        """A value of 500 characters, which is as much as goes over the wire."""
        if self.takes_blanks:
            return f"{REGISTER}," + "Voltage".rjust(LONGEST - len(REGISTER) - 1)
        return "9" * LONGEST

    @property
    def takes_blanks(self) -> bool:
        """A list of measurands: blanks around the items do not matter."""
        return self.kind == "CSL" and REGISTER in self.good

    def reads_back(self, text: str) -> str:
        """What GetConfiguration shows after `text` was accepted: lists as they were sent, numbers and booleans in one form."""
        if self.access == "W":
            return ""
        if self.kind == "integer":
            return str(int(text))
        return text.lower() if self.kind == "boolean" else text


def flag(name: str, default: str) -> Row:
    """A boolean that may be written."""
    return Row(name, "RW", default, ("true", "false", "TRUE", "False"), NOT_BOOLEANS, "boolean")


def number(name: str, default: int, lowest: int, highest: int, unit: str, *also: int) -> Row:
    """An integer that may be written: its two boundaries in every way to write them, and one step beyond each."""
    beyond = tuple(str(value) for value in (lowest - 1, highest + 1, -1, -highest) if value not in also)
    within = (str(lowest), str(highest), f"+{highest}", f"00{highest}", *map(str, also))
    return Row(name, "RW", str(default), within, beyond + NOT_INTEGERS, "integer", unit)


def fixed(name: str, value: str, kind: str = "integer") -> Row:
    """A key that may only be read."""
    return Row(name, "R", value, bad=(value, "1", "true", "", "-1"), kind=kind)


def measurands(name: str, default: str) -> Row:
    """A list of measurands."""
    good = ("", REGISTER, "Voltage.L1,Voltage.L3", f"{REGISTER}, Power.Active.Import", "Frequency,Current.Offered,Power.Offered",
            "Power.Active.Import,Power.Active.Import.L2,Energy.Active.Import.Interval", "Voltage,Voltage", ",".join(["Voltage"] * 17))
    return Row(name, "RW", default, good, NOT_MEASURED)


LIST = "LocalAuthListManagement"
SAMPLED = f"{REGISTER},Power.Active.Import,Current.Import,Voltage,Current.Offered"
LISTED = (
    flag("AllowOfflineTxForUnknownId", "false"),
    flag("AuthorizationCacheEnabled", "true"),
    flag("AuthorizeRemoteTxRequests", "true"),
    number("ClockAlignedDataInterval", 0, 1, 86_400, "s", 0),
    number("ConnectionTimeOut", 120, 1, 86_400, "s"),
    Row("ConnectorPhaseRotation", "RW", "1.RST",
        ("1.RST", "0.RST,1.RTS", "1.NotApplicable", "0.Unknown, 1.TSR", "1.SRT", "1.STR", "1.TRS", ""),
        ("2.RST", "1.XYZ", "1", "RST", "-1.RST", "1.RST,1.RTS", "1.RST,", "\u00b2.RST", "1.rst", "0.RST,1.RST,1.RST", "true", "-1")),
    fixed("ConnectorPhaseRotationMaxLength", "2"),
    fixed("GetConfigurationMaxKeys", "100"),
    number("HeartbeatInterval", 300, 1, 86_400, "s"),
    flag("LocalAuthListEnabled", "true")._replace(profile=LIST),
    fixed("LocalAuthListMaxLength", "10000")._replace(profile=LIST),
    flag("LocalAuthorizeOffline", "true"),
    flag("LocalPreAuthorize", "false"),
    number("MaxEnergyOnInvalidId", 0, 0, 100_000, "Wh"),
    number("MessageTimeout", 30, 1, 300, "s"),
    measurands("MeterValuesAlignedData", REGISTER),
    fixed("MeterValuesAlignedDataMaxLength", "17"),
    measurands("MeterValuesSampledData", SAMPLED),
    fixed("MeterValuesSampledDataMaxLength", "17"),
    number("MeterValueSampleInterval", 60, 1, 86_400, "s", 0),
    number("MinimumStatusDuration", 0, 0, 3600, "s"),
    fixed("NumberOfConnectors", "1"),
    number("ResetRetries", 3, 0, 10, "times"),
    Row("SecurityProfile", "RW", "0", (), ("0", "-1", "4", "2", "3", *NOT_INTEGERS), "integer"),
    fixed("ReserveConnectorZeroSupported", "true", "boolean")._replace(profile="Reservation"),
    fixed("SendLocalListMaxLength", "500")._replace(profile=LIST),
    fixed("StopTransactionMaxMeterValues", "500"),
    flag("StopTransactionOnEVSideDisconnect", "true"),
    flag("StopTransactionOnInvalidId", "true"),
    measurands("StopTxnAlignedData", ""),
    fixed("StopTxnAlignedDataMaxLength", "17"),
    measurands("StopTxnSampledData", ""),
    fixed("StopTxnSampledDataMaxLength", "17"),
    fixed("SupportedFeatureProfiles", "Core,LocalAuthListManagement,Reservation,RemoteTrigger", "CSL"),
    number("TransactionMessageAttempts", 3, 1, 100, "times"),
    number("TransactionMessageRetryInterval", 60, 0, 3600, "s"),
    flag("UnlockConnectorOnEVSideDisconnect", "true"),
    number("WebSocketPingInterval", 60, 5, 3600, "s", 0),
)
AUTHORIZATION_KEY = Row(
    "AuthorizationKey", "W", "",
    ("00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeeff00112233", "0" * 38),
    ("", "0" * 30, "0" * 31, "0" * 33, "0" * 42, "g" * 32, "0" * 16, "a password of 32 characters long", " " + "0" * 32,
     "-1", "true"), "string")
EVERY = (*LISTED, AUTHORIZATION_KEY)
ABSENT = (
    "BlinkRepeat", "LightIntensity", "SupportedFeatureProfilesMaxLength", "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods", "ConnectorSwitch3to1PhaseSupported",
    "MaxChargingProfilesInstalled", "SupportedFileTransferProtocols", "AdditionalRootCertificateCheck",
    "CertificateSignedMaxChainSize", "CertificateStoreMaxLength", "CpoName", "NoSuchKey",
)
