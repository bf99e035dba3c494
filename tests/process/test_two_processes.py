"""Guard and controller as two processes: as parent and child (`run --split`), and as two services (F-KILL, F-SAFEKILL)."""

import json
import os
import signal
import socket
import time
from typing import Any

import pytest

from tests.process.daemon import Daemon, Site, command_line, configuration, group, within
from tests.process.independent_csms import CentralSystem

EAGER = {"request_after_s": 0.05, "current_a": 16}
OFFER_VALID_S = 4.0
"""Long enough for a controller to start on a busy machine."""


def begin_session(daemon: Daemon, csms: CentralSystem) -> None:
    """A car is plugged, a card is shown, the contactor is closed."""
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")


def world(site: Site) -> dict[str, Any]:
    """The simulated connector, asked of the guard's process: the controller may be dead."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(2)
        asking.connect(f"{site.folder}/guard.sock.world")
        asking.sendall(b'["snapshot", {}]\n')
        answer = json.loads(asking.makefile().readline())
    return dict(answer["answer"]["connectors"][0])


# -- run --split ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def split(site: Site, csms: CentralSystem) -> Daemon:
    """`evcp run --split`."""
    site.write(configuration(url=csms.url, simulation="energy_scale = 100"))
    return site.start("run", "--split")


def test_the_guard_is_a_child_in_the_same_group_that_names_its_configuration(split, site):
    """A service manager that kills the group gets both, and `ps` tells which is which (`contract.md` section 1)."""
    (guard,) = split.children()
    assert str(site.file) in command_line(guard)
    assert "guard" in command_line(guard)
    assert os.getpgid(guard) == split.process.pid


def test_one_process_needs_no_child_when_everything_is_simulated(site):
    """The guard runs in the same loop, over the in-memory link (`contract.md` section 1)."""
    site.write(configuration())
    assert site.start().children() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_guard_that_ends_is_noticed_at_once_and_replaced(split, csms, number):
    """Faulted with InternalError, a new guard, and Available again without a restart of the controller (F-SAFEKILL)."""
    csms.until_status("Available")
    (guard,) = split.children()
    os.kill(guard, number)
    csms.until_status("Faulted", within_s=2)
    assert csms.received("StatusNotification")[-1]["errorCode"] == "InternalError"
    csms.until_status("Available", within_s=5)
    (new,) = split.children()
    assert new != guard
    split.sim("plug", connector=1)
    csms.until_status("Preparing")
    assert csms.complaints == []


def test_a_guard_that_hangs_is_killed_and_replaced(split, csms):
    """SIGSTOP: silent for 2 s, then Faulted, a new guard and Available again (F-SAFEKILL)."""
    csms.until_status("Available")
    (guard,) = split.children()
    os.kill(guard, signal.SIGSTOP)
    csms.until_status("Faulted", within_s=4)
    csms.until_status("Available", within_s=6)
    (new,) = split.children()
    assert new != guard


def test_a_killed_guard_in_a_session_gives_back_the_register_and_the_next_session(split, csms):
    """The world dies with the guard, but its meter goes on from the last reading, never below (MTR-9, F-SAFEKILL)."""
    begin_session(split, csms)
    counted_wh = split.until(lambda: (wh := split.shown()["energy_wh"] or 0) > 200 and wh, what="some energy")
    (guard,) = split.children()
    os.kill(guard, signal.SIGKILL)
    stop = csms.until("StopTransaction")
    assert stop["meterStop"] >= int(counted_wh)
    csms.until_status("Available")
    assert split.until_world(ev="A", contactor=False)["energy_wh"] >= int(counted_wh)
    begin_session(split, csms)
    assert csms.received("StartTransaction")[1]["meterStart"] >= stop["meterStop"]
    assert csms.complaints == []


def test_a_guard_without_its_parent_stops_the_charging_and_exits(split, csms):
    """SIGKILL of the controller: the guard makes its controlled stop and goes (F-KILL)."""
    begin_session(split, csms)
    leader = split.process.pid
    split.end(signal.SIGKILL)
    assert within(lambda: group(leader) == [], within_s=7.5), "the guard is still there"


def test_sigterm_takes_the_guard_along(split, csms):
    """Exit 0 within 5 s, nobody left in the process group (F-STOP)."""
    begin_session(split, csms)
    leader = split.process.pid
    assert split.end(signal.SIGTERM, within_s=5) == 0
    assert group(leader) == []


# -- two services --------------------------------------------------------------------------------------------------------


@pytest.fixture
def services(site: Site, csms: CentralSystem) -> tuple[Daemon, Daemon]:
    """`evcp guard` and `evcp controller`, as the systemd units start them."""
    site.write(configuration(url=csms.url, guard=f"offer_valid_s = {OFFER_VALID_S}", simulation="energy_scale = 100"))
    return site.start("guard", ready=False), site.start("controller")


def test_a_controller_that_is_back_in_time_interrupts_nothing(services, site, csms):
    """Within `offer_valid_s` the contactor never opens and the transaction goes on, whatever the rule (F-KILL)."""
    _guard, controller = services
    begin_session(controller, csms)
    controller.end(signal.SIGKILL)
    again = site.start("controller", ready=False)
    ends_s = time.monotonic() + OFFER_VALID_S + 0.5
    while time.monotonic() < ends_s:
        row = world(site)
        assert (row["contactor"], row["ev"]) == (True, "C")
        time.sleep(0.1)
    again.wait_until_ready()
    assert again.shown()["transaction_id"] == csms._transaction_id
    again.sim("swipe", id_tag="04A1B2C3")
    assert csms.until("StopTransaction")["transactionId"] == csms._transaction_id
    assert len(csms.received("StartTransaction")) == 1
    assert csms.complaints == []


def test_sigterm_to_the_controller_alone_leaves_the_offers_to_run_out(services, site, csms):
    """A restart of the service is no interruption: the car charges while nobody is there (`contract.md` section 1)."""
    _guard, controller = services
    begin_session(controller, csms)
    assert controller.end(signal.SIGTERM, within_s=3) == 0
    row = world(site)
    assert (row["contactor"], row["ev"], row["current_a"]) == (True, "C", [16, 16, 16])
    again = site.start("controller")
    assert again.shown()["transaction_id"] == csms._transaction_id
    assert csms.received("StopTransaction") == []


def test_a_controller_that_stays_away_leaves_a_guard_that_stops_by_itself(services, site, csms):
    """The offer runs out: pilot steady first, contactor open when the car obeys; then the rule applies (F-KILL, PWR-5)."""
    _guard, controller = services
    begin_session(controller, csms)
    controller.end(signal.SIGKILL)
    killed_s = time.monotonic()
    assert within(lambda: world(site)["pwm_duty"] == 1.0, within_s=OFFER_VALID_S + 1), "the offer does not run out"
    assert time.monotonic() - killed_s > OFFER_VALID_S - 1.5
    assert within(lambda: not world(site)["contactor"], within_s=2), "the contactor stays closed"
    again = site.start("controller")
    stop = csms.until("StopTransaction")
    assert (stop["reason"], stop["transactionId"]) == ("PowerLoss", csms._transaction_id)
    again.until_status("Finishing")
    assert csms.complaints == []


def test_the_guard_alone_keeps_everything_open_and_waits(site):
    """Without a controller nothing is offered; SIGTERM ends it with exit 0 (F-STOP)."""
    site.write(configuration())
    guard = site.start("guard", ready=False)
    guard.until(lambda: os.path.exists(f"{site.folder}/guard.sock.world"), what="the guard's socket")
    row = guard.until(lambda: world(site), what="the world")
    assert (row["pwm_duty"], row["contactor"]) == (1.0, False)
    assert guard.end(signal.SIGTERM, within_s=3) == 0
    assert not site.state.exists(), "the guard writes nothing but its socket"


def test_a_controller_without_a_guard_says_so_and_connects_when_it_comes(site, csms):
    """Faulted with InternalError until a guard listens; no end, no restart (`contract.md` section 1)."""
    site.write(configuration(url=csms.url))
    controller = site.start("controller", ready=False)
    csms.until_status("Faulted")
    assert csms.received("StatusNotification")[-1]["errorCode"] == "InternalError"
    site.start("guard", ready=False)
    csms.until_status("Available")
    assert controller.process.poll() is None
