"""A reservation as the package `ocpp` asks for it, over a SIGKILL, with the guard in the same process and in its own."""

import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.process.daemon import configuration
from tests.process.independent_csms import call

EAGER = {"request_after_s": 0.05}


def in_s(seconds: float) -> str:
    """So far from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize("words", [("run",), ("run", "--split")], ids=["run", "split"])
def test_a_reservation_outlives_a_kill_and_lets_in_its_own_card_only(site, csms, words):
    """Reserved before and after, shown by `evcp status`, used with its reservationId (RES-4, RES-6, RES-9, RES-12)."""
    site.write(configuration(url=csms.url))
    daemon = site.start(*words)
    csms.until_status("Available")
    assert csms.ask(call.ReserveNow(1, in_s(3600), "04A1B2C3", 77)) == {"status": "Accepted"}
    csms.until_status("Reserved")
    assert "reserved: connector 1 for 04A1B2C3 until" in site.evcp("status", "--config", str(site.file)).stdout
    daemon.end(signal.SIGKILL)
    csms.frames.clear()
    again = site.start(*words)
    csms.until_status("Reserved")
    again.sim("plug", connector=1, ev=EAGER)
    again.sim("swipe", id_tag="0000FFFF")
    csms.until_status("Preparing")
    assert csms.received("Authorize") == []
    again.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    (start,) = csms.received("StartTransaction")
    assert start["reservationId"] == 77
    assert again.status()["reservations"] == []
    assert csms.complaints == []


def test_a_reservation_ends_by_itself_and_by_word(site, csms):
    """Expired: Available; cancelled: Accepted and Available, then nothing is known of it (RES-10, RES-11)."""
    site.write(configuration(url=csms.url))
    site.start()
    csms.until_status("Available")
    assert csms.ask(call.ReserveNow(1, in_s(2), "04A1B2C3", 1)) == {"status": "Accepted"}
    csms.until_status("Reserved")
    csms.until_status("Available")
    assert csms.ask(call.CancelReservation(1)) == {"status": "Rejected"}
    assert csms.ask(call.ReserveNow(1, in_s(-2), "04A1B2C3", 2)) == {"status": "Rejected"}
    assert csms.ask(call.ReserveNow(0, in_s(60), "04A1B2C3", -5)) == {"status": "Accepted"}
    csms.until_status("Reserved")
    assert csms.ask(call.CancelReservation(-5)) == {"status": "Accepted"}
    csms.until_status("Available")
    assert csms.complaints == []
