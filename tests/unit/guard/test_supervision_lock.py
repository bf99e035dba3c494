"""The bolt's watch: moved where it is wished, three times if need be (iec61851.md 6)."""

import pytest

from controller.guard.supervision import LockWatch
from drivers.protocols import LockState

LOCKED, UNLOCKED, MOVING, NONE = LockState.LOCKED, LockState.UNLOCKED, LockState.MOVING, LockState.NONE


@pytest.mark.parametrize("state", list(LockState))
def test_without_a_wish_the_bolt_is_left_alone(state):
    """10: lock untouched at boot; a guard that starts anew may find a car behind it."""
    watch = LockWatch()
    for now_s in (0.0, 1.0, 2.0, 3.0, 4.0):
        assert watch.look(state, may_unlock=True, now_s=now_s) is None
    assert (watch.wish_locked, watch.not_locked, watch.not_unlocked) == (None, False, False)


@pytest.mark.parametrize(("wish", "state"), [(True, LOCKED), (False, UNLOCKED), (True, NONE), (False, NONE)])
def test_a_bolt_that_is_where_it_should_be_is_not_moved(wish, state):
    """6: nor one that is not there."""
    watch = LockWatch()
    watch.wish(locked=wish)
    assert watch.look(state, may_unlock=True, now_s=0.0) is None
    assert not watch.restless


@pytest.mark.parametrize(("wish", "state"), [(True, UNLOCKED), (True, MOVING), (False, LOCKED), (False, MOVING)])
def test_a_bolt_is_tried_three_times(wish, state):
    """6: retry 3 times, then the fault of that direction, and of that only."""
    watch = LockWatch()
    watch.wish(locked=wish)
    for now_s in (-1.6, -0.8, 0.0):
        assert watch.look(state, may_unlock=True, now_s=now_s) is wish
        assert watch.restless
        assert watch.look(state, may_unlock=True, now_s=now_s + 0.799) is None
        assert (watch.not_locked, watch.not_unlocked) == (False, False)
    assert watch.look(state, may_unlock=True, now_s=0.8) is None
    assert (watch.not_locked, watch.not_unlocked) == (wish, not wish)
    assert watch.look(state, may_unlock=True, now_s=100.0) is None


def test_a_bolt_that_arrives_late_ends_the_fault():
    """6: what counts is where the bolt is."""
    watch = LockWatch()
    watch.wish(locked=False)
    for now_s in (0.0, 1.0, 2.0, 3.0):
        watch.look(LOCKED, may_unlock=True, now_s=now_s)
    assert watch.not_unlocked
    watch.look(UNLOCKED, may_unlock=True, now_s=4.0)
    assert (watch.not_locked, watch.not_unlocked, watch.restless) == (False, False, False)
    for now_s in (5.0, 6.0, 7.0):
        assert watch.look(LOCKED, may_unlock=True, now_s=now_s) is False, "and three new tries"
    assert watch.look(LOCKED, may_unlock=True, now_s=8.0) is None
    assert watch.not_unlocked


def test_a_repeated_wish_tries_anew():
    """6: each UnlockConnector is worth three tries."""
    watch = LockWatch()
    for _ in range(2):
        watch.wish(locked=False)
        assert (watch.not_locked, watch.not_unlocked, watch.restless) == (False, False, False)
        for now_s in (0.0, 1.0, 2.0):
            assert watch.look(LOCKED, may_unlock=True, now_s=now_s) is False
        watch.look(LOCKED, may_unlock=True, now_s=3.0)
        assert watch.not_unlocked
    watch.wish(locked=True)
    for now_s in (0.0, 1.0, 2.0, 3.0):
        watch.look(UNLOCKED, may_unlock=True, now_s=now_s)
    assert (watch.not_locked, watch.not_unlocked) == (True, False)
    watch.wish(locked=True)
    assert not watch.not_locked


def test_nothing_is_wrong_before_the_first_wish():
    """6: no fault and no move."""
    watch = LockWatch()
    assert (watch.not_locked, watch.not_unlocked, watch.restless) == (False, False, False)


@pytest.mark.parametrize("wish", [True, False])
def test_a_wish_that_is_repeated_while_the_bolt_moves_is_no_new_one(wish):
    """6: three tries, however often the controller says the same in between."""
    watch = LockWatch()
    watch.wish(locked=wish)
    for now_s in (0.0, 1.0, 2.0):
        assert watch.look(MOVING, may_unlock=True, now_s=now_s) is wish
        watch.wish(locked=wish)
        assert watch.look(MOVING, may_unlock=True, now_s=now_s + 0.1) is None
    assert watch.look(MOVING, may_unlock=True, now_s=3.0) is None
    assert (watch.not_locked, watch.not_unlocked) == (wish, not wish)


def test_a_wish_does_not_wait_for_the_last_move():
    """6: who wants the bolt in again does not wait until it is out."""
    watch = LockWatch()
    watch.wish(locked=False)
    assert watch.look(LOCKED, may_unlock=True, now_s=0.0) is False
    watch.wish(locked=True)
    assert watch.look(MOVING, may_unlock=True, now_s=0.01) is True


def test_the_bolt_stays_in_while_it_may_not_open():
    """6: never unlock while the contactor may be closed; that is no failed try. Locking needs no permission."""
    watch = LockWatch()
    watch.wish(locked=False)
    for now_s in (0.0, 1.0, 2.0, 3.0, 4.0):
        assert watch.look(LOCKED, may_unlock=False, now_s=now_s) is None
    assert not watch.not_unlocked
    assert watch.look(LOCKED, may_unlock=True, now_s=5.0) is False
    watch.wish(locked=True)
    assert watch.look(UNLOCKED, may_unlock=False, now_s=6.0) is True


def test_a_bolt_that_could_not_hold_its_plug_is_left_alone_when_that_is_gone():
    """Contract 3, `lock` clears by unplugging: without a plug there is nothing to lock."""
    watch = LockWatch()
    watch.wish(locked=True)
    for now_s in (0.0, 1.0, 2.0, 3.0):
        watch.look(UNLOCKED, may_unlock=True, now_s=now_s)
    assert watch.not_locked
    watch.unplugged()
    assert (watch.not_locked, watch.wish_locked) == (False, None)
    assert watch.look(UNLOCKED, may_unlock=True, now_s=4.0) is None


@pytest.mark.parametrize("wish", [True, False])
def test_unplugging_does_not_change_what_is_wished(wish):
    """TXN-15, TXN-16: whether the bolt stays in after the car has gone is the controller's choice."""
    watch = LockWatch()
    watch.wish(locked=wish)
    watch.unplugged()
    assert watch.wish_locked is wish
