"""Contactor and bolt. Nothing here energises anything without EVCP_HW_ENERGISE=yes, nothing moves without EVCP_HW_MOVE_BOLT=yes."""

import time

import pytest
from board import allowed, kept_alive

from drivers.protocols import LockState
from tests.contracts.guard_devices import ContactorContract, LockContract, PhaseSwitchContract

CYCLES, REST_S = 10, 1.0
BOLT_S = 1.0
CLOSES_WITHIN_S, OPENS_WITHIN_S = 0.100, 0.030 + 0.010
"""The part is chosen to open in 30 ms (faults-and-threats 5); the contact is looked at every millisecond."""


def test_the_contact_says_open_before_anybody_closes_it(board):
    """Read only: a weld, a broken feedback wire or the wrong kind of contact shows here (F-WELD)."""
    with board.device("contactor") as contactor:
        feedback = contactor.feedback()
    if feedback is None:
        pytest.skip("no feedback contact is configured: EVCP_HW_CONFIG names no feedback_pin")
    assert feedback is False


class TestRealContactor(ContactorContract):
    """The contract, with the coil."""

    @pytest.fixture
    def device(self, board):
        """Open again in the end, whatever happens."""
        allowed("EVCP_HW_ENERGISE", "this closes the contactor; disconnect the mains or the load first")
        if "feedback_pin" not in board.options("contactor"):
            pytest.skip("no feedback contact is configured: EVCP_HW_CONFIG names no feedback_pin")
        with board.device("contactor") as contactor, kept_alive(contactor):
            contactor.set(False)
            time.sleep(0.2)
            yield contactor

    def test_it_closes_and_opens_in_its_time(self, device, told_as_spread):
        """Ten times, by the feedback contact (iec61851 7)."""
        took: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(CYCLES):
            for closed in (True, False):
                began_s = time.monotonic()
                device.set(closed)
                while device.feedback() is not closed and time.monotonic() - began_s < 1.0:
                    time.sleep(0.001)
                took[closed].append(time.monotonic() - began_s)
                time.sleep(REST_S)
        told_as_spread("closes", took[True])
        told_as_spread("opens", took[False])
        assert max(took[True]) <= CLOSES_WITHIN_S
        assert max(took[False]) <= OPENS_WITHIN_S


class TestRealPhaseSwitch(PhaseSwitchContract):
    """The contract, with the coil of L2 and L3; the main contactor is open all the while."""

    @pytest.fixture
    def device(self, board):
        """One phase again in the end, whatever happens."""
        allowed("EVCP_HW_ENERGISE", "this switches the contactor of L2 and L3; disconnect the mains or the load first")
        if "feedback_pin" not in board.options("phase_switch"):
            pytest.skip("no mirror contact is configured: EVCP_HW_CONFIG names no feedback_pin")
        with board.device("contactor") as contactor:
            contactor.set(False)
            time.sleep(0.2)
            assert contactor.feedback() in (False, None), "the main contactor is closed"
            with board.device("phase_switch") as switch:
                yield switch


class TestRealLock(LockContract):
    """The contract; the bolt is left out."""

    @pytest.fixture
    def device(self, board):
        """Out at the beginning and at the end."""
        allowed("EVCP_HW_MOVE_BOLT", "this moves the bolt of the socket; keep fingers and cables out of it")
        with board.device("lock") as lock:
            self._out(lock)
            yield lock
        with board.device("lock") as lock:
            self._out(lock)

    @staticmethod
    def _out(lock):
        if lock.state() is not LockState.UNLOCKED:
            lock.unlock()
            time.sleep(BOLT_S)
            lock.state()
