"""The catalogue of faults: one row each, read by guard, station, status page and documentation alike.

A row tells in one sentence what is wrong, what the guard does about it, how it clears, and how OCPP is
told (`contract.md` section 3, "Fault kinds"). Nothing here knows OCPP beyond the spelling of its codes.
"""

from enum import Enum

import msgspec


class FaultKind(Enum):
    """Every fault the daemon can hold; the value is the vendorErrorCode and the name used by `/sim/v1`.

    The order is part of the link's protocol (bit numbers): append, never reorder.
    """

    OTHER = "other"
    GROUND = "ground"
    DIODE = "diode"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR = "contactor"
    LOCK = "lock"
    LOCK_STUCK = "lock_stuck"
    TEMPERATURE = "temperature"
    ESTOP = "estop"
    RCD = "rcd"
    METER = "meter"
    RFID = "rfid"
    OVERCURRENT = "overcurrent"
    UNDERVOLTAGE = "undervoltage"
    OVERVOLTAGE = "overvoltage"
    PILOT = "pilot"
    VENTILATION = "ventilation"
    PROXIMITY = "proximity"
    GUARD = "guard"
    STORAGE = "storage"
    PHASE_SWITCH = "phase_switch"


class Owner(Enum):
    """Which half notices the fault and decides when it has cleared."""

    GUARD = "guard"
    CONTROLLER = "controller"


class Reaction(Enum):
    """What the power path does while the fault stands."""

    OPEN = "open at once"
    STOP = "controlled stop"
    NEVER_CLOSE = "never close, open at once"
    NONE = "nothing"


class Clears(Enum):
    """When the fault is over; ordered by severity, the last the most severe."""

    AUTO = "1 s after the cause is gone"
    UNPLUG = "cause gone and car unplugged"
    RESET = "cause gone and a person resets it"


class Fault(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    kind: FaultKind
    sentence: str
    """What is wrong, in at most 50 characters: it goes out as `info`."""
    owner: Owner
    reaction: Reaction
    clears: Clears
    faulted: bool
    """True: the connector reports Faulted; False: a warning, the status stays what it was."""
    error_code: str
    """The ChargePointErrorCode."""
    ends_transaction: bool = False
    suspends: bool = False
    """A warning that is reported with SuspendedEVSE while a transaction runs (STAT-10)."""
    mrec: str = ""
    """Its name among the ChargeX Minimum Required Error Codes; empty where they have none."""


_K, _O, _R, _C = FaultKind, Owner, Reaction, Clears

CATALOGUE: dict[FaultKind, Fault] = {
    row.kind: row
    for row in (
        Fault(_K.OTHER, "The station itself reports a fault.", _O.GUARD, _R.OPEN, _C.AUTO, True, "OtherError"),
        Fault(_K.GROUND, "Protective earth is lost.", _O.GUARD, _R.OPEN, _C.UNPLUG, True, "GroundFailure", True,
              mrec="MREC2GroundFailure"),
        Fault(_K.DIODE, "No -12 V half wave on the pilot: that is no car.", _O.GUARD, _R.NEVER_CLOSE, _C.UNPLUG,
              False, "EVCommunicationError", suspends=True),
        Fault(_K.CONTACTOR_WELDED, "The contactor stays closed when told to open.", _O.GUARD, _R.OPEN, _C.RESET,
              True, "PowerSwitchFailure", True, mrec="MREC17EVSEContactorFault"),
        Fault(_K.CONTACTOR, "The contactor stays open when told to close.", _O.GUARD, _R.OPEN, _C.UNPLUG, True,
              "PowerSwitchFailure", mrec="MREC17EVSEContactorFault"),
        Fault(_K.LOCK, "The bolt does not reach its locked position.", _O.GUARD, _R.OPEN, _C.UNPLUG, True,
              "ConnectorLockFailure", mrec="MREC1ConnectorLockFailure"),
        Fault(_K.LOCK_STUCK, "The bolt does not open.", _O.GUARD, _R.NONE, _C.AUTO, False, "ConnectorLockFailure",
              mrec="MREC1ConnectorLockFailure"),
        Fault(_K.TEMPERATURE, "The enclosure is too hot.", _O.GUARD, _R.STOP, _C.AUTO, True, "HighTemperature",
              mrec="MREC3HighTemperature"),
        Fault(_K.ESTOP, "The emergency stop is pressed.", _O.GUARD, _R.OPEN, _C.AUTO, True, "OtherError", True,
              mrec="MREC8EmergencyStop"),
        Fault(_K.RCD, "The residual-current device tripped.", _O.GUARD, _R.OPEN, _C.RESET, True, "GroundFailure", True,
              mrec="MREC2GroundFailure"),
        Fault(_K.METER, "The energy meter does not answer.", _O.CONTROLLER, _R.NONE, _C.AUTO, False, "PowerMeterFailure"),
        Fault(_K.RFID, "The card reader does not answer.", _O.CONTROLLER, _R.NONE, _C.AUTO, False, "ReaderFailure"),
        Fault(_K.OVERCURRENT, "The car draws more than it may.", _O.GUARD, _R.OPEN, _C.UNPLUG, True, "OverCurrentFailure",
              True, mrec="MREC4OverCurrentFailure"),
        Fault(_K.UNDERVOLTAGE, "The supply voltage is too low.", _O.GUARD, _R.STOP, _C.AUTO, True, "UnderVoltage",
              mrec="MREC6UnderVoltage"),
        Fault(_K.OVERVOLTAGE, "The supply voltage is too high.", _O.GUARD, _R.STOP, _C.AUTO, True, "OverVoltage",
              mrec="MREC5OverVoltage"),
        Fault(_K.PILOT, "The control pilot is shorted or out of range.", _O.GUARD, _R.OPEN,
              _C.AUTO, False, "EVCommunicationError", suspends=True, mrec="MREC14PilotFault"),
        Fault(_K.VENTILATION, "The car asks for ventilation, which is not there.", _O.GUARD, _R.NEVER_CLOSE, _C.AUTO,
              False, "OtherError", suspends=True),
        Fault(_K.PROXIMITY, "The cable's current rating cannot be read.", _O.GUARD, _R.OPEN, _C.UNPLUG, False,
              "OtherError", suspends=True, mrec="MREC23ProximityFault"),
        Fault(_K.PHASE_SWITCH, "The contact of L2 and L3 does not follow.", _O.GUARD, _R.OPEN, _C.UNPLUG, True,
              "PowerSwitchFailure", mrec="MREC17EVSEContactorFault"),
        Fault(_K.GUARD, "The guard process does not answer.", _O.CONTROLLER, _R.OPEN, _C.AUTO, True, "InternalError"),
        Fault(_K.STORAGE, "Nothing can be stored: disk full or not writable.", _O.CONTROLLER, _R.STOP, _C.AUTO,
              True, "InternalError"),
    )
}


def severity(kind: FaultKind) -> tuple[bool, int]:
    """Sort key: Faulted before warning, then reset before unplug before auto (`contract.md` section 3)."""
    row = CATALOGUE[kind]
    return row.faulted, list(Clears).index(row.clears)


def most_severe(kinds: frozenset[FaultKind]) -> FaultKind | None:
    """The fault to report when several stand; None when there is none. Ties go by catalogue order."""
    if not kinds:
        return None
    order = list(FaultKind)
    return max(kinds, key=lambda kind: (*severity(kind), -order.index(kind)))
