"""The catalogue of faults against the fault table of the contract, which stands here a second time, row by row."""

from typing import NamedTuple

import pytest

from controller.faults import CATALOGUE, Clears, FaultKind, Owner, Reaction, most_severe, severity
from controller.ocpp.types import ChargePointErrorCode

K = FaultKind
OPEN, STOP, NEVER, NOTHING = Reaction.OPEN, Reaction.STOP, Reaction.NEVER_CLOSE, Reaction.NONE
AUTO, UNPLUG, RESET = Clears.AUTO, Clears.UNPLUG, Clears.RESET


class Row(NamedTuple):
    """One row of the table: what the power path does, status, error code, how it clears, whether it ends a transaction."""

    kind: FaultKind
    reaction: Reaction
    faulted: bool
    error_code: str
    clears: Clears
    ends: bool = False


TABLE = (
    Row(K.OTHER, OPEN, True, "OtherError", AUTO),
    Row(K.GROUND, OPEN, True, "GroundFailure", UNPLUG, ends=True),
    Row(K.RCD, OPEN, True, "GroundFailure", RESET, ends=True),
    Row(K.DIODE, NEVER, False, "EVCommunicationError", UNPLUG),
    Row(K.CONTACTOR_WELDED, OPEN, True, "PowerSwitchFailure", RESET, ends=True),
    Row(K.CONTACTOR, OPEN, True, "PowerSwitchFailure", UNPLUG),
    Row(K.LOCK, OPEN, True, "ConnectorLockFailure", UNPLUG),
    Row(K.LOCK_STUCK, NOTHING, False, "ConnectorLockFailure", AUTO),
    Row(K.TEMPERATURE, STOP, True, "HighTemperature", AUTO),
    Row(K.ESTOP, OPEN, True, "OtherError", AUTO, ends=True),
    Row(K.METER, NOTHING, False, "PowerMeterFailure", AUTO),
    Row(K.RFID, NOTHING, False, "ReaderFailure", AUTO),
    Row(K.OVERCURRENT, OPEN, True, "OverCurrentFailure", UNPLUG, ends=True),
    Row(K.UNDERVOLTAGE, STOP, True, "UnderVoltage", AUTO),
    Row(K.OVERVOLTAGE, STOP, True, "OverVoltage", AUTO),
    Row(K.PILOT, OPEN, False, "EVCommunicationError", AUTO),
    Row(K.VENTILATION, NEVER, False, "OtherError", AUTO),
    Row(K.PHASE_SWITCH, OPEN, True, "PowerSwitchFailure", UNPLUG),
    Row(K.GUARD, OPEN, True, "InternalError", AUTO),
    Row(K.STORAGE, STOP, True, "InternalError", AUTO),
)
PLAYED = {"other", "ground", "diode", "contactor_welded", "contactor", "lock", "lock_stuck", "temperature", "estop", "rcd", "meter",
          "rfid", "overcurrent", "undervoltage", "overvoltage", "phase_switch"}
"""The kinds that `/sim/v1/fault` takes."""


@pytest.mark.parametrize("row", TABLE, ids=[row.kind.value for row in TABLE])
def test_a_fault_does_what_its_row_says(row: Row) -> None:
    """Reaction, status, error code, clearing and end of transaction of every kind (F-RCD/PE/temp, F-WELD, F-OVER, F-METER)."""
    found = CATALOGUE[row.kind]
    assert (found.reaction, found.faulted, found.error_code, found.clears, found.ends_transaction) == tuple(row)[1:]


def test_every_kind_has_a_row_and_the_kinds_of_the_simulation_keep_their_names() -> None:
    """Each kind is described; the names are the vendorErrorCodes that rigs rely on (STAT-12)."""
    assert set(CATALOGUE) == set(FaultKind)
    assert all(CATALOGUE[kind].kind is kind for kind in FaultKind)
    assert {kind.value for kind in FaultKind} >= PLAYED
    assert {row.kind for row in TABLE} | {K.PROXIMITY} == set(FaultKind)


def test_the_order_of_the_kinds_is_the_order_on_the_link() -> None:
    """Bit numbers of the link to the guard: a kind may be appended, never moved (T-RPC)."""
    assert [kind.value for kind in FaultKind] == [
        "other", "ground", "diode", "contactor_welded", "contactor", "lock", "lock_stuck", "temperature", "estop", "rcd", "meter",
        "rfid", "overcurrent", "undervoltage", "overvoltage", "pilot", "ventilation", "proximity", "guard", "storage", "phase_switch"]


@pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.value)
def test_a_sentence_fits_into_a_status_notification(kind: FaultKind) -> None:
    """`info` has 50 characters: a sentence that is longer would arrive cut (RPC-13)."""
    sentence = CATALOGUE[kind].sentence
    assert 10 < len(sentence) <= 50
    assert sentence.endswith(".")
    assert sentence.isascii()


@pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.value)
def test_an_error_code_is_one_of_the_standard(kind: FaultKind) -> None:
    """ChargePointErrorCode knows it, and a fault never says NoError (STAT-9)."""
    assert ChargePointErrorCode(CATALOGUE[kind].error_code) is not ChargePointErrorCode.NoError


def test_what_only_the_pilot_has_seen_is_never_faulted() -> None:
    """EVCommunicationError is a warning that suspends (STAT-10)."""
    for fault in CATALOGUE.values():
        if fault.error_code == "EVCommunicationError":
            assert not fault.faulted
            assert fault.suspends


@pytest.mark.parametrize("kind", [K.METER, K.RFID, K.GUARD, K.STORAGE], ids=lambda kind: kind.value)
def test_the_controller_owns_what_the_guard_cannot_see(kind: FaultKind) -> None:
    """Meter, reader, disk, and the guard itself are noticed by the controller; all else by the guard."""
    assert CATALOGUE[kind].owner is Owner.CONTROLLER
    assert sum(row.owner is Owner.CONTROLLER for row in CATALOGUE.values()) == 4


@pytest.mark.parametrize(("kinds", "worst"), [
    ({K.TEMPERATURE, K.RCD}, K.RCD),
    ({K.TEMPERATURE, K.GROUND}, K.GROUND),
    ({K.GROUND, K.RCD}, K.RCD),
    ({K.DIODE, K.TEMPERATURE}, K.TEMPERATURE),
    ({K.LOCK_STUCK, K.DIODE}, K.DIODE),
    ({K.LOCK_STUCK, K.METER}, K.LOCK_STUCK),
    ({K.RFID}, K.RFID),
    (set(), None),
], ids=lambda value: " and ".join(sorted(kind.value for kind in value)) or "none" if isinstance(value, set) else str(value))
def test_of_several_faults_the_most_severe_counts(kinds: set[FaultKind], worst: FaultKind | None) -> None:
    """Faulted before warning, reset before unplug before auto; then the order of the catalogue."""
    assert most_severe(frozenset(kinds)) is worst


def test_severity_orders_status_before_clearing() -> None:
    """Any Faulted is worse than any warning, however that clears."""
    faulted = [severity(kind) for kind, row in CATALOGUE.items() if row.faulted]
    warnings = [severity(kind) for kind, row in CATALOGUE.items() if not row.faulted]
    assert min(faulted) > max(warnings)


MREC = {
    K.GROUND: 2, K.RCD: 2, K.CONTACTOR_WELDED: 17, K.CONTACTOR: 17, K.LOCK: 1, K.LOCK_STUCK: 1, K.TEMPERATURE: 3, K.ESTOP: 8,
    K.OVERCURRENT: 4, K.UNDERVOLTAGE: 6, K.OVERVOLTAGE: 5, K.PILOT: 14, K.PROXIMITY: 23, K.PHASE_SWITCH: 17,
}
"""iec61851.md sections 4 to 9, and the ChargeX list for what those do not name."""


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_has_its_name_among_the_minimum_required_error_codes(kind: FaultKind) -> None:
    """A technician who knows another maker's stations finds the same fault under the same number; the rest have none."""
    number = "".join(filter(str.isdigit, CATALOGUE[kind].mrec))
    assert number == str(MREC.get(kind, ""))
