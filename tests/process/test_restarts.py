"""SIGTERM, SIGKILL and what the next start makes of an open transaction (`contract.md` section 1)."""

import signal
import time

import pytest

from controller.records import PutNote
from controller.store.sqlite import SqliteStore
from tests.process.daemon import Daemon, Site, configuration, evcp
from tests.process.independent_csms import CentralSystem

EAGER = {"request_after_s": 0.05, "current_a": 16}


def charging(site: Site, csms: CentralSystem, *, charging: str = "", words: tuple[str, ...] = ("run",)) -> Daemon:
    """A daemon in the middle of a session."""
    site.write(configuration(url=csms.url, charging=charging, simulation="energy_scale = 100"))
    daemon = site.start(*words)
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    return daemon


@pytest.mark.parametrize(("words", "number", "reason"), [
    (("run",), signal.SIGTERM, "Reboot"), (("run",), signal.SIGKILL, "PowerLoss"),
    (("run", "--split"), signal.SIGTERM, "Reboot"),
], ids=["SIGTERM", "SIGKILL", "SIGTERM, split"])
def test_a_session_cut_by_the_end_of_the_process_is_billed_at_the_next_start(site, csms, words, number, reason):
    """Reboot where the end was noted on disk, else PowerLoss; after the restart, and once (F-STOP, F-KILL, PWR-4, PWR-5)."""
    daemon = charging(site, csms, words=words)
    began_s = time.monotonic()
    code = daemon.end(number, within_s=5)
    assert code == (0 if number is signal.SIGTERM else -signal.SIGKILL), daemon.log
    assert time.monotonic() - began_s < 5
    assert daemon.until(lambda: not daemon.children(), within_s=7, what="no guard left behind")
    assert csms.received("StopTransaction") == []
    again = site.start(*words)
    stop = csms.until("StopTransaction")
    again.until(lambda: again.status()["queue_length"] == 0, what="everything delivered")
    assert stop["reason"] == reason
    assert stop["transactionId"] == csms._transaction_id
    assert stop["meterStop"] >= csms.received("StartTransaction")[0]["meterStart"]
    assert len(csms.received("StopTransaction")) == len(csms.received("StartTransaction")) == 1
    assert csms.complaints == []


def test_sigterm_makes_the_pilot_steady_first_and_waits_for_the_car_no_longer_than_the_guard_does(site, csms):
    """A car forced to state C ignores it and is cut under load after 6 s: exit 0 within 8 s, not before (F-STOP)."""
    daemon = charging(site, csms)
    daemon.sim("ev_state", connector=1, state="C")
    daemon.process.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    daemon.until_world(pwm_duty=1.0, contactor=True, within_s=2)
    assert daemon.wait(within_s=8) == 0
    assert 5.5 < time.monotonic() - began_s < 8


def test_resume_goes_on_with_a_car_that_is_plugged_again_within_ten_seconds(site, csms):
    """after_power_loss = "resume": same transaction, no second start, no card (PWR-4)."""
    daemon = charging(site, csms, charging='after_power_loss = "resume"')
    daemon.end(signal.SIGKILL)
    csms.frames.clear()
    again = site.start()
    again.sim("plug", connector=1, ev=EAGER)
    csms.until_status("Charging")
    assert again.shown()["transaction_id"] == csms._transaction_id
    assert csms.received("StartTransaction") == csms.received("StopTransaction") == []
    again.sim("swipe", id_tag="04A1B2C3")
    assert csms.until("StopTransaction")["transactionId"] == csms._transaction_id
    assert csms.complaints == []


def test_what_was_owed_offline_is_delivered_once_after_a_kill(site, csms):
    """Start, samples and stop of a session without a network survive SIGKILL, in order (QUE-2, QUE-3, F-KILL)."""
    site.write(configuration(url=csms.url, ocpp="AllowOfflineTxForUnknownId = true\nLocalAuthorizeOffline = true",
                             simulation="energy_scale = 100"))
    daemon = site.start()
    csms.until("StatusNotification", 2)
    daemon.sim("link", up=False)
    daemon.until(lambda: not daemon.status()["online"], what="offline")
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    daemon.until_status("Charging")
    daemon.sim("swipe", id_tag="04A1B2C3")
    daemon.until_status("Finishing")
    owed = daemon.until(lambda: daemon.status()["queue_length"], what="messages owed")
    daemon.end(signal.SIGKILL)
    csms.frames.clear()
    again = site.start()
    again.until(lambda: csms.received("StopTransaction"), what="the stop")
    bill = [action for action in csms.actions() if action in {"StartTransaction", "MeterValues", "StopTransaction"}]
    assert (bill[0], bill[-1]) == ("StartTransaction", "StopTransaction")
    assert (len(bill), bill.count("StartTransaction"), bill.count("StopTransaction")) == (owed, 1, 1)
    assert csms.received("StopTransaction")[0]["transactionId"] == csms._transaction_id
    assert csms.complaints == []


def test_the_simulated_register_is_stored_every_second_and_goes_on_after_a_kill(site):
    """As a real meter's register would: never back, and at most a second behind (`contract.md` section 3)."""
    site.write(configuration(simulation="energy_scale = 100"))
    daemon = site.start()
    daemon.sim("meter", connector=1, energy_wh=5000)
    daemon.until(lambda: daemon.shown()["energy_wh"] == 5000, within_s=3, what="a reading")
    time.sleep(1.0)  # the promise is about real time
    daemon.end(signal.SIGKILL)
    again = site.start()
    again.until(lambda: again.world()["energy_wh"] == 5000, within_s=2, what="the stored register")


def test_a_start_unplugs_the_car_mends_the_faults_and_has_the_link_up(site, csms):
    """Simulated causes do not outlive the process; what a latch holds does (`contract.md` section 3, F-WELD)."""
    site.write(configuration(url=csms.url, connectors=2))
    daemon = site.start()
    daemon.sim("plug", connector=1)
    daemon.sim("fault", connector=1, kind="ground", active=True)
    daemon.sim("fault", connector=2, kind="rcd", active=True)
    daemon.until_status("Faulted", connector=1)
    daemon.until_status("Faulted", connector=2)
    assert daemon.request("POST", "/api/v1/service/reset", {"connector": 2})[0] == 200  # too early: the cause is there
    daemon.sim("link", up=False)
    assert daemon.end() == 0
    again = site.start()
    again.until(lambda: again.status()["online"], what="the link is up")
    assert again.world(1)["ev"] == "A"
    again.until_status("Available", connector=1)
    assert (again.shown(2)["status"], again.world(2)["fault"]) == ("Faulted", "rcd")
    assert again.request("POST", "/api/v1/service/reset", {"connector": 2})[0] == 200
    again.until_status("Available", connector=2)


def test_a_state_that_no_start_survives_is_set_aside_after_ten(site, csms):
    """Ten processes die of it, each with exit 1 and its traceback; the eleventh is there and says what happened (B6)."""
    site.write(configuration(url=csms.url))
    site.start().end()
    store = SqliteStore(str(site.state))
    store.commit([PutNote("tamper.one", "no number of a connector")])
    store.close()
    for _ in range(10):
        assert site.start(ready=False).wait() == 1
    daemon = site.start()
    csms.until_status("Available")
    assert any("the state was set aside: 10 starts" in warning for warning in daemon.status()["warnings"])
    assert evcp("service", "reset", "--socket", str(site.control)).returncode == 0
    daemon.until(lambda: "set aside" not in str(daemon.status()["warnings"]), what="the warning gone")
    assert csms.complaints == []
