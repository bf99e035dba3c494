"""`evcp ocpp`: what is asked of the daemon, and how its answer is shown."""

import json
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli import client, ocpp

STATUS: dict[str, Any] = {
    "endpoint": "wss://csms.example/ocpp/CP1", "connected": True, "connected_for_s": 61.4, "last_failure": None,
    "registration": "Accepted", "security_profile": 2, "heartbeat_interval_s": 300, "last_sent": "2026-03-01T12:00:00.123Z",
    "last_received": None, "queue_length": 2, "queue_full": False,
    "in_flight": {"message_id": "id-1", "action": "Heartbeat"}}
OWED = {"message_id": "m1", "action": "StopTransaction", "connector": 1, "session": "t1", "since": "2026-03-01T12:00:00Z",
        "since_trusted": False, "attempts": 2, "payload": {"meterStop": 1234, "reason": "Local"}}
LETTER = OWED | {"given_up": "2026-03-02T12:00:00Z", "why": "InternalError: no\x1b[2J"}


def frame(number: int, text: str = "[2]", *, sent: bool = True) -> dict[str, Any]:
    """One frame of the trace."""
    return {"number": number, "at": "2026-03-01T12:00:00.123Z", "sent": sent, "frame": text}


class Answers:
    """A daemon that gives these, one after the other."""

    def __init__(self, *answers: Any, status: int = 200) -> None:
        self._answers = list(answers)
        self._status = status
        self.urls: list[str] = []

    def __call__(self, _path: str, _method: str, url: str, _body: Any = None) -> tuple[int, Any]:
        self.urls.append(url)
        if not self._answers:
            raise KeyboardInterrupt
        return self._status, self._answers.pop(0)


def evcp(monkeypatch: pytest.MonkeyPatch, answers: Answers, *words: str) -> int:
    """`evcp ocpp WORDS`; the exit code."""
    monkeypatch.setattr(client, "request", answers)
    monkeypatch.setattr(ocpp, "FOLLOW_EVERY_S", 0.0)
    return main(["ocpp", *words, "--socket", "/s"])


def test_the_status_is_a_line_per_fact(monkeypatch, capsys):
    """What a technician asks on the telephone: is it connected, accepted, how, when was something heard, what waits."""
    assert evcp(monkeypatch, Answers(STATUS), "status") == 0
    assert capsys.readouterr().out.splitlines() == [
        "central system    wss://csms.example/ocpp/CP1", "connection        up for 61 s", "registration      Accepted",
        "security profile  2", "heartbeat         every 300 s", "last sent         2026-03-01 12:00:00Z",
        "last received     -", "owed              2 messages", "in flight         Heartbeat id-1"]


def test_a_connection_that_is_down_says_why(monkeypatch, capsys):
    """The last failure, or that nothing was tried yet; a full queue is told with its consequence (B5)."""
    down = STATUS | {"connected": False, "connected_for_s": None, "last_failure": "refused", "registration": None,
                     "queue_full": True, "in_flight": None}
    evcp(monkeypatch, Answers(down), "status")
    text = capsys.readouterr().out
    assert "connection        down: refused\nregistration      none\n" in text
    assert "no new session starts until some are delivered" in text
    assert ocpp.status_lines(down | {"last_failure": None})[1].endswith("down: not tried yet")
    assert ocpp.status_lines(down | {"endpoint": ""}) == ["no central system is configured"]


def test_the_queue_shows_what_is_owed_and_what_was_given_up(monkeypatch, capsys):
    """Counts, attempts, the content in short, and the reason of every dead letter, whatever is in it (QUE-12, T-LOG)."""
    answers = Answers({"owed": [OWED], "owed_count": 1, "dead_letters": [LETTER], "dead_letter_count": 5, "error": None})
    assert evcp(monkeypatch, answers, "queue", "--limit", "1") == 0
    assert answers.urls == ["/api/v1/ocpp/queue?limit=1"]
    assert capsys.readouterr().out.splitlines() == [
        "owed: 1",
        "since                   message          connector  attempts  content",
        '2026-03-01 12:00:00Z ?  StopTransaction  1          2         {"meterStop":1234,"reason":"Local"}',
        "dead letters: 5, of which 1 are shown",
        "since                   message          connector  attempts  given up              why",
        "2026-03-01 12:00:00Z ?  StopTransaction  1          2         2026-03-02 12:00:00Z  InternalError: no\\x1b[2J"]


def test_dead_letters_that_cannot_be_read_are_exit_1(monkeypatch, capsys):
    """What is owed is shown all the same."""
    answer = {"owed": [], "owed_count": 0, "dead_letters": None, "dead_letter_count": None, "error": "disk I/O error"}
    assert evcp(monkeypatch, Answers(answer), "queue") == 1
    output = capsys.readouterr()
    assert output.out == "owed: 0\n"
    assert output.err == "evcp: the dead letters cannot be read: disk I/O error\n"


def test_the_trace_is_a_line_per_frame(monkeypatch, capsys):
    """Time, direction, text; nothing in it moves the cursor."""
    answers = Answers({"frames": [frame(1), frame(2, "[3]\x1b[H", sent=False)]})
    assert evcp(monkeypatch, answers, "trace", "--limit", "7") == 0
    assert answers.urls == ["/api/v1/ocpp/trace?limit=7"]
    assert capsys.readouterr().out == "2026-03-01T12:00:00.123 -> [2]\n2026-03-01T12:00:00.123 <- [3]\\x1b[H\n"


def test_following_goes_on_with_what_is_new(monkeypatch, capsys):
    """Each frame once, until Ctrl-C, which is exit 0; what was missed is counted."""
    answers = Answers({"frames": [frame(1, "a")]}, {"frames": [frame(2, "b")]}, {"frames": []}, {"frames": [frame(2, "b")]},
                      {"frames": [frame(9, "c")]})
    assert evcp(monkeypatch, answers, "trace", "--follow") == 0
    output = capsys.readouterr()
    assert [line.split()[-1] for line in output.out.splitlines()] == ["a", "b", "c"]
    assert output.err == "evcp: 6 frames were not seen\n"
    assert answers.urls[1:3] == ["/api/v1/ocpp/trace?limit=10000&after=1", "/api/v1/ocpp/trace?limit=10000&after=2"]


def test_following_goes_on_over_a_restart_of_the_daemon(monkeypatch, capsys):
    """The new one counts from one again: its first frames are shown, not waited for in vain."""
    answers = Answers({"frames": [frame(80, "old")]}, {"frames": []}, {"frames": [frame(2, "b")]},
                      {"frames": [frame(1, "a"), frame(2, "b")]})
    assert evcp(monkeypatch, answers, "trace", "--follow") == 0
    output = capsys.readouterr()
    assert [line.split()[-1] for line in output.out.splitlines()] == ["old", "a", "b"]
    assert output.err == ""


def test_following_as_json_is_an_object_per_line(monkeypatch, capsys):
    """For a program that reads along."""
    evcp(monkeypatch, Answers({"frames": [frame(1)]}, {"frames": [frame(2)]}), "trace", "--follow", "--json")
    assert [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()] == [1, 2]


def test_every_key_is_a_line_and_passwords_are_hidden(monkeypatch, capsys):
    """Value with its unit, what may be done with it, and what it means."""
    row = {"key": "HeartbeatInterval", "value": "300", "readonly": False, "writeonly": False, "unit": "s", "meaning": "Beats."}
    keys = [row, row | {"key": "AuthorizationKey", "value": None, "writeonly": True, "unit": None},
            row | {"key": "NumberOfConnectors", "value": "2", "readonly": True, "unit": None}]
    assert evcp(monkeypatch, Answers({"keys": keys}), "config") == 0
    assert capsys.readouterr().out.splitlines() == [
        "key                 value     access      meaning", "HeartbeatInterval   300 s     read-write  Beats.",
        "AuthorizationKey    (hidden)  write-only  Beats.", "NumberOfConnectors  2         read-only   Beats."]


@pytest.mark.parametrize(("view", "answer", "shown"), [
    ("status", STATUS, STATUS), ("config", {"keys": [1]}, [1]), ("trace", {"frames": [2]}, [2]),
    ("queue", {"owed": [], "error": None}, {"owed": [], "error": None})])
def test_json_is_the_answer_itself(monkeypatch, capsys, view, answer, shown):
    """For programs, nothing is made pretty."""
    assert evcp(monkeypatch, Answers(answer), view, "--json") == 0
    assert json.loads(capsys.readouterr().out) == shown


def test_what_the_daemon_refuses_is_usage(monkeypatch, capsys):
    """400 is exit 2 with the daemon's words."""
    assert evcp(monkeypatch, Answers({"error": "limit: a whole number"}, status=400), "queue", "--limit", "0") == 2
    assert capsys.readouterr().err == "evcp: limit: a whole number\n"
