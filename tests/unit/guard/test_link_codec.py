"""The link's messages as bytes: fixed size, versioned, numbered, range-checked (T-RPC)."""

import math
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.faults import FaultKind
from controller.guard.link_codec import MAGIC, SIZE, VERSION, decode, encode
from controller.guard.messages import (
    ClearLatch,
    FromGuard,
    Measured,
    Offer,
    Pilot,
    Report,
    SetLatch,
    SetLock,
    ToGuard,
    Withdraw,
)
from drivers.protocols import LockState

QUIET = settings(derandomize=True, deadline=None, max_examples=150)
connectors = st.integers(1, 1000)
amperes = st.floats(0, 1000)
signed = st.floats(-1000, 1000)
phases = st.tuples(signed, signed, signed)
counters = st.integers(0, 2**32 - 1)
kinds = st.sampled_from(FaultKind)
to_guard = st.one_of(
    st.builds(Offer, connectors, amperes, st.floats(0, 60), st.sampled_from([1, 3])), st.builds(Withdraw, connectors),
    st.builds(Measured, connectors, phases, phases), st.builds(SetLock, connectors, st.booleans()),
    st.builds(SetLatch, connectors, kinds), st.builds(ClearLatch, connectors, kinds))
reports = st.builds(
    Report, connectors, st.sampled_from(Pilot), st.floats(0, 1), amperes, st.booleans(), st.booleans(),
    st.sampled_from(LockState), st.frozensets(kinds), amperes, counters, counters, st.sampled_from([0, 1, 3]))
REPORT = Report(1, Pilot.C, 0.266666, 16.0, True, True, LockState.LOCKED, frozenset({FaultKind.DIODE}), 32.0, 5, 7, 3, True, 31.5)
MESSAGES: list[ToGuard | FromGuard] = [
    Offer(1, 16.0, 10.0), Withdraw(1), Measured(1, (1.0, 2.0, 3.0), (230.0, 231.0, 232.0)), SetLock(1, True),
    SetLatch(1, FaultKind.RCD), ClearLatch(1, FaultKind.RCD), REPORT]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_the_bytes_are_the_protocol(message):
    """T-RPC: magic, version, kind, connector, flags and number stand where they always stood."""
    content = encode(message, 0x01020304)
    kind = MESSAGES.index(message) + 1
    flags = {"Offer": 3, "SetLock": 1, "SetLatch": 9, "ClearLatch": 9}.get(type(message).__name__, 0)
    assert (MAGIC, VERSION) == (0x4556, 3)
    assert content[:12] == struct.pack("<HBBHHI", 0x4556, 3, kind, 1, flags, 0x01020304)


def test_the_numbers_are_where_they_always_were():
    """T-RPC: a guard and a controller of two releases must agree."""
    assert encode(Offer(1, 16.0, 10.0), 0)[12:] == struct.pack("<6d4x", 16.0, 10.0, 0, 0, 0, 0)
    assert encode(MESSAGES[2], 0)[12:] == struct.pack("<6d4x", 1, 2, 3, 230, 231, 232)
    assert encode(REPORT, 0)[12:] == struct.pack("<3d4B3I2Bd2x", 0.266666, 16.0, 32.0, 3, 2, 1, 1, 1 << 2, 5, 7, 3, 1, 31.5)
    assert encode(Withdraw(1), 0)[12:] == bytes(52)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_sequence_numbers_go_round_after_the_last(message):
    """T-RPC: the sequence number begins anew after 2^32 messages; a counter that has grown so far does too."""
    answer = decode(encode(message, 2**32 + 7))
    assert answer == (7, message)
    long_ago = Report(1, Pilot.A, 1.0, 0.0, False, False, LockState.NONE, frozenset(), 32.0, 2**32 + 1, 2**32 + 2)
    heard = decode(encode(long_ago, 1))
    assert heard is not None
    assert isinstance(heard[1], Report)
    assert (heard[1].late_ticks, heard[1].closures) == (1, 2)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize(("place", "content"), [(0, b"\x57"), (1, b"\x44"), (2, b"\x01"), (2, b"\x02"), (2, b"\x04"), (2, b"\x00"), (3, b"\x08"), (3, b"\x00")])
def test_another_magic_version_or_kind_is_no_message(message, place, content):
    """T-RPC: fixed-size, versioned messages; what is not exactly ours is ignored."""
    whole = encode(message, 1)
    assert decode(whole[:place] + content + whole[place + 1:]) is None


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_of_another_size_is_none(message):
    """T-RPC: 64 bytes, not 63 and not 65."""
    whole = encode(message, 1)
    assert decode(whole[:-1]) is None
    assert decode(whole + b"\0") is None
    assert decode(b"") is None


@pytest.mark.parametrize(("connector_id", "fine"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_a_connector_is_one_of_a_thousand(connector_id, fine):
    """T-RPC: range-checked."""
    assert (decode(encode(Withdraw(connector_id), 1)) is not None) is fine


@pytest.mark.parametrize(("amperes", "valid_for_s", "fine"), [
    (0.0, 10.0, True), (1000.0, 60.0, True), (0.0, 0.0, True), (-0.001, 10.0, False), (1000.001, 10.0, False),
    (16.0, -0.001, False), (16.0, 60.001, False), (math.nan, 10.0, False), (16.0, math.nan, False), (math.inf, 10.0, False),
    (16.0, math.inf, False), (-math.inf, 10.0, False),
])
def test_an_offer_is_range_checked(amperes, valid_for_s, fine):
    """T-RPC, T-OVERPWR: no offer of NaN, none for ever."""
    assert (decode(encode(Offer(1, amperes, valid_for_s), 1)) is not None) is fine


@pytest.mark.parametrize(("phases", "fine"), [(0, False), (1, True), (2, False), (3, True), (4, False)])
def test_an_offer_is_for_one_phase_or_three(phases, fine):
    """T-RPC: there is nothing else to switch to."""
    assert (decode(encode(Offer(1, 16.0, 10.0, phases), 1)) is not None) is fine


@pytest.mark.parametrize(("phases", "fine"), [(0, True), (1, True), (2, False), (3, True), (4, False)])
def test_a_report_tells_of_one_phase_three_or_no_switch(phases, fine):
    """T-RPC: range-checked like every number."""
    report = Report(1, Pilot.A, 1.0, 0.0, False, False, LockState.NONE, frozenset(), 32.0, 0, 0, phases)
    assert (decode(encode(report, 1)) is not None) is fine


@pytest.mark.parametrize(("rests", "fine"), [(0, True), (1, True), (2, False)])
def test_power_is_kept_back_or_not(rests, fine):
    """T-RPC: a byte is a yes, a no, or no message."""
    content = encode(REPORT, 1)
    assert (decode(content[:53] + bytes([rests]) + content[54:]) is not None) is fine


@pytest.mark.parametrize(("temperature_c", "fine"), [(None, True), (-100.0, True), (300.0, True), (-100.5, False), (300.5, False), (math.inf, False)])
def test_a_temperature_is_one_that_can_be_or_none(temperature_c, fine):
    """T-RPC: range-checked; no sensor, no number."""
    report = msgspec.structs.replace(REPORT, temperature_c=temperature_c)
    heard = decode(encode(report, 1))
    assert heard == ((1, report) if fine else None)


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize(("number", "fine"), [(1000.0, True), (-1000.0, True), (1000.001, False), (-1000.001, False),
                                              (math.nan, False), (math.inf, False), (-math.inf, False)])
def test_a_measurement_is_range_checked(place, number, fine):
    """T-RPC: each of the six numbers."""
    numbers = [0.0] * 6
    numbers[place] = number
    first, second, third, fourth, fifth, sixth = numbers
    content = encode(Measured(1, (first, second, third), (fourth, fifth, sixth)), 1)
    assert (decode(content) is not None) is fine


@pytest.mark.parametrize("message", [SetLock(1, False), SetLock(1, True)])
def test_a_bolt_is_in_or_out(message):
    """T-RPC: a third wish is no message."""
    assert decode(encode(message, 1)) == (1, message)
    broken = bytearray(encode(message, 1))
    broken[6] = 2
    assert decode(bytes(broken)) is None


@pytest.mark.parametrize("kind", list(FaultKind))
@pytest.mark.parametrize("message", [SetLatch, ClearLatch])
def test_every_fault_can_be_named(message, kind):
    """F-WELD: the catalogue's order is the protocol."""
    assert decode(encode(message(1, kind), 1)) == (1, message(1, kind))


@pytest.mark.parametrize("message", [SetLatch, ClearLatch])
def test_a_fault_that_is_not_in_the_catalogue_is_no_message(message):
    """T-RPC: a newer controller may know faults that we do not."""
    broken = bytearray(encode(message(1, FaultKind.OTHER), 1))
    broken[6] = len(FaultKind)
    assert decode(bytes(broken)) is None


@pytest.mark.parametrize(("offset", "content", "fine"), [
    (36, bytes([len(Pilot) - 1]), True), (36, bytes([len(Pilot)]), False), (37, bytes([len(LockState) - 1]), True),
    (37, bytes([len(LockState)]), False), (38, b"\1", True), (38, b"\2", False), (39, b"\1", True), (39, b"\2", False),
    (40, struct.pack("<I", (1 << len(FaultKind)) - 1), True), (40, struct.pack("<I", 1 << len(FaultKind)), False),
    (12, struct.pack("<d", 1.0), True), (12, struct.pack("<d", 1.001), False), (12, struct.pack("<d", -0.001), False),
    (12, struct.pack("<d", 0.0), True), (12, struct.pack("<d", math.nan), False),
    (20, struct.pack("<d", 1000.0), True), (20, struct.pack("<d", 1000.1), False), (20, struct.pack("<d", -0.1), False),
    (20, struct.pack("<d", 0.0), True), (28, struct.pack("<d", 1000.0), True), (28, struct.pack("<d", 1000.1), False),
    (28, struct.pack("<d", -0.1), False), (28, struct.pack("<d", 0.0), True),
])
def test_a_report_is_range_checked(offset, content, fine):
    """T-RPC: the controller does not believe everything either."""
    whole = encode(REPORT, 1)
    assert (decode(whole[:offset] + content + whole[offset + len(content):]) is not None) is fine


# -- whatever is said or sent: last, for they take longest -------------------------------------------------------------------


@QUIET
@given(st.one_of(to_guard, reports), counters)
def test_what_is_said_is_what_is_heard(message, sequence):
    """T-RPC: every message survives the link to the last bit, in 64 bytes."""
    content = encode(message, sequence)
    assert len(content) == SIZE == 64
    assert decode(content) == (sequence, message)


@QUIET
@given(st.binary(max_size=130))
def test_garbage_is_no_message(content):
    """T-RPC: bytes that are not ours give None, whatever they are; nothing raises."""
    assert decode(content) is None


def in_range(message: ToGuard | FromGuard) -> bool:
    """Whether every number of a decoded message is one that may be acted on."""
    match message:
        case Offer():
            numbers = 0 <= message.max_current_a <= 1000 and 0 <= message.valid_for_s <= 60
        case Measured():
            numbers = all(abs(number) <= 1000 for number in (*message.current_a, *message.voltage_v))
        case Report():
            numbers = 0 <= message.duty <= 1 and 0 <= message.offered_a <= 1000 and 0 <= message.cable_a <= 1000
        case _:
            numbers = True
    return numbers and 1 <= message.connector_id <= 1000


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(st.integers(0, 8), st.integers(0, 2**16 - 1), st.integers(0, 30), st.binary(min_size=56, max_size=56))
def test_any_body_behind_a_good_head_is_in_range_or_no_message(kind, connector_id, flags, body):
    """T-RPC: 64 bytes from a compromised controller never become a number out of range."""
    content = struct.pack("<HBBHH", MAGIC, VERSION, kind, connector_id, flags) + body
    assert len(content) == SIZE
    answer = decode(content)
    assert answer is None or in_range(answer[1])
