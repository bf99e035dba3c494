"""`csms.compat = true`: answers as the common Python toolkits for central systems expect them (`contract.md` section 4)."""

from collections.abc import Iterator

import pytest

from tests.process.daemon import Daemon, Site, configuration
from tests.process.independent_csms import ERROR, CentralSystem, call
from tests.process.test_commands_from_the_csms import MALFORMED


@pytest.fixture(scope="module")
def daemon(lasting_site: Site, lasting_csms: CentralSystem) -> Daemon:
    """One idle charge point that is told to be compatible."""
    lasting_site.write(configuration(url=lasting_csms.url, csms="compat = true"))
    daemon = lasting_site.start()
    daemon.until(lambda: len(lasting_csms.received("StatusNotification")) >= 2, what="two statuses")
    return daemon


@pytest.fixture
def csms(daemon: Daemon, lasting_csms: CentralSystem) -> Iterator[CentralSystem]:
    """The central system, hearing anew; at the end it has nothing to complain about."""
    lasting_csms.frames.clear()
    yield lasting_csms
    assert lasting_csms.complaints == []


@pytest.mark.parametrize(("action", "payload"), [row[1:3] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_every_malformed_call_is_a_formation_violation(csms, action, payload):
    """One code for missing, mistyped, over-long, unexpected fields and bad enumeration values."""
    assert csms.refusal(action, payload) == "FormationViolation"


def test_an_unknown_action_is_still_not_implemented(csms):
    """A CALL of an unknown action is not malformed (RPC-11)."""
    assert csms.refusal("MakeCoffee", {}) == "NotImplemented"


def test_an_undecodable_frame_is_answered_with_a_generic_error(daemon, csms):
    """CALLERROR GenericError with id -1; the conversation goes on."""
    csms.send_raw("not json")
    daemon.until(lambda: csms.answer_to("-1"), what="an answer with id -1")
    answer = csms.answer_to("-1")
    assert answer is not None
    assert answer[:3] == [ERROR, "-1", "GenericError"]
    assert csms.ask(call.ClearCache()) == {"status": "Accepted"}


def test_a_session_is_the_same(daemon, csms):
    """Compatibility changes refusals, not bills."""
    daemon.sim("plug", connector=1, ev={"request_after_s": 0.05})
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    daemon.sim("unplug", connector=1)
    assert csms.until("StopTransaction")["transactionId"] == csms._transaction_id
    csms.until_status("Available")


def test_a_reconnect_boots_again(daemon, csms):
    """BootNotification on every connection (against WS-7, on purpose)."""
    daemon.sim("link", up=False)
    daemon.until(lambda: not daemon.status()["online"], what="offline")
    daemon.sim("link", up=True)
    csms.until("BootNotification")
