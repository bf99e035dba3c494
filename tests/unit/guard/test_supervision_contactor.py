"""The contactor's watch: weld, no-close, rest, flapping cars (iec61851.md 4.2 and 7, F-WELD, F-NOCLOSE)."""

import pytest

from controller.guard.supervision import ContactorWatch


class Contact:
    """A contactor and its watch; looked at every 10 ms, time begins at 0."""

    def __init__(self) -> None:
        self.watch = ContactorWatch()
        self.tick = 0

    @property
    def now_s(self) -> float:
        return self.tick / 100

    def look(self, seconds: float, *, coil: bool, feedback: bool | None, current_a: float = 0.0) -> None:
        """Look for a while."""
        for _ in range(round(seconds * 100)):
            self.watch.look(coil=coil, feedback=feedback, measured=(current_a, self.now_s), now_s=self.now_s)
            self.tick += 1

    def rest(self, seconds: float = 1.5) -> None:
        self.look(seconds, coil=False, feedback=False)

    def close(self, seconds: float = 1.0, *, contact: bool = True) -> None:
        self.look(seconds, coil=True, feedback=contact)

    @property
    def may_close(self) -> bool:
        return self.watch.may_close(self.now_s)


@pytest.mark.parametrize("open_contact", [False, None], ids=["feedback open", "no feedback wired"])
def test_a_contact_that_is_seen_open_may_close(open_contact):
    """10: the weld check comes before the first offer; where no feedback is wired there is nothing to check."""
    contact = Contact()
    assert not contact.watch.proved_open
    assert not contact.may_close
    contact.look(0.01, coil=False, feedback=open_contact)
    assert contact.watch.proved_open
    assert contact.may_close


def test_a_contact_that_is_closed_at_the_start_is_not_proved_open():
    """10: before the first offer the contact must have been seen open; then once is enough."""
    contact = Contact()
    contact.look(0.3, coil=False, feedback=True)
    assert not contact.watch.proved_open
    assert not contact.may_close
    contact.look(0.01, coil=False, feedback=False)
    assert contact.watch.proved_open
    contact.look(0.1, coil=False, feedback=True)
    assert contact.watch.proved_open
    assert not contact.may_close, "closed by itself just now"


def test_a_coil_that_is_on_proves_nothing():
    """10: closed is not open."""
    contact = Contact()
    contact.close()
    assert not contact.watch.proved_open
    contact.rest()
    contact.close()
    assert contact.watch.proved_open, "and what was proved once is not forgotten"


@pytest.mark.parametrize(("seconds", "welded"), [(0.5, False), (0.52, True)])
def test_a_contact_that_stays_closed_for_half_a_second_is_welded(seconds, welded):
    """F-WELD: feedback closed while commanded open for 500 ms."""
    contact = Contact()
    contact.rest()
    contact.close()
    contact.look(seconds, coil=False, feedback=True)
    assert contact.watch.welded is welded


def test_the_half_second_of_a_weld_is_met_exactly():
    """F-WELD: 500 ms, not a cycle more."""
    watch = ContactorWatch()
    for now_s, welded in ((0.0, False), (0.499, False), (0.5, True), (0.6, True)):
        watch.look(coil=False, feedback=True, measured=(0.0, now_s), now_s=now_s)
        assert watch.welded is welded
    watch.look(coil=False, feedback=False, measured=(0.0, 0.7), now_s=0.7)
    assert not watch.welded
    watch.look(coil=False, feedback=True, measured=(0.0, 0.8), now_s=0.8)
    assert not watch.welded, "each time has its own half second"


@pytest.mark.parametrize(("current_a", "welded"), [(0.501, True), (0.5, False), (0.0, False)])
@pytest.mark.parametrize("feedback", [False, None])
def test_a_current_through_an_open_contactor_is_a_weld(current_a, welded, feedback):
    """F-WELD: or current above 0.5 A; a broken or missing feedback does not hide it."""
    contact = Contact()
    contact.rest()
    contact.close()
    contact.look(2.0, coil=False, feedback=feedback, current_a=16.0)
    assert not contact.watch.welded, "a meter lags two seconds at most"
    contact.look(0.6, coil=False, feedback=feedback, current_a=current_a)
    assert contact.watch.welded is welded


@pytest.mark.parametrize(("now_s", "welded"), [(2.0, False), (2.4, False), (2.6, True)])
def test_a_current_is_a_weld_half_a_second_after_the_meter_must_have_seen_the_end(now_s, welded):
    """F-WELD: 2 s for the meter to follow, then 500 ms."""
    watch = ContactorWatch()
    watch.look(coil=True, feedback=None, measured=(16.0, -1.0), now_s=-1.0)
    watch.look(coil=False, feedback=None, measured=(16.0, 0.0), now_s=0.0)
    watch.look(coil=False, feedback=None, measured=(16.0, 2.0), now_s=2.0)
    watch.look(coil=False, feedback=None, measured=(16.0, 2.01), now_s=2.01)
    watch.look(coil=False, feedback=None, measured=(16.0, now_s), now_s=now_s)
    assert watch.welded is welded


def test_a_current_from_before_the_opening_is_no_weld():
    """F-WELD: a meter that falls silent when the contactor opens, its supply gone too, does not call for a technician."""
    watch = ContactorWatch()
    watch.look(coil=True, feedback=True, measured=(16.0, -0.1), now_s=-0.1)
    for now_s in (0.0, 1.0, 3.0, 4.0, 4.9):
        watch.look(coil=False, feedback=False, measured=(16.0, 1.9), now_s=now_s)
        assert not watch.welded


def test_a_current_that_the_meter_saw_just_two_seconds_after_is_no_weld():
    """F-WELD: a meter may lag by two seconds, these included."""
    watch = ContactorWatch()
    watch.look(coil=True, feedback=None, measured=(16.0, -1.0), now_s=-1.0)
    for now_s in (0.0, 2.0, 3.0):
        watch.look(coil=False, feedback=None, measured=(16.0, 2.0), now_s=now_s)
        assert not watch.welded


def test_nothing_is_wrong_before_the_first_look():
    """10: and the first look begins every count at its own time."""
    watch = ContactorWatch()
    assert (watch.welded, watch.failed, watch.must_release, watch.proved_open) == (False, False, False, False)
    watch.look(coil=False, feedback=True, measured=None, now_s=100.0)
    assert not watch.welded
    watch = ContactorWatch()
    watch.look(coil=True, feedback=False, measured=None, now_s=100.0)
    assert not watch.must_release


def test_a_contact_that_closes_late_is_not_welded_at_once():
    """F-WELD: what was odd while the coil was on is not counted after it was released."""
    watch = ContactorWatch()
    watch.look(coil=True, feedback=False, measured=None, now_s=0.0)
    watch.look(coil=True, feedback=False, measured=None, now_s=0.4)
    for now_s, welded in ((0.41, False), (0.6, False), (0.9, False), (0.91, True)):
        watch.look(coil=False, feedback=True, measured=None, now_s=now_s)
        assert watch.welded is welded


def test_a_contact_that_does_not_close_gets_one_more_try():
    """F-NOCLOSE: coil off after 1 s, one retry 1 s later, then failed; at most 3.5 s in all."""
    contact = Contact()
    contact.rest()
    began_s = contact.now_s
    contact.close(1.0, contact=False)
    assert not contact.watch.must_release
    contact.close(0.02, contact=False)
    assert contact.watch.must_release
    assert not contact.watch.failed
    contact.rest(0.99)
    assert not contact.watch.must_release
    assert not contact.may_close
    contact.rest(0.02)
    assert contact.may_close
    contact.close(1.02, contact=False)
    assert contact.watch.must_release
    assert contact.watch.failed
    contact.rest(60)
    assert not contact.may_close
    assert contact.now_s - 60 - began_s <= 3.5


def test_the_second_without_contact_is_met_exactly():
    """F-NOCLOSE: 1 s, counted from the first look that missed the contact."""
    watch = ContactorWatch()
    for now_s, must_release in ((0.0, False), (0.99, False), (1.0, True), (1.5, True)):
        watch.look(coil=True, feedback=False, measured=(0.0, now_s), now_s=now_s)
        assert watch.must_release is must_release
        assert not watch.failed, "looking again is no second try"


def test_a_retry_that_holds_is_forgotten():
    """F-NOCLOSE: a contact that closed at the second try and held for 5 s has its two tries again."""
    contact = Contact()
    contact.rest()
    contact.close(1.1, contact=False)
    contact.rest()
    contact.close(5.02)
    contact.close(1.1, contact=False)
    assert contact.watch.must_release
    assert not contact.watch.failed
    contact.rest()
    contact.close(1.1, contact=False)
    assert contact.watch.failed, "two tries, not three"


@pytest.mark.parametrize("held_s", [0.1, 4.9])
def test_a_retry_that_falls_open_soon_was_the_last(held_s):
    """F-NOCLOSE: a contact that chatters is not tried for ever."""
    contact = Contact()
    contact.rest()
    contact.close(1.1, contact=False)
    contact.rest()
    contact.close(held_s)
    contact.close(1.1, contact=False)
    assert contact.watch.failed


def test_the_time_a_contact_must_hold_is_counted_in_one_piece():
    """F-NOCLOSE: short contacts do not add up."""
    contact = Contact()
    contact.rest()
    contact.close(1.1, contact=False)
    contact.rest()
    for _ in range(3):
        contact.close(3.0)
        contact.close(0.1, contact=False)
    contact.close(1.1, contact=False)
    assert contact.watch.failed


def test_a_new_closing_has_a_new_time_to_hold():
    """F-NOCLOSE: what held before the coil was released does not count for the next closing."""
    watch = ContactorWatch()
    for now_s, coil, feedback in ((0.0, True, False), (1.0, True, False), (1.01, False, False), (2.1, True, True),
                                  (2.2, False, False), (6.9, True, False), (7.0, True, True), (7.2, True, False),
                                  (8.3, True, False)):
        watch.look(coil=coil, feedback=feedback, measured=(0.0, now_s), now_s=now_s)
    assert watch.failed


def test_the_time_to_hold_is_met_exactly():
    """F-NOCLOSE: 5 s."""
    for last_s, failed in ((4.99, True), (5.0, False)):
        watch = ContactorWatch()
        for now_s, coil, feedback in ((-2.0, True, False), (-1.0, True, False), (-0.5, False, False), (0.0, True, True),
                                      (last_s, True, True), (6.0, True, False), (7.0, True, False)):
            watch.look(coil=coil, feedback=feedback, measured=(0.0, now_s), now_s=now_s)
        assert watch.failed is failed


def test_no_feedback_is_no_failure():
    """7: where no feedback is wired the coil's word is all there is."""
    contact = Contact()
    contact.look(5.0, coil=True, feedback=None, current_a=16.0)
    assert not contact.watch.must_release
    contact.look(5.0, coil=False, feedback=None)
    assert not contact.watch.welded


def test_the_contactor_rests_a_second_after_opening():
    """4.2: never close within 1 s after opening."""
    contact = Contact()
    contact.rest()
    contact.close()
    contact.look(0.03, coil=False, feedback=True)
    contact.rest(0.96)
    assert not contact.may_close
    contact.rest(0.02)
    assert contact.may_close
    watch = ContactorWatch()
    watch.look(coil=True, feedback=True, measured=(0.0, -5.0), now_s=-5.0)
    watch.look(coil=False, feedback=False, measured=(0.0, 0.0), now_s=0.0)
    assert (watch.may_close(0.99), watch.may_close(1.0)) == (False, True)


def test_it_tells_how_long_the_coil_is_off():
    """6: before the bolt may open without feedback."""
    watch = ContactorWatch()
    assert watch.off_for_s(1.0) == float("inf")
    watch.look(coil=True, feedback=None, measured=(0.0, 1.0), now_s=1.0)
    assert watch.off_for_s(5.0) == 0.0
    watch.look(coil=False, feedback=None, measured=(0.0, 6.0), now_s=6.0)
    assert watch.off_for_s(6.25) == 0.25


# -- cars that flap --------------------------------------------------------------------------------------------------------------


def flap(contact: Contact, times: int, *, pause_s: float = 2.0) -> None:
    """So many closings, one every `pause_s` + 1 seconds."""
    for _ in range(times):
        contact.close(1.0)
        contact.rest(pause_s)


def test_the_sixth_closing_within_a_minute_locks_out():
    """4.2: more than 5 closures in 60 s lock closing out for 60 s."""
    contact = Contact()
    contact.rest()
    flap(contact, 5)
    assert contact.may_close
    flap(contact, 1)
    assert not contact.may_close
    assert contact.watch.closures == 6
    contact.rest(56.9)
    assert not contact.may_close
    contact.rest(0.2)
    assert contact.may_close


def test_six_closings_in_more_than_a_minute_are_no_flapping():
    """4.2: the window is 60 s."""
    contact = Contact()
    contact.rest()
    flap(contact, 8, pause_s=11.1)
    assert contact.may_close


@pytest.mark.parametrize(("last_s", "locked"), [(60.0, True), (60.01, False)])
def test_the_minute_of_a_flapping_car_is_met_exactly(last_s, locked):
    """4.2: 60 s between the first closing and the sixth."""
    watch = ContactorWatch()
    for now_s in (0.0, 10.0, 20.0, 30.0, 40.0, last_s):
        watch.look(coil=True, feedback=True, measured=(0.0, now_s), now_s=now_s)
        watch.look(coil=False, feedback=False, measured=(0.0, now_s + 1), now_s=now_s + 1)
    assert watch.may_close(last_s + 59.99) is not locked
    assert watch.may_close(last_s + 60.0)


def test_a_lock_out_is_told_once_with_its_length():
    """4.2: the warning "EV oscillates" goes out in the look that begins it; nothing else counts as one."""
    watch, told_s = ContactorWatch(), []
    for now_s in (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 80.0, 82.0, 84.0, 86.0, 88.0, 90.0):
        told_s += [watch.look(coil=True, feedback=True, measured=None, now_s=now_s),
                   watch.look(coil=True, feedback=True, measured=None, now_s=now_s + 0.5),
                   watch.look(coil=False, feedback=False, measured=None, now_s=now_s + 1)]
    assert told_s == [*[0.0] * 15, 60.0, *[0.0] * 17, 120.0, 0.0, 0.0]


def test_only_the_last_six_closings_count():
    """4.2: a closing long ago does not hide a car that flaps now."""
    watch = ContactorWatch()
    for now_s in (-100.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0):
        watch.look(coil=True, feedback=True, measured=None, now_s=now_s)
        watch.look(coil=False, feedback=False, measured=None, now_s=now_s + 1)
    assert not watch.may_close(30.0)


def test_each_lock_out_is_twice_as_long_up_to_a_quarter_of_an_hour():
    """4.2: 60 s, doubling to 15 min."""
    contact = Contact()
    contact.rest()
    for lockout_s in (60, 120, 240, 480, 900, 900):
        flap(contact, 6)
        contact.tick += (lockout_s - 4) * 100
        assert not contact.may_close, lockout_s
        contact.tick += 200
        assert contact.may_close, lockout_s


def test_a_lock_out_begins_the_count_anew():
    """4.2: the closings before it do not count again."""
    contact = Contact()
    contact.rest()
    flap(contact, 6)
    contact.rest(60)
    flap(contact, 5)
    assert contact.may_close


def test_a_new_car_begins_with_a_clean_slate():
    """4.2: per plug-in; F-NOCLOSE: failed until unplugged."""
    contact = Contact()
    contact.rest()
    flap(contact, 6)
    contact.watch.unplugged()
    assert contact.may_close
    flap(contact, 5)
    contact.watch.unplugged()
    flap(contact, 5)
    assert contact.may_close, "closings of the last car do not count"
    flap(contact, 1)
    contact.rest(58)
    assert contact.may_close, "nor does the length of its lock-out"
    contact.close(1.1, contact=False)
    contact.watch.unplugged()
    contact.rest()
    contact.close(1.1, contact=False)
    assert not contact.watch.failed, "nor its failed try"
    contact.rest()
    contact.close(1.1, contact=False)
    assert contact.watch.failed
    contact.watch.unplugged()
    contact.rest()
    assert contact.may_close


def test_every_closing_of_the_contactor_is_counted():
    """4.2: for the persistent counter."""
    contact = Contact()
    assert contact.watch.closures == 0
    contact.rest()
    flap(contact, 3)
    assert contact.watch.closures == 3


def test_it_is_restless_while_something_is_timed():
    """A runner in virtual time may skip the quiet, but not while a weld or a missing contact is being timed."""
    contact = Contact()
    contact.rest()
    assert not contact.watch.restless(contact.now_s)
    watch = ContactorWatch()
    watch.look(coil=True, feedback=True, measured=None, now_s=0.0)
    assert (watch.restless(2.099), watch.restless(2.1)) == (True, False)
    contact.close(0.01)
    assert contact.watch.restless(contact.now_s + 2.05)
    assert not contact.watch.restless(contact.now_s + 2.15)
    contact.close(3.0)
    assert not contact.watch.restless(contact.now_s)
    contact.close(0.02, contact=False)
    assert contact.watch.restless(contact.now_s)
