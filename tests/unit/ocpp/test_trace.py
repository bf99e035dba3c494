"""The ring of the last frames: bounded, without passwords, with nothing lost silently."""

import tracemalloc

import pytest

from controller.clock import Instant
from controller.ocpp import trace as module
from controller.ocpp.trace import LONGEST, MOST_CHARACTERS, MOST_FRAMES, Trace
from tests.unit.station.conversation import START

AT = Instant(100.0, START)
SECRET = "4F43415F4F4354545F61646D696E5F74657374"


def noted(*texts: str | bytes) -> Trace:
    """These frames, received."""
    trace = Trace()
    for text in texts:
        trace.note(text, AT, sent=False)
    return trace


def test_the_last_frames_are_kept_in_order_with_their_numbers():
    """A gap in the numbers tells whoever follows that frames were not seen."""
    trace = noted(*(f"[{number}]" for number in range(MOST_FRAMES + 10)))
    frames = list(trace.last(10_000))
    assert len(frames) == MOST_FRAMES
    assert [frame.number for frame in frames] == list(range(11, MOST_FRAMES + 11))
    assert [frame.text for frame in trace.last(2)] == [f"[{MOST_FRAMES + 8}]", f"[{MOST_FRAMES + 9}]"]


@pytest.mark.parametrize(("limit", "after", "found"), [(10, None, [1, 2, 3]), (2, None, [2, 3]), (10, 1, [2, 3]), (1, 1, [3]),
                                                       (10, 3, []), (10, 99, []), (0, None, [])])
def test_only_what_was_asked_for_is_given(limit, after, found):
    """The newest of those behind a number, the oldest first."""
    assert [frame.number for frame in noted("a", "b", "c").last(limit, after)] == found


def test_memory_is_bounded_whatever_a_central_system_sends():
    """Long frames are cut, and push older ones out (T-DOS)."""
    tracemalloc.start()
    try:
        trace = noted(*("x" * 200_000 for _ in range(MOST_FRAMES)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    frames = list(trace.last(10_000))
    assert sum(len(frame.text) for frame in frames) <= MOST_CHARACTERS
    assert {len(frame.text) for frame in frames} == {LONGEST}
    assert held < 3 * MOST_CHARACTERS


def test_an_ordinary_frame_is_kept_whole():
    """What fits is not touched before somebody looks."""
    text = "y" * LONGEST
    assert [frame.text for frame in noted(text).last(1)] == [text]


@pytest.mark.parametrize("padding", [0, LONGEST], ids=["short", "cut"])
def test_no_password_is_shown_also_not_of_a_frame_that_is_cut(padding):
    """The word that gives it away may lie behind the cut (T-SECRETS, SEC-10)."""
    text = f'[2,"1","ChangeConfiguration",{{"value":"{SECRET}","x":"{"z" * padding}","key":"AuthorizationKey"}}]'
    (frame,) = noted(text).last(1)
    assert SECRET not in frame.shown
    assert '"value":"***"' in frame.shown


def test_a_binary_frame_is_told_by_its_size():
    """Its bytes say nothing to anybody."""
    assert [frame.shown for frame in noted(b"\x00\xff").last(1)] == ["2 binary bytes"]


def test_when_the_last_frame_went_each_way_is_known():
    """Also after it has left the ring."""
    trace = Trace()
    assert (trace.last_sent, trace.last_received) == (None, None)
    trace.note("a", AT, sent=True)
    trace.note("b", AT.moved(5), sent=False)
    assert (trace.last_sent, trace.last_received) == (AT, AT.moved(5))


def test_the_bounds_are_what_a_small_machine_can_spare():
    """Half a megabyte of text at most."""
    assert module.MOST_CHARACTERS <= 512 * 1024
