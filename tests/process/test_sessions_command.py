"""`evcp sessions` against a real daemon: what was charged is listed, exported and forgotten (T-PRIVACY)."""

import csv
import json

import pytest

from tests.process.daemon import Daemon, Site, configuration, evcp
from tests.process.independent_csms import CentralSystem

EAGER = {"request_after_s": 0.05, "current_a": 16}


@pytest.fixture
def daemon(site: Site, csms: CentralSystem) -> Daemon:
    """A charge point that has delivered one session, and runs another one."""
    site.write(configuration(url=csms.url, connectors=2, simulation="energy_scale = 1000"))
    daemon = site.start()
    for number, tag in ((1, "04A1B2C3"), (2, "=1+1")):
        daemon.sim("plug", connector=number, ev=EAGER)
        daemon.sim("swipe", id_tag=tag, connectors=[number])
        csms.until_status("Charging", connector=number)
    daemon.sim("unplug", connector=1)
    csms.until("StopTransaction")
    daemon.until(lambda: daemon.status()["queue_length"] == 0, what="an empty queue")
    return daemon


def test_sessions_are_listed_shown_exported_and_erased(daemon, csms):
    """The ended one with its energy and the running one; erased is what was delivered, what runs stays (exit 5)."""
    at = ("--socket", str(daemon.site.control))
    listed = evcp("sessions", "list", *at)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[2] for line in listed.stdout.splitlines()[1:]] == ["running", *[listed.stdout.splitlines()[2].split()[2]]]
    (ended,) = json.loads(evcp("sessions", "list", "--id-tag", "04a1b2c3", "--json", *at).stdout)
    stop = csms.received("StopTransaction")[0]
    assert (ended["transaction_id"], ended["meter_stop_wh"]) == (stop["transactionId"], stop["meterStop"])
    assert (ended["stop_reason"], ended["delivery"], ended["started_trusted"]) == ("EVDisconnected", "delivered", True)
    shown = evcp("sessions", "show", ended["local_id"][:8], *at)
    assert (shown.returncode, ended["local_id"] in shown.stdout) == (0, True)
    assert evcp("sessions", "show", "nothing", *at).returncode == 1
    file = daemon.site.folder / "out.csv"
    assert evcp("sessions", "export", "--csv", "--output", str(file), *at).returncode == 0
    with file.open(newline="") as rows:
        assert [row["id_tag"] for row in csv.DictReader(rows)] == ["'=1+1", "04A1B2C3"]
    assert evcp("sessions", "erase", "--older-than", "1", *at).stdout == "erased: 0\n"
    erased = evcp("sessions", "erase", "--older-than", "0", *at)
    assert (erased.returncode, erased.stdout) == (0, "erased: 1\n")
    refused = evcp("sessions", "erase", "--id-tag", "=1+1", *at)
    assert (refused.returncode, refused.stdout) == (5, "erased: 0\n")
    assert len(json.loads(evcp("sessions", "list", "--json", *at).stdout)) == 1
    assert evcp("sessions", "list", "--since", "yesterday", *at).returncode == 2


def test_a_storage_that_is_gone_is_an_error_of_the_command_alone(daemon):
    """Exit 1 and the name of the directory; the daemon goes on."""
    for file in daemon.site.state.glob("evcp.db*"):
        file.unlink()
    listed = evcp("sessions", "list", "--socket", str(daemon.site.control))
    assert (listed.returncode, listed.stdout) == (1, "")
    assert str(daemon.site.state) in listed.stderr
    assert daemon.status()["online"]
