"""Our CALLs: one in flight, answered once, late, twice, wrongly or never."""

import json
from datetime import UTC, datetime

import pytest

from controller.events import CallAnswered, CallFailed
from controller.ocpp.messages import core
from controller.ocpp.session import REMEMBERED_TIMEOUTS, Ignored, Session
from controller.ocpp.types import AuthorizationStatus

HEARTBEAT = core.HeartbeatReq()
TIME = '{"currentTime":"2026-03-01T12:00:00Z"}'
ANSWER = core.HeartbeatConf(current_time=datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))


@pytest.fixture
def session() -> Session:
    """A session in which nothing has happened."""
    return Session()


def asked(session: Session, message_id: str = "a", at_s: float = 0.0) -> Session:
    """The session with a Heartbeat in flight that times out after 30 s."""
    session.call(message_id, HEARTBEAT, 30.0, at_s)
    return session


def test_a_call_is_four_elements_of_text(session):
    """`[2, id, action, payload]` with the bare action name and an object for a payload (RPC-1, RPC-8)."""
    assert json.loads(session.call("a", HEARTBEAT, 30.0, 0.0)) == [2, "a", "Heartbeat", {}]


def test_a_call_is_shortened_before_it_leaves(session):
    """What the schema limits is cut on the way out (RPC-13)."""
    text = session.call("a", core.BootNotificationReq(charge_point_vendor="v" * 30, charge_point_model="m"), 30.0, 0.0)
    assert json.loads(text)[3]["chargePointVendor"] == "v" * 20


def test_the_answer_with_the_same_id_is_the_answer(session):
    """It belongs to the CALL in flight, which is over then (RPC-7)."""
    assert asked(session).receive(f'[3,"a",{TIME}]') == [CallAnswered("a", ANSWER)]
    assert session.in_flight is None
    assert session.next_deadline_s() is None


def test_a_refusal_fails_the_call_with_its_code(session):
    """Whatever the code, also one that OCPP 1.6 does not know (central-systems.md, crossing calls)."""
    assert asked(session).receive('[4,"a","RpcFrameworkError","busy",{}]') == [CallFailed("a", "RpcFrameworkError", "busy")]
    assert session.in_flight is None


def test_no_second_call_while_one_is_in_flight(session):
    """One outstanding CALL of ours (RPC-5); sending another is a mistake of our own."""
    with pytest.raises(ValueError, match="still in flight"):
        asked(session).call("b", HEARTBEAT, 30.0, 1.0)


def test_a_call_of_theirs_is_taken_while_ours_waits(session):
    """The two directions do not lock each other (RPC-5)."""
    received = asked(session).receive('[2,"x","ClearCache",{}]')
    assert [type(event).__name__ for event in received] == ["CallReceived"]
    assert session.in_flight == "a"


def test_a_call_times_out_at_its_deadline_and_not_before(session):
    """MessageTimeout seconds after it was sent (RPC-6)."""
    asked(session, at_s=100.0)
    assert session.next_deadline_s() == 130.0
    assert session.expire(129.999) == []
    assert session.expire(130.0) == [CallFailed("a", "TimedOut", "no answer in time")]
    assert session.expire(131.0) == []


def test_an_answer_after_the_time_out_still_counts(session):
    """A late CALLRESULT is matched by its id, once (RPC-4, F-NOANS)."""
    asked(session).expire(30.0)
    assert session.receive(f'[3,"a",{TIME}]') == [CallAnswered("a", ANSWER)]
    assert isinstance(session.receive(f'[3,"a",{TIME}]')[0], Ignored)


def test_a_late_answer_does_not_answer_the_call_in_flight(session):
    """Answers are matched by id, not by order (F-NOANS)."""
    asked(session, "a").expire(30.0)
    asked(session, "b", at_s=31.0)
    assert session.receive(f'[3,"a",{TIME}]') == [CallAnswered("a", ANSWER)]
    assert session.in_flight == "b"


def test_a_call_that_is_sent_again_under_its_id_is_answered_once(session):
    """The first of the two answers counts, the second is to nobody (RPC-4; contract.md section 3, settled)."""
    asked(session, "a").expire(30.0)
    asked(session, "a", at_s=60.0)
    assert session.receive(f'[3,"a",{TIME}]') == [CallAnswered("a", ANSWER)]
    assert isinstance(session.receive(f'[3,"a",{TIME}]')[0], Ignored)


@pytest.mark.parametrize("text", ['[3,"z",{}]', '[4,"z","GenericError","",{}]', '[3,"",{}]', '[4,"-1","GenericError","",{}]'])
def test_an_answer_to_nothing_is_dropped_with_its_reason(session, text):
    """An unknown id changes nothing and is told to the log (RPC-7, F-NOANS)."""
    (ignored,) = asked(session).receive(text)
    assert isinstance(ignored, Ignored)
    assert "nobody asked" in ignored.why
    assert session.in_flight == "a"


def test_an_answer_with_another_shape_fails_the_call(session):
    """A CALLRESULT that is no answer to this CALL counts as a failure, never as a success (F-TXREJ)."""
    (failed,) = asked(session).receive('[3,"a",{"status":"Accepted"}]')
    assert isinstance(failed, CallFailed)
    assert (failed.message_id, failed.code) == ("a", "BadAnswer")
    assert "currentTime" in failed.description


def test_a_late_answer_is_read_as_what_it_answers(session):
    """The kind of answer is remembered with the id (RPC-4)."""
    session.call("start", core.StartTransactionReq(connector_id=1, id_tag="A", meter_start=0, timestamp=ANSWER.current_time), 30.0, 0.0)
    session.expire(30.0)
    asked(session, "b", at_s=31.0)
    accepted = core.IdTagInfo(status=AuthorizationStatus.Accepted)
    assert session.receive('[3,"start",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]') == [
        CallAnswered("start", core.StartTransactionConf(id_tag_info=accepted, transaction_id=7))]


def test_after_a_loss_nothing_is_in_flight(session):
    """A CALL dies with its connection; the next one may leave at once over the new one (RPC-5, F-DOWN)."""
    asked(session).lost()
    assert session.next_deadline_s() is None
    assert session.expire(1000.0) == []
    asked(session, "b", at_s=40.0)


def test_an_answer_from_before_the_loss_is_no_answer(session):
    """What was in flight when the connection broke is sent again; an answer that turns up without that is dropped (F-NOANS)."""
    asked(session).lost()
    assert isinstance(session.receive(f'[3,"a",{TIME}]')[0], Ignored)


def test_a_call_sent_again_over_the_next_connection_is_answered_there(session):
    """Same message, same id (faults-and-threats.md, rule 4)."""
    asked(session).lost()
    asked(session, "a", at_s=5.0)
    assert session.receive(f'[3,"a",{TIME}]') == [CallAnswered("a", ANSWER)]


def test_only_the_newest_time_outs_are_remembered(session):
    """A central system that never answers does not fill the memory (F-NOANS)."""
    for number in range(REMEMBERED_TIMEOUTS + 1):
        asked(session, str(number), at_s=0.0).expire(30.0)
    assert isinstance(session.receive(f'[3,"0",{TIME}]')[0], Ignored)
    assert session.receive(f'[3,"1",{TIME}]') == [CallAnswered("1", ANSWER)]
