"""A Local Authorization List as long as may be, sent in parts by the package `ocpp`, over a SIGKILL."""

import signal

from tests.process.daemon import configuration
from tests.process.independent_csms import call

ENTRIES, PARTS = 10_000, 20
PART = ENTRIES // PARTS


def tags(part):
    """The tags of one part, from 1."""
    return [f"{number:08X}" for number in range((part - 1) * PART, part * PART)]


def update(part):
    """The list begins with a Full update and grows by Differential ones; its version is the number of the part."""
    entries = [{"id_tag": id_tag, "id_tag_info": {"status": "Accepted"}} for id_tag in tags(part)]
    return call.SendLocalList(part, "Full" if part == 1 else "Differential", entries)


def listed(daemon):
    """The tags that the daemon knows from the list."""
    rows = daemon.request("GET", "/api/v1/tags")[1]["tags"]
    return {row["id_tag"]: row["status"] for row in rows if row["source"] == "list"}


def test_a_list_of_ten_thousand_entries_arrives_in_parts_and_outlives_a_kill(site, csms):
    """Each part counts as soon as it is answered; killed right after the last answer, the list is whole (LIST-3, LIST-4, LIST-5, F-KILL).

    Offline, a tag of the last part then charges, and one that is not in the list does not (AUTH-7, AUTH-9).
    """
    site.write(configuration(url=csms.url))
    daemon = site.start()
    csms.until_status("Available")
    for part in range(1, PARTS + 1):
        assert csms.ask(update(part)) == {"status": "Accepted"}
        assert csms.ask(call.GetLocalListVersion()) == {"list_version": part}
    daemon.end(signal.SIGKILL)
    csms.frames.clear()
    again = site.start()
    csms.until_status("Available")
    assert csms.ask(call.GetLocalListVersion()) == {"list_version": PARTS}
    assert listed(again) == dict.fromkeys((id_tag for part in range(1, PARTS + 1) for id_tag in tags(part)), "Accepted")
    assert csms.ask(call.SendLocalList(PARTS + 1, "Differential", [{"id_tag": "ONE-MORE", "id_tag_info": {"status": "Accepted"}}])) == {
        "status": "Failed"}
    again.sim("link", up=False)
    again.sim("plug", connector=1)
    again.sim("swipe", id_tag="FFFFFFFF")
    again.sim("swipe", id_tag=tags(PARTS)[-1])
    assert again.until_status("Charging")["id_tag"] == tags(PARTS)[-1]
    assert csms.complaints == []
