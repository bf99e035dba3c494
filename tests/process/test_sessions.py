"""Whole charging sessions against a central system that knows nothing of our code; its schemas judge every frame."""

from collections.abc import Iterator

import pytest

from tests.process.daemon import Daemon, Site, configuration
from tests.process.independent_csms import CentralSystem, call

EAGER = {"request_after_s": 0.05, "current_a": 16}
OCPP = ('MeterValueSampleInterval = 1\nStopTxnSampledData = "Energy.Active.Import.Register"\n'
        'MeterValuesSampledData = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"')


@pytest.fixture(scope="module")
def daemon(lasting_site: Site, lasting_csms: CentralSystem) -> Daemon:
    """One charge point for all sessions; every test leaves its connector free."""
    lasting_site.write(configuration(url=lasting_csms.url, ocpp=OCPP, simulation="energy_scale = 100"))
    return lasting_site.start()


@pytest.fixture
def csms(daemon: Daemon, lasting_csms: CentralSystem) -> Iterator[CentralSystem]:
    """The central system, hearing anew; at the end it has nothing to complain about."""
    daemon.until(lambda: lasting_csms.statuses()[-1:] == ["Available"], what="a free connector")
    lasting_csms.frames.clear()
    yield lasting_csms
    daemon.sim("unplug", connector=1)
    lasting_csms.until_status("Available")
    assert lasting_csms.complaints == []


def sold_wh(csms: CentralSystem) -> int:
    """What the only transaction is billed for."""
    (start,), (stop,) = csms.received("StartTransaction"), csms.received("StopTransaction")
    return int(stop["meterStop"]) - int(start["meterStart"])


def test_a_boot_announces_itself_and_then_every_connector(daemon, lasting_csms):
    """BootNotification is first, and nothing leaves before its answer; then connector 0 and 1 (BOOT-1, BOOT-3)."""
    daemon.until(lambda: len(lasting_csms.received("StatusNotification")) >= 2)
    assert lasting_csms.actions()[0] == "BootNotification"
    boot = lasting_csms.received("BootNotification")
    assert [(p["chargePointVendor"], p["chargePointModel"]) for p in boot] == [("Example", "Pi")]
    assert {p["connectorId"] for p in lasting_csms.received("StatusNotification")} == {0, 1}
    assert {p["status"] for p in lasting_csms.received("StatusNotification")} == {"Available"}


def test_plug_first_session_ends_with_the_same_card_and_bills_what_the_meter_counted(daemon, csms):
    """Preparing, Authorize, StartTransaction, Charging, MeterValues, StopTransaction Local, Finishing (TXN-3, AUTH-3, MTR-9)."""
    before_wh = daemon.world()["energy_wh"]
    daemon.sim("plug", connector=1, ev=EAGER)
    csms.until_status("Preparing")
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    sample = csms.until("MeterValues")
    daemon.sim("swipe", id_tag="04A1B2C3")
    stop = csms.until("StopTransaction")
    csms.until_status("Finishing")
    start = csms.received("StartTransaction")[0]
    assert (start["connectorId"], start["idTag"], start["meterStart"]) == (1, "04A1B2C3", int(before_wh))
    assert sample["transactionId"] == stop["transactionId"] == csms._transaction_id
    assert stop.get("reason", "Local") == "Local"
    assert stop["idTag"] == "04A1B2C3"
    assert stop["meterStop"] == int(daemon.world()["energy_wh"])
    assert sold_wh(csms) > 100
    assert len(csms.received("Authorize")) == 1
    assert csms.statuses() == ["Preparing", "SuspendedEV", "Charging", "Finishing"]


def test_samples_carry_every_measurand_that_was_asked_for_as_text(daemon, csms):
    """Energy and power as totals, current and voltage per phase, values as strings (MTR-1, MTR-7, MTR-8)."""
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    csms.until("MeterValues", 2)
    values = csms.received("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    total = {value["measurand"]: value["value"] for value in values if "phase" not in value}
    assert float(total["Power.Active.Import"]) == pytest.approx(3 * 230 * 16)
    assert float(total["Energy.Active.Import.Register"]) > 0
    amperes = [float(value["value"]) for value in values if value["measurand"] == "Current.Import" and "phase" in value]
    assert amperes == pytest.approx([16, 16, 16])


def test_card_first_session_ends_with_the_unplugging(daemon, csms):
    """The card prepares, the plug starts, the unplugging stops with EVDisconnected (TXN-2, TXN-12, TXN-15)."""
    daemon.sim("swipe", id_tag="DEADBEEF")
    csms.until_status("Preparing")
    assert not csms.received("StartTransaction")
    daemon.sim("plug", connector=1, ev=EAGER)
    csms.until_status("Charging")
    daemon.sim("unplug", connector=1)
    stop = csms.until("StopTransaction")
    assert stop["reason"] == "EVDisconnected"
    daemon.until_world(contactor=False, lock=False)


def test_remote_start_and_remote_stop(daemon, csms):
    """A remote start is authorised like a card; its stop has reason Remote and the transaction's id (RMS-1, RMS-5, RMT-1)."""
    assert csms.ask(call.RemoteStartTransaction("REMOTE1", connector_id=1)) == {"status": "Accepted"}
    csms.until_status("Preparing")
    daemon.sim("plug", connector=1, ev=EAGER)
    start = csms.until("StartTransaction")
    csms.until_status("Charging")
    number = csms._transaction_id
    assert start["idTag"] == "REMOTE1"
    assert csms.ask(call.RemoteStopTransaction(number + 1)) == {"status": "Rejected"}
    assert csms.ask(call.RemoteStopTransaction(number)) == {"status": "Accepted"}
    stop = csms.until("StopTransaction")
    assert (stop["reason"], stop["transactionId"]) == ("Remote", number)
    daemon.until_world(contactor=False, pwm_duty=1.0)


def test_unlock_connector_ends_the_transaction_and_frees_the_cable(daemon, csms):
    """Unlocked, StopTransaction with reason UnlockCommand, contactor open before the bolt is out (UNL-1, UNL-2)."""
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    assert daemon.world()["lock"]
    assert csms.ask(call.UnlockConnector(1)) == {"status": "Unlocked"}
    assert csms.until("StopTransaction")["reason"] == "UnlockCommand"
    row = daemon.until_world(lock=False)
    assert not row["contactor"]


def test_a_refused_card_charges_nobody(daemon, csms):
    """Authorize answered Blocked: no transaction, no power, the connector stays Preparing (AUTH-1, AUTH-12)."""
    csms.tags["BADCARD"] = "Blocked"
    daemon.sim("plug", connector=1, ev=EAGER)
    csms.until_status("Preparing")
    daemon.sim("swipe", id_tag="BADCARD")
    assert csms.until("Authorize")["idTag"] == "BADCARD"
    for _ in range(100):  # a card shown again while the first answer is on its way means nothing new
        if len(csms.received("Authorize")) > 1:
            break
        daemon.sim("swipe", id_tag="BADCARD")
    csms.until("Authorize", 2)
    assert csms.received("StartTransaction") == []
    assert (daemon.world()["pwm_duty"], daemon.world()["contactor"]) == (1.0, False)
    assert csms.statuses() == ["Preparing"]
