"""The agenda and the step: deadlines come once, in order of time."""

from datetime import UTC, datetime

from controller.clock import Instant
from controller.station.step import Agenda, Step


def test_deadlines_come_in_order_of_time_and_only_once() -> None:
    """What has come is taken off, earliest first; what is still to come stays."""
    agenda = Agenda()
    agenda.set("boot", "retry", at_s=20.0)
    agenda.set("boot", "heartbeat", at_s=10.0)
    agenda.set("reset", "now", at_s=30.0)
    assert [event.key for event in agenda.due(25.0)] == [("boot", "heartbeat"), ("boot", "retry")]
    assert agenda.due(25.0) == []
    assert agenda.next_s() == 30.0


def test_a_deadline_set_again_replaces_the_earlier_wish() -> None:
    """One key has one deadline; a cancelled key never comes."""
    agenda = Agenda()
    agenda.set("boot", "heartbeat", at_s=10.0)
    agenda.set("boot", "heartbeat", at_s=50.0)
    assert agenda.due(10.0) == []
    agenda.cancel("boot", "heartbeat")
    assert not agenda.has("boot", "heartbeat")
    assert agenda.next_s() is None


def test_a_stamp_tells_whether_the_clock_was_trusted() -> None:
    """Stored moments keep the monotonic time and the boot, so that a date learned later can mend them (F-1970)."""
    at = Instant(12.5, datetime(1970, 1, 1, tzinfo=UTC), trusted=False)
    stamp = Step(at, "boot-7").stamp
    assert (stamp.utc, stamp.monotonic_s, stamp.boot_id, stamp.trusted) == (at.utc, 12.5, "boot-7", False)
