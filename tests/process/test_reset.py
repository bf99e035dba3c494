"""An accepted Reset ends the process, once the bill is on disk (`contract.md` section 1)."""

import pytest
from ocpp.v16.enums import ResetType

from tests.process.daemon import Site, configuration
from tests.process.independent_csms import CentralSystem, call

EAGER = {"request_after_s": 0.05, "current_a": 16}


@pytest.mark.parametrize(("kind", "reason"), [(ResetType.soft, "SoftReset"), (ResetType.hard, "HardReset")],
                         ids=["Soft", "Hard"])
def test_reset_in_a_session_ends_the_process_and_bills_once(site: Site, csms: CentralSystem, kind, reason):
    """Accepted, exit 0, one StopTransaction with the reason before or after the restart (RST-1, RST-2, RST-6, PWR-5)."""
    site.write(configuration(url=csms.url, simulation="energy_scale = 100"))
    daemon = site.start()
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    assert csms.ask(call.Reset(kind)) == {"status": "Accepted"}
    assert daemon.wait(within_s=10) == 0, daemon.log
    again = site.start()
    csms.until("BootNotification", 2)
    stop = csms.until("StopTransaction")
    again.until(lambda: again.status()["queue_length"] == 0, what="everything delivered")
    assert (stop["reason"], stop["transactionId"]) == (reason, csms._transaction_id)
    assert len(csms.received("StopTransaction")) == len(csms.received("StartTransaction")) == 1
    assert stop["meterStop"] >= csms.received("StartTransaction")[0]["meterStart"]
    assert csms.complaints == []


def test_reset_of_an_idle_charge_point_ends_the_process(site: Site, csms: CentralSystem):
    """Nothing to bill: the answer, then exit 0 within seconds (RST-1)."""
    site.write(configuration(url=csms.url))
    daemon = site.start()
    csms.until("StatusNotification", 2)
    assert csms.ask(call.Reset(ResetType.soft)) == {"status": "Accepted"}
    assert daemon.wait(within_s=5) == 0, daemon.log
    assert csms.received("StopTransaction") == []
    assert csms.complaints == []
