"""The command from a shell: what it prints, its exit codes, and how it finds the daemon (`contract.md` section 1)."""

import json
import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.process.daemon import EVCP, ROOT, Daemon, Site, configuration, evcp, within
from tests.process.independent_csms import CentralSystem


@pytest.fixture(scope="module")
def daemon(lasting_site: Site, lasting_csms: CentralSystem) -> Daemon:
    """A charge point with two connectors and a grid meter."""
    lasting_site.write(configuration(url=lasting_csms.url, connectors=2,
                                     more='[[site.meter]]\ndriver = "sim"\nfuse_a = 63'))
    return lasting_site.start()


@pytest.fixture
def at(daemon: Daemon) -> Iterator[tuple[str, str]]:
    """The words that name the daemon; connectors are free before and after."""
    for connector in (1, 2):
        daemon.until_status("Available", connector=connector)
    yield ("--socket", str(daemon.site.control))
    for connector in (1, 2):
        daemon.sim("unplug", connector=connector)


# -- sim -----------------------------------------------------------------------------------------------------------------


def test_a_session_is_played_from_a_shell(daemon, at):
    """plug, swipe, ev_state, meter, unplug: each is exit 0, silent, and does what the HTTP verb does."""
    for words in (("plug", "--connector", "2", "--current-a", "10", "--phases", "1", "--request-after-s", "0.05"),
                  ("swipe", "04A1B2C3", "--connectors", "2"), ("meter", "--connector", "2", "--voltage-v", "231")):
        ended = evcp("sim", *words, *at)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    daemon.until_world(connector=2, current_a=[10, 0, 0])
    assert evcp("sim", "ev_state", "B", "--connector", "2", *at).returncode == 0
    daemon.until_world(connector=2, contactor=False)
    assert evcp("sim", "unplug", "--connector", "2", *at).returncode == 0
    daemon.until_world(connector=2, ev="A")


def test_faults_the_grid_and_the_network_are_played_from_a_shell(daemon, at):
    """fault and its end, site, link: exit 0 and seen by the daemon."""
    assert evcp("sim", "fault", "other", *at).returncode == 0
    daemon.until_world(fault="other")
    assert evcp("sim", "fault", "other", "--off", *at).returncode == 0
    assert evcp("sim", "site", "--current-a", "1", "2", "3", "--fail", "on", *at).returncode == 0
    assert evcp("sim", "site", "--fail", "off", *at).returncode == 0
    assert evcp("sim", "link", "down", *at).returncode == 0
    daemon.until(lambda: not daemon.status()["online"], what="offline")
    assert evcp("sim", "link", "up", *at).returncode == 0
    daemon.until(lambda: daemon.status()["online"], what="online")


def test_state_prints_every_connector_and_as_json_what_http_gives(daemon, at):
    """A line for the network and one per connector; --json is the object itself."""
    ended = evcp("sim", "state", *at)
    assert ended.returncode == 0
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == ["network up", "connector 1", "connector 2"]
    assert json.loads(evcp("sim", "state", "--json", *at).stdout) == daemon.request("GET", "/sim/v1/state")[1]


@pytest.mark.parametrize(("words", "code"), [
    (("sim", "plug", "--connector", "3"), 2), (("sim", "swipe", "X" * 21), 2), (("sim", "meter", "--energy-wh", "-1"), 2),
    (("service", "reset", "--connector", "3"), 2),
], ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else str(value))
def test_what_the_daemon_refuses_is_told_on_standard_error(at, words, code):
    """A bad body is wrong usage; --json leaves standard output empty, the words are the daemon's."""
    ended = evcp(*words, "--json", *at)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith("evcp: ")
    assert "Traceback" not in ended.stderr


def test_a_latched_fault_shows_in_the_exit_code_until_a_person_resets_it(daemon, at):
    """`status` is exit 1 while a fault is present; `service reset` is the person (F-RCD)."""
    daemon.sim("fault", connector=1, kind="contactor_welded", active=True)
    daemon.until_status("Faulted")
    ended = evcp("status", *at)
    assert ended.returncode == 1
    assert "PowerSwitchFailure" in ended.stdout
    daemon.sim("fault", connector=1, kind="contactor_welded", active=False)
    assert evcp("service", "reset", "--connector", "1", *at).returncode == 0
    daemon.until_status("Available")
    assert evcp("status", *at).returncode == 0


def test_a_dead_reader_is_a_fault_of_the_charge_point(daemon, at):
    """No connector is concerned, and yet a fault is present: exit 1."""
    daemon.sim("fault", connector=1, kind="rfid", active=True)
    daemon.until(lambda: daemon.status()["error_code"] == "ReaderFailure", what="the fault")
    assert evcp("status", *at).returncode == 1
    daemon.sim("fault", connector=1, kind="rfid", active=False)
    daemon.until(lambda: daemon.status()["error_code"] == "NoError", what="its end")


# -- status --------------------------------------------------------------------------------------------------------------


def test_status_is_one_plain_screen(at):
    """Identity, connection, connectors and warnings, without an escape sequence where no terminal is."""
    ended = evcp("status", *at)
    assert ended.returncode == 0
    assert "CP-1" in ended.stdout.splitlines()[0]
    assert "connector 1: Available" in ended.stdout
    assert "! security profile 0" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_status_as_json_is_what_http_gives(daemon, at):
    """The same object."""
    answer = json.loads(evcp("status", "--json", *at).stdout)
    assert set(answer) == set(daemon.status())


def test_nobody_there_is_exit_3(site):
    """No daemon, no socket: the path is told, and what to do."""
    missing = str(site.folder / "no.sock")
    for words in (("status",), ("status", "--json"), ("sim", "plug"), ("sim", "state"), ("service", "reset"), ("tags", "list"), ("tags", "learn")):
        ended = evcp(*words, "--socket", missing)
        assert (ended.returncode, ended.stdout) == (3, "")
        assert missing in ended.stderr


def test_the_daemon_is_found_by_its_configuration(daemon):
    """--config names the socket; a file with mistakes is exit 4, told as `config check` tells it."""
    assert evcp("status", "--config", str(daemon.site.file)).returncode == 0
    broken = daemon.site.folder / "broken.toml"
    broken.write_text("colour = 1\n")
    ended = evcp("status", "--config", str(broken))
    assert ended.returncode == 4
    assert ended.stderr.startswith(f"{broken}:1: ")


@pytest.mark.parametrize("words", [
    ("sim", "--socket", "PATH", "state", "--json"), ("sim", "state", "--socket", "PATH", "--json"),
    ("sim", "--json", "state", "--socket", "PATH"), ("sim", "--json", "--socket", "PATH", "state"),
], ids=" ".join)
def test_the_daemon_may_be_named_before_or_after_the_verb(daemon, at, words):
    """Both are what people type."""
    ended = evcp(*(str(daemon.site.control) if word == "PATH" else word for word in words))
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["connectors"]


def test_a_reader_that_goes_away_is_no_traceback(at):
    """`evcp ... | head`: quiet, and not exit 0, for nobody saw the end."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([*EVCP, "sim", "state", "--json", *at], cwd=ROOT, check=False, stdout=writing,
                           stderr=subprocess.PIPE, text=True, timeout=10)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


# -- on a terminal -------------------------------------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal with a command on it."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
        self.process = subprocess.Popen([*EVCP, *words], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, env=variables,
                                        start_new_session=True)
        os.close(slave)
        self.text = ""

    def shows(self, words: str) -> bool:
        """Take what has come; whether it contains the words."""
        while select.select([self._master], [], [], 0.05)[0]:
            try:
                self.text += os.read(self._master, 65536).decode(errors="replace")
            except OSError:
                break
        return words in self.text

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


def test_watch_shows_changes_until_interrupted(daemon, at):
    """On a terminal: a live screen; Ctrl-C ends it with the exit code of what was shown last."""
    terminal = Terminal("status", "--watch", *at)
    try:
        assert within(lambda: terminal.shows("Available"), 5), terminal.text
        daemon.sim("plug", connector=2)
        assert within(lambda: terminal.shows("Preparing"), 5), terminal.text
        terminal.process.send_signal(signal.SIGINT)
        assert within(lambda: terminal.shows("Preparing") and terminal.process.poll() is not None, 5)
        assert terminal.process.returncode == 0
    finally:
        terminal.close()


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["colours", "NO_COLOR"])
def test_colours_only_where_they_are_wanted(at, environment, coloured):
    """NO_COLOR takes the colours away, on a terminal too."""
    terminal = Terminal("status", *at, **environment)
    try:
        assert within(lambda: terminal.shows("Available") and terminal.process.poll() is not None, 5), terminal.text
        terminal.shows("")
        assert ("\x1b[36m" in terminal.text) is coloured
    finally:
        terminal.close()


def test_watch_without_a_terminal_is_one_text_after_the_other(daemon, at):
    """For a log file: plain lines; with --json one object per line. Exit 3 when the daemon goes."""
    with subprocess.Popen([*EVCP, "status", "--watch", "--json", *at], cwd=ROOT, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["identity"] == "CP-1"
        assert json.loads(watch.stdout.readline())["identity"] == "CP-1"
        watch.send_signal(signal.SIGINT)
        assert watch.wait(5) == 0


# -- csms ----------------------------------------------------------------------------------------------------------------


def test_csms_prints_its_address_first_and_then_what_it_hears(site):
    """A daemon boots against it; SIGTERM ends it with exit 0; it listens on loopback only (T-SERVICE)."""
    with subprocess.Popen([*EVCP, "csms"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as csms:
        try:
            assert csms.stdout is not None
            address = csms.stdout.readline().strip()
            assert address.startswith("ws://127.0.0.1:")
            site.write(configuration(url=address))
            daemon = site.start()
            daemon.until(lambda: daemon.status()["registration"] == "Accepted", what="acceptance")
            assert "BootNotification" in csms.stdout.readline()
            taken = evcp("csms", "--port", address.rpartition(":")[2].partition("/")[0])
            assert taken.returncode == 1
            assert "cannot listen" in taken.stderr
            csms.send_signal(signal.SIGTERM)
            assert csms.wait(5) == 0
        finally:
            csms.kill()


# -- demo ----------------------------------------------------------------------------------------------------------------


def test_the_demo_ends_with_ok_and_leaves_nothing_behind(site):
    """Plain text where no terminal is, exit 0, the last line begins with OK; no file and no socket is left."""
    folder = site.folder / "tmp"
    folder.mkdir()
    ended = evcp("demo", within_s=40, env={**os.environ, "TMPDIR": str(folder)})
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("OK")
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""
    for word in ("BootNotification", "StartTransaction", "MeterValues", "StopTransaction"):
        assert word in ended.stdout
    assert list(folder.iterdir()) == []
