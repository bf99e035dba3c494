"""What the words of a command line become, without a process or a socket (`contract.md` section 1)."""

import json
from typing import Any

import pytest

from controller import __version__
from controller.__main__ import VERBS, main
from controller.cli import client, sim, status

Asked = list[tuple[str, str, str, object]]


@pytest.fixture
def asked(monkeypatch) -> Asked:
    """Every request that a command makes: socket, method, URL, body; each is answered with an empty object."""
    requests: Asked = []

    def request(path: str, method: str, url: str, body: object = None) -> tuple[int, Any]:
        requests.append((path, method, url, body))
        return 200, {}

    for module in (client, sim, status):  # loaded here, before anything is replaced, and not by the first test that needs them
        monkeypatch.setattr(module, "request", request)
    return requests


@pytest.mark.parametrize(("words", "url", "body"), [
    ("sim plug", "/sim/v1/plug", {"connector": 1, "ev": {}}),
    ("sim plug --connector 2 --current-a 10.5 --phases 1 --request-after-s 0", "/sim/v1/plug",
     {"connector": 2, "ev": {"current_a": 10.5, "phases": 1, "request_after_s": 0}}),
    ("sim plug --passive", "/sim/v1/plug", {"connector": 1, "ev": {"auto": False}}),
    ("sim unplug --connector 2", "/sim/v1/unplug", {"connector": 2}),
    ("sim ev_state C", "/sim/v1/ev_state", {"connector": 1, "state": "C"}),
    ("sim swipe 04A1", "/sim/v1/swipe", {"id_tag": "04A1"}),
    ("sim swipe 04A1 --connectors 1 2", "/sim/v1/swipe", {"id_tag": "04A1", "connectors": [1, 2]}),
    ("sim fault rcd", "/sim/v1/fault", {"connector": 1, "kind": "rcd", "active": True}),
    ("sim fault rcd --off --connector 3", "/sim/v1/fault", {"connector": 3, "kind": "rcd", "active": False}),
    ("sim site", "/sim/v1/site", {}),
    ("sim site --current-a 1 2 3.5 --fail on", "/sim/v1/site", {"current_a": [1, 2, 3.5], "fail": True}),
    ("sim site --fail off", "/sim/v1/site", {"fail": False}),
    ("sim link up", "/sim/v1/link", {"up": True}),
    ("sim link down", "/sim/v1/link", {"up": False}),
    ("sim meter", "/sim/v1/meter", {"connector": 1}),
    ("sim meter --energy-wh 0 --voltage-v 0 --fail off", "/sim/v1/meter",
     {"connector": 1, "energy_wh": 0, "voltage_v": 0, "fail": False}),
    ("service reset", "/api/v1/service/reset", {"connector": 1}),
    ("service reset --connector 2", "/api/v1/service/reset", {"connector": 2}),
])
def test_words_become_one_request(asked, words, url, body):
    """What is not said is left out, so that the daemon's defaults hold; zero is not nothing."""
    assert main([*words.split(), "--socket", "/s"]) == 0
    assert asked == [("/s", "POST", url, body)]


@pytest.mark.parametrize("words", [
    "", "fly", "run", "guard", "controller", "config", "config check", "config mend x", "sim", "sim explode",
    "sim plug --phases 4", "sim swipe", "sim ev_state G", "sim fault gremlins", "sim fault", "sim link", "sim link sideways",
    "sim plug --connector one", "sim site --current-a 1 2", "sim meter --fail maybe", "service", "service undo",
    "csms --port many", "run --config", "status --verbose", "demo --fast",
])
def test_wrong_words_are_exit_2(asked, capsys, words):
    """Usage goes to standard error, nothing is asked of a daemon."""
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert (output.out, asked) == ("", [])
    assert output.err.startswith("usage: evcp")


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(capsys, verb):
    """`evcp VERB --help` is exit 0 and says what it does."""
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert VERBS[verb].split(":")[0] in " ".join(capsys.readouterr().out.split())


def test_the_version_is_told(capsys):
    """One line, exit 0."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"evcp {__version__}\n")


@pytest.mark.parametrize(("status", "code"), [(400, 2), (413, 2), (404, 5), (409, 5), (500, 1)])
def test_the_http_status_decides_the_exit_code(monkeypatch, capsys, status, code):
    """2 wrong usage, 5 refused by an interlock or not there, 1 when the daemon failed; the words are the daemon's."""
    monkeypatch.setattr(client, "request", lambda *_: (status, {"error": "because"}))
    assert main(["sim", "unplug", "--socket", "/s"]) == code
    assert "because" in capsys.readouterr().err or status == 404


def test_the_answer_is_printed_only_when_json_is_asked_for(asked, capsys):
    """A command that did what it was told is silent."""
    main(["sim", "unplug", "--socket", "/s"])
    assert capsys.readouterr().out == ""
    main(["sim", "unplug", "--socket", "/s", "--json"])
    assert json.loads(capsys.readouterr().out) == {}


def test_ctrl_c_is_no_traceback(monkeypatch):
    """130, as a shell counts it."""
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "request", interrupted)
    assert main(["sim", "unplug", "--socket", "/s"]) == 130


# -- finding the daemon --------------------------------------------------------------------------------------------------

MINIMAL = ('[charge_point]\nidentity = "A"\nvendor = "B"\nmodel = "C"\n[csms]\nurl = ""\n[control]\nsocket = "{socket}"\n'
           '[[connector]]\nid = 1\ncontactor = {{ driver = "sim" }}\npilot = {{ driver = "sim" }}\nmeter = {{ driver = "sim" }}\n')


def test_the_socket_option_wins_over_everything(asked, tmp_path):
    """--socket, even beside a --config that names another."""
    file = tmp_path / "a.toml"
    file.write_text(MINIMAL.format(socket="other.sock"))
    main(["sim", "unplug", "--config", str(file), "--socket", "/mine"])
    assert asked[0][0] == "/mine"


def test_the_configuration_names_the_socket_relative_to_itself(asked, tmp_path):
    """--config FILE."""
    file = tmp_path / "a.toml"
    file.write_text(MINIMAL.format(socket="x/c.sock"))
    main(["sim", "unplug", "--config", str(file)])
    assert asked[0][0] == str(tmp_path / "x" / "c.sock")


def test_without_options_the_installed_configuration_names_the_socket(asked, tmp_path, monkeypatch):
    """/etc/evcp/evcp.toml where it is there."""
    file = tmp_path / "evcp.toml"
    file.write_text(MINIMAL.format(socket="/run/elsewhere.sock"))
    monkeypatch.setattr(client, "DEFAULT_CONFIG", str(file))
    main(["sim", "unplug"])
    assert asked[0][0] == "/run/elsewhere.sock"


def test_without_a_readable_configuration_the_default_socket_is_tried(asked, tmp_path, monkeypatch):
    """A file that holds a key may be for the service's user alone; the technician in its group still reaches the socket."""
    monkeypatch.setattr(client, "DEFAULT_CONFIG", str(tmp_path / "none.toml"))
    main(["sim", "unplug"])
    assert asked[0][0] == "/run/evcp/control.sock"


def test_a_configuration_with_mistakes_is_exit_4(asked, tmp_path, capsys):
    """Told as `config check` tells it; nothing is asked."""
    file = tmp_path / "a.toml"
    file.write_text("colour = 1\n")
    assert main(["status", "--config", str(file)]) == 4
    assert capsys.readouterr().err.startswith(f"{file}:1: ")
    assert asked == []
