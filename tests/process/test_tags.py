"""`evcp tags` against a running station that stands alone: the words, the exit codes, and what a card is worth afterwards."""

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.process.daemon import EVCP, ROOT, Daemon, Site, configuration, evcp


@pytest.fixture(scope="module")
def daemon(lasting_site: Site) -> Daemon:
    """One connector, no central system."""
    lasting_site.write(configuration())
    return lasting_site.start()


@pytest.fixture
def at(daemon: Daemon) -> Iterator[tuple[str, str]]:
    """The words that name the daemon; its cards are forgotten afterwards."""
    where = ("--socket", str(daemon.site.control))
    yield where
    for row in json.loads(evcp("tags", "list", "--json", *where).stdout)["tags"]:
        evcp("tags", "remove", row["id_tag"], *where)


def learning(at: tuple[str, str], *words: str) -> "subprocess.Popen[str]":
    """A technician who waits at the reader."""
    return subprocess.Popen([*EVCP, "tags", "learn", *words, *at], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def is_learning(daemon: Daemon) -> bool:
    """The next card will be learned."""
    return bool(daemon.request("GET", "/api/v1/tags")[1]["learning"])


def ended(technician: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and standard output."""
    output, _ = technician.communicate(timeout=10)
    return technician.returncode, output


def test_a_card_is_learned_labelled_blocked_and_removed(daemon, at):
    """Each is told in a line and seen in the list; exit 0 (contract section 1)."""
    technician = learning(at, "--label", "Anna")
    daemon.until(lambda: is_learning(daemon), what="it waits for a card")
    daemon.sim("swipe", id_tag="04a1b2c3")
    assert ended(technician) == (0, "04A1B2C3  Accepted  Anna\n")
    assert daemon.shown()["status"] == "Available", "it started nothing"
    for words, line in ((("label", "04a1b2c3", "Anna's"), "04A1B2C3  Accepted  Anna's\n"),
                        (("block", "04A1B2C3"), "04A1B2C3  Blocked  Anna's\n")):
        done = evcp("tags", *words, *at)
        assert (done.returncode, done.stdout) == (0, line)
    assert evcp("tags", "list", "--source", "own", *at).stdout.splitlines()[-1].split() == ["04A1B2C3", "own", "Blocked", "-", "Anna's"]
    assert evcp("tags", "list", "--source", "cache", *at).stdout == "0 known, local list version 0\n"
    assert evcp("tags", "remove", "04A1B2C3", *at).stdout == "04A1B2C3  removed  Anna's\n"
    assert json.loads(evcp("tags", "list", "--json", *at).stdout) == {"list_version": 0, "learning": False, "tags": []}


def test_no_card_is_exit_1_and_a_card_that_is_not_ours_exit_5(at):
    """Expectation not met; refused, with the reason on standard error (contract section 1)."""
    done = evcp("tags", "learn", "--within-s", "0.2", *at)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no card came" in done.stderr
    done = evcp("tags", "remove", "04A1B2C3", *at)
    assert done.returncode == 5
    assert "04A1B2C3 is no card of this charge point's own" in done.stderr
    assert evcp("tags", "learn", "--within-s", "601", *at).returncode == 2


def test_a_technician_who_gives_up_leaves_no_trap(daemon, at):
    """Ctrl-C: the next card is not learned, as soon as the daemon has noticed."""
    technician = learning(at)
    daemon.until(lambda: is_learning(daemon), what="it waits for a card")
    technician.send_signal(signal.SIGINT)
    assert ended(technician) == (130, "")
    daemon.until(lambda: not is_learning(daemon), what="it waits no more")


def test_an_own_card_charges_where_there_is_no_central_system(daemon, at):
    """Learned it starts and stops a session, of which nothing is owed to anybody; blocked it is refused (decision 11)."""
    daemon.sim("plug", connector=1, ev={"request_after_s": 0.05})
    technician = learning(at)
    daemon.until(lambda: is_learning(daemon), what="it waits for a card")
    daemon.sim("swipe", id_tag="04A1B2C3")
    assert ended(technician)[0] == 0
    daemon.sim("swipe", id_tag="04A1B2C3")
    daemon.until_status("Charging")
    daemon.sim("swipe", id_tag="04A1B2C3")
    daemon.until_status("Finishing")
    assert daemon.status()["queue_length"] == 0
    daemon.sim("unplug", connector=1)
    daemon.until_status("Available")
