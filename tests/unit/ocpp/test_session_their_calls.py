"""CALLs of the central system: taken once, answered once per copy, refused with the right code."""

import json
from typing import Any

import pytest

from controller.events import CallReceived
from controller.ocpp.messages import core
from controller.ocpp.session import MAX_COPIES, MAX_IN_PROCESS, REMEMBERED_ANSWERS, Ignored, Received, Session, Transmit
from controller.ocpp.types import ClearCacheStatus, ResetStatus, ResetType

ACCEPTED = core.ClearCacheConf(status=ClearCacheStatus.Accepted)
RESET = '[2,"x","Reset",{"type":"Soft"}]'
CLEAR = '[2,"x","ClearCache",{}]'


@pytest.fixture
def session() -> Session:
    """A session in which nothing has happened."""
    return Session()


def frames(received: list[Received] | list[Transmit]) -> list[Any]:
    """What is to be sent, as JSON; a test that expects anything else fails here."""
    assert all(isinstance(one, Transmit) for one in received), received
    return [json.loads(one.text) for one in received if isinstance(one, Transmit)]


def test_a_call_is_taken_and_its_answer_carries_its_id(session):
    """The CALLRESULT's id is the CALL's (RPC-7)."""
    assert session.receive(RESET) == [CallReceived("x", core.ResetReq(type=ResetType.Soft))]
    assert frames(session.reply("x", core.ResetConf(status=ResetStatus.Accepted))) == [[3, "x", {"status": "Accepted"}]]


def test_a_call_may_be_answered_with_an_error(session):
    """Five elements, the details an object (RPC-1, RPC-10, RPC-15)."""
    session.receive(RESET)
    assert frames(session.reply_error("x", "InternalError", "failed")) == [[4, "x", "InternalError", "failed", {}]]


def test_an_answer_is_shortened(session):
    """RPC-13 holds for answers too."""
    session.receive('[2,"x","GetConfiguration",{"key":["k"]}]')
    assert frames(session.reply("x", core.GetConfigurationConf(unknown_key=["k" * 60]))) == [[3, "x", {"unknownKey": ["k" * 50]}]]


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(("text", "code"), [
    ('[2,"x","Fly",{}]', "NotImplemented"),
    ('[2,"x","reset",{"type":"Soft"}]', "NotImplemented"),
    ('[2,"x","Reset.req",{"type":"Soft"}]', "NotImplemented"),
    ('[2,"x","",{}]', "NotImplemented"),
    ('[2,"x","BootNotification",{}]', "NotSupported"),
    ('[2,"x","StartTransaction",{}]', "NotSupported"),
    ('[2,"x","Heartbeat",{}]', "NotSupported"),
])
def test_what_no_charge_point_answers_is_refused(compat, text, code):
    """Unknown names are NotImplemented, names of the other direction NotSupported, with or without compat (RPC-11)."""
    ((kind, message_id, given, *_),) = frames(Session(compat=compat).receive(text))
    assert (kind, message_id, given) == (4, "x", code)


@pytest.mark.parametrize(("text", "code", "compat_code"), [
    ('[2,"x","Reset",{}]', "OccurenceConstraintViolation", "FormationViolation"),
    ('[2,"x","Reset",{"type":"Soft","a":1}]', "FormationViolation", "FormationViolation"),
    ('[2,"x","Reset",{"type":1}]', "TypeConstraintViolation", "FormationViolation"),
    ('[2,"x","Reset",{"type":"Warm"}]', "PropertyConstraintViolation", "FormationViolation"),
    ('[2,"x","Reset"]', "FormationViolation", "FormationViolation"),
    ('[2,"x","Reset",{},{}]', "FormationViolation", "FormationViolation"),
    ('[2,"x",5,{}]', "FormationViolation", "FormationViolation"),
])
def test_a_call_that_is_no_proper_message_is_answered_with_an_error(text, code, compat_code):
    """Its id can be read, so it is answered, by the standard or as toolkits expect (RPC-9, RPC-12; contract.md section 4)."""
    for compat, expected in ((False, code), (True, compat_code)):
        ((kind, message_id, given, _, details),) = frames(Session(compat=compat).receive(text))
        assert (kind, message_id, given, details) == (4, "x", expected, {})


@pytest.mark.parametrize("text", ["hello", "", "[", "{}", "[]", '["a"]', '[2,5,"Reset",{}]', '[3,"x"]', "null"])
def test_what_has_no_readable_id_is_dropped_without_compat(text):
    """Nobody could match the answer (RPC-12)."""
    (ignored,) = Session().receive(text)
    assert isinstance(ignored, Ignored)


@pytest.mark.parametrize("text", ["hello", "", "[", "{}", "[]", '["a"]', '[2,5,"Reset",{}]', "null", '[2,"x","Reset",{', "[5,"])
def test_with_compat_an_undecodable_frame_is_answered_minus_one(text):
    """A CALLERROR GenericError with id -1 (contract.md section 4)."""
    ((kind, message_id, code, _, details),) = frames(Session(compat=True).receive(text))
    assert (kind, message_id, code, details) == (4, "-1", "GenericError", {})


def test_an_undecodable_frame_with_a_readable_id_is_answered_under_it(session):
    """By the standard: the id is what matters to who waits (RPC-12, F-GARB)."""
    ((kind, message_id, code, *_),) = frames(session.receive('[2,"x","Reset",{"type":'))
    assert (kind, message_id, code) == (4, "x", "FormationViolation")


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("frame", ['[7,"x","Reset",{}]', "[1]", b"\x00\x01", b'[2,"x","Reset",{"type":"Soft"}]'])
def test_unknown_types_and_binary_frames_are_ignored(compat, frame):
    """A number OCPP 1.6 does not know, or a frame that is no text (RPC-2, WS-9)."""
    (ignored,) = Session(compat=compat).receive(frame)
    assert isinstance(ignored, Ignored)


@pytest.mark.parametrize(("length", "taken"), [(0, True), (1, True), (36, True), (37, False), (255, False)])
def test_an_id_has_at_most_36_characters(session, length, taken):
    """A longer one is a mistake that is answered under that very id (RPC-3, RPC-9)."""
    (received,) = session.receive(f'[2,"{"i" * length}","ClearCache",{{}}]')
    assert isinstance(received, CallReceived) is taken
    if not taken:
        ((kind, message_id, code, *_),) = frames([received])
        assert (kind, message_id, code) == (4, "i" * length, "FormationViolation")


def test_an_absurdly_long_id_is_not_echoed(session):
    """Over 255 characters it is no id that anybody waits for (RPC-7, F-GARB)."""
    (ignored,) = session.receive(f'[2,"{"i" * 100_000}","ClearCache",{{}}]')
    assert isinstance(ignored, Ignored)


def test_a_replay_is_answered_from_memory(session):
    """The same CALL again is answered as before and not executed again (F-DUP)."""
    session.receive(CLEAR)
    (answer,) = session.reply("x", ACCEPTED)
    assert session.receive(CLEAR) == [answer]


def test_a_replayed_mistake_is_answered_as_before(session):
    """Errors are remembered like results (F-DUP)."""
    assert session.receive('[2,"x","Reset",{}]') == session.receive('[2,"x","Reset",{}]')


def test_a_replay_after_a_reconnect_is_answered_from_memory(session):
    """They may not have had our answer before the connection broke (F-DUP)."""
    session.receive(CLEAR)
    (answer,) = session.reply("x", ACCEPTED)
    session.lost()
    assert session.receive(CLEAR) == [answer]


def test_copies_that_come_while_the_first_is_in_process_are_answered_with_it(session):
    """Executed once, answered as often as asked (F-DUP)."""
    assert len(session.receive(CLEAR)) == 1
    assert session.receive(CLEAR) == []
    assert session.receive(CLEAR) == []
    assert frames(session.reply("x", ACCEPTED)) == [[3, "x", {"status": "Accepted"}]] * 3


def test_a_flood_of_copies_is_bounded(session):
    """What nobody can have sent in good faith is not stored up (F-FLOOD)."""
    for _ in range(MAX_COPIES):
        session.receive(CLEAR)
    assert isinstance(session.receive(CLEAR)[0], Ignored)
    assert len(session.reply("x", ACCEPTED)) == MAX_COPIES


def test_another_call_under_an_id_in_process_is_an_error(session):
    """The same id for two CALLs at a time is a mistake of theirs; the first goes on (RPC-9)."""
    session.receive(CLEAR)
    ((kind, message_id, code, *_),) = frames(session.receive(RESET))
    assert (kind, message_id, code) == (4, "x", "FormationViolation")
    assert len(session.reply("x", ACCEPTED)) == 1


def test_another_call_under_an_answered_id_is_a_new_call(session):
    """A central system that counts from 1 after its restart is not given stale answers (F-DUP is about the same CALL)."""
    session.receive(CLEAR)
    session.reply("x", ACCEPTED)
    assert session.receive(RESET) == [CallReceived("x", core.ResetReq(type=ResetType.Soft))]
    session.reply("x", core.ResetConf(status=ResetStatus.Rejected))
    assert frames(session.receive(RESET)) == [[3, "x", {"status": "Rejected"}]]


def test_nobody_is_answered_who_is_gone(session):
    """The answer to a CALL of the last connection is not sent over the next one, where its id means nothing (RPC-7)."""
    session.receive(CLEAR)
    session.lost()
    assert session.reply("x", ACCEPTED) == []


def test_a_call_repeated_over_the_next_connection_is_executed_once_and_answered_there(session):
    """Also when the first copy is still in process (F-DUP)."""
    session.receive(CLEAR)
    session.lost()
    assert session.receive(CLEAR) == []
    assert frames(session.reply("x", ACCEPTED)) == [[3, "x", {"status": "Accepted"}]]


def test_a_new_call_under_an_id_left_over_from_the_last_connection_is_taken(session):
    """Under a rejected registration CALLs are never answered (BOOT-7); their ids do not stay blocked."""
    session.receive(CLEAR)
    session.lost()
    assert session.receive(RESET) == [CallReceived("x", core.ResetReq(type=ResetType.Soft))]


def boot(session: Session, status: str, *, late: bool = False) -> None:
    """BootNotification, answered with this status; `late`: after its time-out."""
    session.call("boot", core.BootNotificationReq(charge_point_vendor="v", charge_point_model="m"), 30.0, 0.0)
    if late:
        session.expire(30.0)
    session.receive(f'[3,"boot",{{"status":"{status}","currentTime":"2026-03-01T12:00:00Z","interval":60}}]')


@pytest.mark.parametrize("text", [RESET, '[2,"y","Fly",{}]', '[2,"y","Reset",{}]', '[2,"y"', "hello"],
                         ids=["right", "unknown", "wrong", "broken", "nonsense"])
@pytest.mark.parametrize("compat", [False, True])
def test_while_the_registration_is_rejected_nothing_is_answered(compat, text):
    """Neither CALLs nor mistakes, until another BootNotification is answered otherwise (BOOT-7)."""
    session = Session(compat=compat)
    boot(session, "Rejected")
    assert isinstance(session.receive(text)[0], Ignored)
    boot(session, "Accepted")
    assert isinstance(session.receive(RESET)[0], CallReceived)


def test_while_the_registration_is_pending_calls_are_taken(session):
    """The central system may configure us before it accepts (BOOT-5, BOOT-12)."""
    boot(session, "Pending")
    assert isinstance(session.receive(RESET)[0], CallReceived)


def test_a_rejection_that_came_too_late_silences_nobody(session):
    """The station has given that BootNotification up and will send another (BOOT-8)."""
    boot(session, "Rejected", late=True)
    assert isinstance(session.receive(RESET)[0], CallReceived)


def test_an_answer_that_nobody_asked_for_is_not_sent(session):
    """A second answer to one CALL never leaves (RPC-9)."""
    session.receive(CLEAR)
    session.reply("x", ACCEPTED)
    assert session.reply("x", ACCEPTED) == []


def test_memory_of_answers_is_small(session):
    """Only the newest answers are kept for replays (F-DUP, F-FLOOD)."""
    for number in range(REMEMBERED_ANSWERS + 1):
        session.receive(f'[2,"{number}","ClearCache",{{}}]')
        session.reply(str(number), ACCEPTED)
    assert len(session._answered) == REMEMBERED_ANSWERS
    assert isinstance(session.receive('[2,"0","ClearCache",{}]')[0], CallReceived)
    assert isinstance(session.receive('[2,"1","ClearCache",{}]')[0], CallReceived | Transmit)


def test_calls_that_are_never_answered_do_not_pile_up(session):
    """As under a rejected registration, where silence is the rule (BOOT-7, F-FLOOD)."""
    for number in range(MAX_IN_PROCESS + 10):
        session.receive(f'[2,"{number}","ClearCache",{{}}]')
    assert len(session._in_process) == MAX_IN_PROCESS
