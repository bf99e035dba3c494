"""The link's messages as bytes: fixed size, versioned, numbered, range-checked (T-RPC).

Every message is 64 bytes: magic, version, kind, connector, flags, sequence number, then numbers. What does not fit is no
message: `decode` gives None, and whoever receives counts it and goes on.
"""

import math
import struct
from collections.abc import Callable

from controller.faults import FaultKind
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

MAGIC, VERSION = 0x4556, 3
SIZE = 64
_HEAD = struct.Struct("<HBBHHI")
_SIX = struct.Struct("<6d")
_REPORT = struct.Struct("<dddBBBBIIIBBd")
MAX_CONNECTOR = 1000
MAX_A, MAX_VALID_S = 1000.0, 60.0
MIN_C, MAX_C = -100.0, 300.0
MAX_MEASURED = 1000.0
"""Amperes or volts, in either direction."""
_KINDS = list(FaultKind)
_PILOTS = list(Pilot)
_LOCKS = list(LockState)
_OFFER, _WITHDRAW, _MEASURED, _SET_LOCK, _SET_LATCH, _CLEAR_LATCH, _REPORT_KIND = range(1, 8)


def encode(message: ToGuard | FromGuard, sequence: int) -> bytes:
    """The message as 64 bytes."""
    match message:
        case Offer(connector_id, max_current_a, valid_for_s, phases):
            return _pack(_OFFER, connector_id, phases, sequence, _SIX.pack(max_current_a, valid_for_s, 0, 0, 0, 0))
        case Withdraw(connector_id):
            return _pack(_WITHDRAW, connector_id, 0, sequence)
        case Measured(connector_id, current_a, voltage_v):
            return _pack(_MEASURED, connector_id, 0, sequence, _SIX.pack(*current_a, *voltage_v))
        case SetLock(connector_id, locked):
            return _pack(_SET_LOCK, connector_id, int(locked), sequence)
        case SetLatch(connector_id, kind):
            return _pack(_SET_LATCH, connector_id, _KINDS.index(kind), sequence)
        case ClearLatch(connector_id, kind):
            return _pack(_CLEAR_LATCH, connector_id, _KINDS.index(kind), sequence)
        case Report():
            return _pack(_REPORT_KIND, message.connector_id, 0, sequence, _pack_report(message))


def _pack(kind: int, connector_id: int, flags: int, sequence: int, body: bytes = b"") -> bytes:
    head = _HEAD.pack(MAGIC, VERSION, kind, connector_id, flags, sequence & 0xFFFFFFFF)
    return (head + body).ljust(SIZE, b"\0")


def _pack_report(report: Report) -> bytes:
    bits = sum(1 << _KINDS.index(kind) for kind in report.faults)
    temperature_c = math.nan if report.temperature_c is None else report.temperature_c
    return _REPORT.pack(report.duty, report.offered_a, report.cable_a, _PILOTS.index(report.pilot),
                        _LOCKS.index(report.lock), report.coil, report.contactor_closed, bits,
                        report.late_ticks & 0xFFFFFFFF, report.closures & 0xFFFFFFFF, report.phases, report.rests, temperature_c)


def decode(content: bytes) -> tuple[int, ToGuard | FromGuard] | None:
    """Sequence number and message; None for anything that is not exactly one of ours, or out of range."""
    if len(content) != SIZE:
        return None
    magic, version, kind, connector_id, flags, sequence = _HEAD.unpack_from(content)
    if (magic, version) != (MAGIC, VERSION) or not 1 <= connector_id <= MAX_CONNECTOR or kind not in _DECODERS:
        return None
    message = _DECODERS[kind](connector_id, flags, content[_HEAD.size:])
    return None if message is None else (sequence, message)


def _offer(connector_id: int, phases: int, body: bytes) -> ToGuard | None:
    max_current_a, valid_for_s, *_ = _SIX.unpack_from(body)
    fine = _within(max_current_a, 0, MAX_A) and _within(valid_for_s, 0, MAX_VALID_S) and phases in (1, 3)
    return Offer(connector_id, max_current_a, valid_for_s, phases) if fine else None


def _withdraw(connector_id: int, _flags: int, _body: bytes) -> ToGuard | None:
    return Withdraw(connector_id)


def _measured(connector_id: int, _flags: int, body: bytes) -> ToGuard | None:
    numbers = _SIX.unpack_from(body)
    fine = all(_within(number, -MAX_MEASURED, MAX_MEASURED) for number in numbers)
    a1, a2, a3, v1, v2, v3 = numbers
    return Measured(connector_id, (a1, a2, a3), (v1, v2, v3)) if fine else None


def _set_lock(connector_id: int, flags: int, _body: bytes) -> ToGuard | None:
    return SetLock(connector_id, bool(flags)) if flags in (0, 1) else None


def _set_latch(connector_id: int, flags: int, _body: bytes) -> ToGuard | None:
    return SetLatch(connector_id, _KINDS[flags]) if flags < len(_KINDS) else None


def _clear_latch(connector_id: int, flags: int, _body: bytes) -> ToGuard | None:
    return ClearLatch(connector_id, _KINDS[flags]) if flags < len(_KINDS) else None


def _report(connector_id: int, _flags: int, body: bytes) -> FromGuard | None:
    duty, offered_a, cable_a, pilot, lock, coil, closed, bits, late, closures, phases, rests, temperature_c = _REPORT.unpack_from(body)
    fine = pilot < len(_PILOTS) and lock < len(_LOCKS) and coil < 2 and closed < 2 and bits < 1 << len(_KINDS)
    fine = fine and phases in (0, 1, 3) and rests < 2 and (math.isnan(temperature_c) or _within(temperature_c, MIN_C, MAX_C))
    if not fine or not (_within(duty, 0, 1) and _within(offered_a, 0, MAX_A) and _within(cable_a, 0, MAX_A)):
        return None
    faults = frozenset(kind for bit, kind in enumerate(_KINDS) if bits >> bit & 1)
    return Report(connector_id, _PILOTS[pilot], duty, offered_a, bool(coil), bool(closed), _LOCKS[lock], faults, cable_a,
                  late, closures, phases, bool(rests), None if math.isnan(temperature_c) else temperature_c)


def _within(number: float, lowest: float, highest: float) -> bool:
    """Whether a number is in range; one that is none is in no range."""
    return lowest <= number <= highest


_DECODERS: dict[int, Callable[[int, int, bytes], ToGuard | FromGuard | None]] = {
    _OFFER: _offer, _WITHDRAW: _withdraw, _MEASURED: _measured, _SET_LOCK: _set_lock, _SET_LATCH: _set_latch,
    _CLEAR_LATCH: _clear_latch, _REPORT_KIND: _report,
}
