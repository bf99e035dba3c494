"""Whatever the central system sends: never an exception, one answer per CALL, memory that stays small (F-GARB, T-PARSE)."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.events import CallAnswered, CallFailed, CallReceived
from controller.ocpp.messages import FROM_CENTRAL_SYSTEM, REQUESTS, core
from controller.ocpp.session import (
    MAX_IN_PROCESS,
    REMEMBERED_ANSWERS,
    REMEMBERED_TIMEOUTS,
    Ignored,
    Received,
    Session,
    Transmit,
)

FRAMES = [
    '[2,"19","Reset",{"type":"Hard"}]',
    ('[2,"a4c1","RemoteStartTransaction",{"connectorId":1,"idTag":"04A1B2C3","chargingProfile":{"chargingProfileId":1,'
    '"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":'
    '{"chargingRateUnit":"A","minChargingRate":8.1,"chargingSchedulePeriod":[{"startPeriod":0,"limit":16.0}]}}}]'),
    '[2,"x","ReserveNow",{"connectorId":0,"expiryDate":"2026-03-01T12:00:00.5+01:00","idTag":"A","reservationId":-1}]',
    ('[2,"y","SendLocalList",{"listVersion":2,"updateType":"Full","localAuthorizationList":[{"idTag":"A","idTagInfo":'
    '{"status":"Accepted","expiryDate":"2026-03-01T12:00:00Z"}}]}]'),
    '[2,"z","GetConfiguration",{"key":["HeartbeatInterval"]}]',
    '[3,"ours",{"currentTime":"2026-03-01T12:00:00Z"}]',
    '[4,"ours","GenericError","what",{"a":[1]}]',
]
TOKENS = [
    "", ",", "[", "]", "{", "}", '"', "\\", ":", "null", "NaN", "-Infinity", "true", "0", "-", "1e999", "1e-999", "9" * 400, "2", "3",
    "4", "5", '"\\ud800"', "\ud800", "\x00", "\ufeff", "ü", "\U0001f525", "\\u0000", '"type":"Soft",', "[" * 3000, '{"a":' * 3000, " " * 9,
    '""', "{}", "[]", '"x"', ",,", '"19"', "1.5", "60.0", "//", "'",
]
quick = settings(derandomize=True, deadline=None, max_examples=100, database=None)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid frame in which a few stretches were replaced."""
    text = draw(st.sampled_from(FRAMES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        text = text[:start] + draw(st.sampled_from(TOKENS) | st.text(max_size=3)) + text[end:]
    return text


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8)
ANYTHING = mutated() | st.text(max_size=60) | st.binary(max_size=60) | JSON.map(json.dumps)


def listening(*, compat: bool) -> Session:
    """A session with a Heartbeat in flight under the id that the answers among the frames have."""
    session = Session(compat=compat)
    session.call("ours", core.HeartbeatReq(), 30.0, 0.0)
    return session


def answers(received: list[Received]) -> Iterator[Any]:
    """What goes out because of these, the station answering each CALL with an error; each checked for its shape."""
    for one in received:
        assert isinstance(one, Transmit | CallReceived | CallAnswered | CallFailed | Ignored)
        if isinstance(one, Transmit):
            frame = json.loads(one.text)
            kind, message_id, *rest = frame
            assert isinstance(message_id, str)
            assert (kind, len(frame)) in ((3, 3), (4, 5))
            if kind == 4:
                code, description, details = rest
                assert isinstance(code, str)
                assert len(description) <= 255
                assert details == {}
            yield frame


@pytest.mark.parametrize("compat", [False, True])
def test_no_frame_raises_and_every_answer_is_well_formed(compat):
    """Text, bytes, broken and valid JSON of any kind (F-GARB, RPC-1, RPC-10)."""
    @quick
    @given(st.lists(ANYTHING, max_size=20))
    def judge(frames: list[str | bytes]) -> None:
        session = listening(compat=compat)
        for frame in frames:
            received = session.receive(frame)
            assert len(list(answers(received))) <= 1
            assert len(received) <= 1

    judge()


@pytest.mark.parametrize("compat", [False, True])
def test_every_call_with_a_readable_id_is_answered_exactly_once(compat):
    """By the wire at once, or by the station later; never twice, never not at all (RPC-9, RPC-15, F-GARB)."""
    actions = st.sampled_from(sorted(REQUESTS)) | st.text(max_size=10) | JSON

    @quick
    @given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), actions, st.lists(JSON, max_size=2)), max_size=6,
                    unique_by=lambda one: one[0]))
    def judge(calls: list[tuple[str, Any, list[Any]]]) -> None:
        session = listening(compat=compat)
        for message_id, action, rest in calls:
            text = json.dumps([2, message_id, action, *rest])
            if "NaN" in text or "Infinity" in text:
                continue  # no JSON; the next test has such
            received = session.receive(text)
            sent = [*answers(received)]
            for one in received:
                if isinstance(one, CallReceived):
                    assert one.request.action in FROM_CENTRAL_SYSTEM
                    sent += answers([*session.reply_error(one.message_id, "InternalError", "")])
            assert [frame[1] for frame in sent] == [message_id], (text, sent)

    judge()


@pytest.mark.parametrize("payload", [
    "NaN", "Infinity", '{"type":NaN}', '{"type":"Hard"', '{"type":"\\ud800"}', '{"type":"\ud800"}', '{"type":1e999}', "9" * 10_000,
    '{"type":' + "9" * 10_000 + "}", "[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000, "[" * 10_000, "\x00", '{"type":"\x00"}',
    '{"' + "k" * 200_000 + '":1}', '{"type":"' + "H" * 200_000 + '"}', "{" + ",".join(f'"k{n}":1' for n in range(10_000)) + "}",
    '{"type":"Hard",}', "{'type':'Hard'}", "undefined", "", "{}{}",
], ids=lambda payload: ascii(payload)[:25])
@pytest.mark.parametrize("action", ["Reset", "GetConfiguration", "Fly"])
def test_every_notorious_payload_is_answered_under_its_id(action, payload):
    """NaN, surrogates, numbers and names without end, ten thousand levels: an error, under the id that can be read (F-GARB)."""
    received = Session().receive(f'[2,"19","{action}",{payload}]')
    ((kind, message_id, *_),) = answers(received)
    assert (kind, message_id) == (4, "19")


def test_the_memory_of_a_session_is_bounded():
    """However many frames come, whatever their size (F-GARB, F-FLOOD; faults-and-threats.md, rule 6)."""
    session = Session()
    for number in range(3000):
        session.call(f"ours-{number}", core.HeartbeatReq(), 1.0, 0.0)
        session.expire(1.0)
        session.receive(f'[2,"silent-{number}","ChangeConfiguration",{{"key":"k","value":"{"v" * 400}"}}]')
        session.receive(f'[2,"answered-{number}","ClearCache",{{}}]')
        session.reply_error(f"answered-{number}", "InternalError", "d" * 500)
        session.receive(f'[2,"wrong-{number}","{"F" * 1000}",{{}}]')
        session.receive(f'[2,"broken-{number}",')
        session.receive(f'[3,"unknown-{number}",{{}}]')
    assert len(session._timed_out) <= REMEMBERED_TIMEOUTS
    assert len(session._in_process) <= MAX_IN_PROCESS
    assert len(session._answered) <= REMEMBERED_ANSWERS
    kept = sum(sys.getsizeof(text) for _, text in session._answered.values())
    assert kept < 100_000
