"""`evcp ocpp` against a real daemon and a central system that knows nothing of our code."""

import json
import signal
import subprocess

import pytest

from tests.process.daemon import EVCP, ROOT, Daemon, Site, configuration, evcp
from tests.process.independent_csms import CentralSystem, call

SECRET = "4f43415f4f4354545f61646d696e5f74657374"


@pytest.fixture(scope="module")
def daemon(lasting_site: Site, lasting_csms: CentralSystem) -> Daemon:
    """A charge point that is accepted."""
    lasting_site.write(configuration(url=lasting_csms.url, ocpp=f'AuthorizationKey = "{SECRET}"'))
    started = lasting_site.start()
    lasting_csms.until_status("Available")
    return started


@pytest.fixture
def at(daemon: Daemon) -> tuple[str, str]:
    """The words that name it."""
    return ("--socket", str(daemon.site.control))


def test_the_status_tells_how_the_connection_is(daemon, lasting_csms, at):
    """Up, accepted, and the endpoint with the identity."""
    ended = evcp("ocpp", "status", *at)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"central system    {lasting_csms.url}/CP-1\n" in ended.stdout
    assert "registration      Accepted\n" in ended.stdout
    assert json.loads(evcp("ocpp", "status", "--json", *at).stdout)["connected"]


def test_the_queue_tells_what_is_owed_offline_and_nothing_once_it_is_delivered(daemon, lasting_csms, at):
    """StartTransaction first; empty again when the network is back."""
    daemon.sim("plug", connector=1, ev={"request_after_s": 0.05})
    daemon.sim("swipe", id_tag="04A1B2C3")
    lasting_csms.until_status("Charging")
    daemon.sim("link", up=False)
    daemon.sim("unplug", connector=1)
    daemon.until(lambda: daemon.status()["queue_length"], what="a message that is owed")
    owed = json.loads(evcp("ocpp", "queue", "--json", *at).stdout)["owed"]
    assert [row["action"] for row in owed][-1] == "StopTransaction"
    assert "connection        down: " in evcp("ocpp", "status", *at).stdout
    daemon.sim("link", up=True)
    daemon.until(lambda: daemon.status()["queue_length"] == 0, what="an empty queue")
    assert evcp("ocpp", "queue", *at).stdout == "owed: 0\ndead letters: 0\n"


def test_the_trace_shows_the_frames_and_hides_the_password(daemon, lasting_csms, at):
    """Both ways, from the first; a changed key is not in it."""
    assert lasting_csms.ask(call.ChangeConfiguration("AuthorizationKey", SECRET.upper()))["status"] == "Accepted"
    daemon.until(lambda: daemon.status()["online"], what="the connection with the new key")
    ended = evcp("ocpp", "trace", "--limit", "500", *at)
    assert ended.returncode == 0
    assert "BootNotification" in ended.stdout.splitlines()[0]
    assert "AuthorizationKey" in ended.stdout
    assert SECRET.upper() not in ended.stdout.upper()


def test_the_trace_follows_until_it_is_interrupted(daemon, lasting_csms, at):
    """What happens now is a line now; Ctrl-C is exit 0."""
    lasting_csms.until_status("Available")
    with subprocess.Popen([*EVCP, "ocpp", "trace", "--limit", "1", "--follow", *at], cwd=ROOT, stdout=subprocess.PIPE, text=True) as follow:
        try:
            assert follow.stdout is not None
            follow.stdout.readline()
            lasting_csms.ask(call.GetConfiguration(["HeartbeatInterval"]))
            assert "GetConfiguration" in follow.stdout.readline()
            assert "HeartbeatInterval" in follow.stdout.readline()
            follow.send_signal(signal.SIGINT)
            assert follow.wait(5) == 0
        finally:
            follow.kill()


def test_the_configuration_shows_every_key_but_no_secret(daemon, at):
    """As GetConfiguration does, with the meaning beside it."""
    ended = evcp("ocpp", "config", *at)
    assert ended.returncode == 0
    lines = {line.split()[0]: line for line in ended.stdout.splitlines()}
    assert "300 s" in lines["HeartbeatInterval"]
    assert "(hidden)" in lines["AuthorizationKey"]
    assert SECRET.upper() not in ended.stdout.upper()


@pytest.mark.parametrize("view", ["status", "queue", "trace", "config"])
def test_without_a_daemon_every_view_is_exit_3(view, tmp_path):
    """Nobody answers at that socket."""
    assert evcp("ocpp", view, "--socket", str(tmp_path / "none.sock")).returncode == 3
