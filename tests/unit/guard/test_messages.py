"""What guard and controller say to each other: values that nobody changes on the way."""

import pytest

from controller.faults import FaultKind
from controller.guard.messages import ClearLatch, Measured, Offer, Pilot, Report, SetLatch, SetLock, Withdraw
from drivers.protocols import LockState


@pytest.mark.parametrize(("state", "plugged"), [
    (Pilot.UNKNOWN, False), (Pilot.A, False), (Pilot.B, True), (Pilot.C, True), (Pilot.D, True), (Pilot.E, False), (Pilot.F, False),
])
def test_a_car_is_plugged_in_b_c_and_d(state, plugged):
    """Table A.4: E and F tell nothing about a car."""
    assert state.plugged is plugged


@pytest.mark.parametrize("message", [
    Offer(1, 16.0, 10.0), Withdraw(1), Measured(1, (0.0, 0.0, 0.0), (230.0, 230.0, 230.0)), SetLock(1, True),
    SetLatch(1, FaultKind.RCD), ClearLatch(1, FaultKind.RCD),
    Report(1, Pilot.A, 1.0, 0.0, False, False, LockState.NONE, frozenset(), 32.0),
], ids=lambda message: type(message).__name__)
def test_a_message_cannot_be_changed(message):
    """Both ends of the link in memory hold the same value: neither may change it under the other."""
    with pytest.raises(AttributeError, match="immutable"):
        message.connector_id = 2


def test_a_report_without_counts_says_none():
    """Timing 5: nothing was late and nothing has closed until it is counted."""
    report = Report(1, Pilot.A, 1.0, 0.0, False, False, LockState.NONE, frozenset(), 32.0)
    assert (report.late_ticks, report.closures) == (0, 0)
