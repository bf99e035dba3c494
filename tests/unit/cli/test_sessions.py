"""`evcp sessions`: what is asked of the daemon, and how its answer is shown."""

import csv
import io
import json
import os
import stat
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli import client, screen, sessions

ROW: dict[str, Any] = {
    "local_id": "3f2a1111-1", "transaction_id": 1001, "connector": 1, "id_tag": "04A1B2C3", "started": "2026-03-01T12:00:00Z",
    "started_trusted": True, "ended": "2026-03-01T13:00:00.500Z", "ended_trusted": True, "energy_wh": 1500,
    "meter_start_wh": 1000, "meter_stop_wh": 2500, "stop_reason": "Local", "stop_id_tag": None, "delivery": "delivered"}
RUNNING = ROW | {"local_id": "77b12222-2", "transaction_id": None, "ended": None, "ended_trusted": None, "started_trusted": False,
                 "meter_stop_wh": None, "stop_reason": None, "delivery": "owed"}


class Answers:
    """A daemon that gives these, one after the other, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, _path: str, method: str, url: str, body: Any = None) -> tuple[int, Any]:
        self.asked.append((method, url, body))
        return self._answers.pop(0)


def page(*rows: dict[str, Any], after: str | None = None) -> tuple[int, Any]:
    """A page of sessions."""
    return 200, {"sessions": list(rows), "next": after}


def evcp(monkeypatch: pytest.MonkeyPatch, answers: Answers, *words: str) -> int:
    """`evcp sessions WORDS`; the exit code."""
    for module in (client, sessions):
        monkeypatch.setattr(module, "request", answers)
    return main(["sessions", *words, "--socket", "/s"])


def test_the_list_is_a_line_per_session(monkeypatch, capsys):
    """Times in UTC, energy in kWh; a running session says so, and a time that nobody vouches for has a question mark."""
    answers = Answers(page(RUNNING, ROW))
    assert evcp(monkeypatch, answers, "list") == 0
    assert answers.asked == [("GET", "/api/v1/sessions?limit=50", None)]
    assert capsys.readouterr().out.splitlines() == [
        "started                 ended                 connector  tag       energy     reason  delivery   transaction  local id",
        "2026-03-01 12:00:00Z ?  running               1          04A1B2C3  1.500 kWh  -       owed       -            77b12222",
        "2026-03-01 12:00:00Z    2026-03-01 13:00:00Z  1          04A1B2C3  1.500 kWh  Local   delivered  1001         3f2a1111",
    ]


def test_no_sessions_is_said_in_words(monkeypatch, capsys):
    """An empty table would look like a failure."""
    assert evcp(monkeypatch, Answers(page()), "list") == 0
    assert capsys.readouterr().out == "no sessions\n"


def test_filters_become_parameters_of_the_question(monkeypatch):
    """Each as it was written; what is not said is left out."""
    answers = Answers(page())
    evcp(monkeypatch, answers, "list", "--since", "2026-03-01", "--until", "2026-04-01T00:00:00+02:00", "--connector", "2",
         "--id-tag", "A&B", "--limit", "5")
    assert answers.asked[0][1] == ("/api/v1/sessions?since=2026-03-01&until=2026-04-01T00%3A00%3A00%2B02%3A00&connector=2"
                                   "&id_tag=A%26B&limit=5")


def test_a_long_export_follows_the_pages(monkeypatch, capsys):
    """Until there is no next one, or as many as were asked for have come."""
    answers = Answers(page(RUNNING, after="x/1"), page(ROW))
    assert evcp(monkeypatch, answers, "export", "--json") == 0
    assert [url for _, url, _ in answers.asked] == ["/api/v1/sessions?limit=1000", "/api/v1/sessions?limit=1000&after=x%2F1"]
    assert json.loads(capsys.readouterr().out) == [RUNNING, ROW]
    assert evcp(monkeypatch, Answers(page(ROW, after="x/1")), "export", "--limit", "1") == 0


def test_the_export_is_csv_as_rfc_4180_has_it(monkeypatch, capsysbinary):
    """A header, CRLF, quotes where a cell needs them, empty where there is nothing, times in UTC."""
    odd = ROW | {"id_tag": 'a,"b"'}
    assert evcp(monkeypatch, Answers(page(odd, RUNNING)), "export", "--csv") == 0
    text = capsysbinary.readouterr().out.decode()
    lines = text.split("\r\n")
    assert lines[0].startswith("local_id,transaction_id,connector,id_tag,started,")
    assert lines[1] == ('3f2a1111-1,1001,1,"a,""b""",2026-03-01T12:00:00Z,true,2026-03-01T13:00:00.500Z,true,1500,1000,2500,Local,,'
                        "delivered")
    assert [row["id_tag"] for row in csv.DictReader(io.StringIO(text, newline=""))] == ['a,"b"', "04A1B2C3"]
    assert lines[2].startswith("77b12222-2,,1,04A1B2C3,2026-03-01T12:00:00Z,false,,,1500,1000,,,,owed")


@pytest.mark.parametrize("tag", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_of_the_export_is_a_formula(tag):
    """Whoever prints a card decides what is in the technician's spreadsheet otherwise (T-CMDINJ)."""
    file = io.StringIO(newline="")
    sessions.write_csv([ROW | {"id_tag": tag}], file)
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert row["id_tag"] == f"'{tag}"


def test_a_number_below_zero_stays_a_number():
    """-1 is the transaction id of a start that was given up (TXN-21)."""
    file = io.StringIO(newline="")
    sessions.write_csv([ROW | {"transaction_id": -1}], file)
    assert ",-1," in file.getvalue()


def test_a_file_is_written_whole_and_for_its_owner_only(monkeypatch, tmp_path, capsys):
    """It names people and where they were (T-PRIVACY)."""
    file = tmp_path / "sessions.csv"
    assert evcp(monkeypatch, Answers(page(ROW)), "export", "--csv", "--output", str(file)) == 0
    assert file.read_bytes().count(b"\r\n") == 2
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_written_is_told(monkeypatch, tmp_path, capsys):
    """Exit 1, the name and the reason, and no half of a file."""
    file = tmp_path / "nowhere" / "sessions.csv"
    assert evcp(monkeypatch, Answers(page(ROW)), "export", "--output", str(file)) == 1
    assert capsys.readouterr().err == f"evcp: {file} cannot be written: No such file or directory\n"


def test_one_session_is_shown_field_by_field(monkeypatch, capsys):
    """All of it; the name may hold anything."""
    answers = Answers((200, ROW), (200, ROW))
    assert evcp(monkeypatch, answers, "show", "3f2a/?") == 0
    assert answers.asked[0][1] == "/api/v1/sessions/3f2a%2F%3F"
    assert "stop reason      Local" in capsys.readouterr().out
    assert evcp(monkeypatch, answers, "show", "1001", "--json") == 0
    assert json.loads(capsys.readouterr().out) == ROW


@pytest.mark.parametrize(("status", "code"), [(400, 2), (404, 1), (503, 1), (409, 5)])
def test_what_the_daemon_says_against_it_is_told(monkeypatch, capsys, status, code):
    """2 wrong use, 1 not there or not readable, 5 refused (contract.md section 1)."""
    assert evcp(monkeypatch, Answers((status, {"error": "because"})), "show", "x") == code
    assert capsys.readouterr().err == "evcp: because\n"


@pytest.mark.parametrize(("words", "body"), [(("--older-than", "30"), {"older_than_days": 30}), (("--id-tag", "04A1"), {"id_tag": "04A1"})])
def test_erasing_goes_on_until_nothing_is_left(monkeypatch, capsys, words, body):
    """The daemon erases in steps; the command sums up."""
    answers = Answers((200, {"erased": 500, "left": 20, "refused": 0}), (200, {"erased": 20, "left": 0, "refused": 0}))
    assert evcp(monkeypatch, answers, "erase", *words) == 0
    assert answers.asked == [("POST", "/api/v1/service/erase", body)] * 2
    assert capsys.readouterr().out == "erased: 520\n"


def test_what_is_still_owed_is_refused(monkeypatch, capsys):
    """The rest is erased; exit 5 and a sentence tell of those that stay."""
    assert evcp(monkeypatch, Answers((200, {"erased": 1, "left": 0, "refused": 2})), "erase", "--id-tag", "X", "--json") == 5
    output = capsys.readouterr()
    assert json.loads(output.out) == {"erased": 1, "refused": 2}
    assert output.err.startswith("evcp: 2 sessions stay")


@pytest.mark.parametrize("words", ["", "burn", "show", "erase", "erase --older-than 3 --id-tag X", "erase --older-than soon",
                                   "list --limit many", "export --connector one"])
def test_wrong_words_are_usage(capsys, words):
    """Exit 2, and nothing is asked."""
    with pytest.raises(SystemExit) as ended:
        main(["sessions", *words.split()])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: evcp")


def test_a_tag_cannot_play_with_the_terminal():
    """A remote start may bring any text: escape sequences are shown, not obeyed (T-CMDINJ)."""
    assert screen.cell("\x1b[2Jgone\n") == "\\x1b[2Jgone\\n"
    assert screen.cell(None) == screen.cell("") == "-"


def test_a_terminal_is_given_a_table(monkeypatch, capsys):
    """The same cells, as they are: nothing in them is markup."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    screen.show_table(("tag",), [("[red]x[/red]",)])
    assert "[red]x[/red]" in capsys.readouterr().out
