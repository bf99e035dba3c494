"""The screen of `evcp status`, in plain text."""

from typing import Any

import pytest

from controller.cli.status import exit_code, lines

ROW: dict[str, Any] = {
    "id": 1, "status": "Available", "error_code": "NoError", "fault": None, "info": None, "transaction_id": None,
    "id_tag": None, "offered_a": 0.0, "power_w": None, "energy_wh": None, "session_wh": None, "pilot": None,
    "contactor": None, "plugged": False}
STATUS: dict[str, Any] = {
    "identity": "CP-1", "version": "1.0", "online": False, "registration": None, "queue_length": 3, "error_code": "NoError",
    "connectors": [ROW], "warnings": ["beware"]}


def test_nothing_known_yet_is_a_screen_too():
    """Right after the start there is no reading and no report: words for it, no crash."""
    assert lines(STATUS) == [
        "CP-1  evcp 1.0  offline, registration none, 3 messages owed",
        "connector 1: Available",
        "  car ?  offered 0.0 A  no reading  register unknown",
        "! beware",
    ]


def test_a_station_without_a_central_system_is_not_called_offline():
    """Nothing is amiss; what is owed from before is told all the same (decision 11)."""
    assert lines({**STATUS, "stand_alone": True})[0] == "CP-1  evcp 1.0  stands alone, 3 messages owed"


def test_a_running_transaction_shows_number_tag_and_energy():
    """Power in kW, energy in kWh; a transaction without a number says so."""
    row = {**ROW, "status": "Charging", "id_tag": "04A1", "offered_a": 16.0, "power_w": 11040.0, "energy_wh": 1234.0,
           "session_wh": 234.0, "pilot": "C"}
    text = lines({**STATUS, "connectors": [row], "warnings": []})
    assert text[2:] == ["  car C  offered 16.0 A  11.04 kW  register 1.234 kWh", "  transaction not numbered yet  tag 04A1  0.234 kWh"]
    numbered = lines({**STATUS, "connectors": [{**row, "transaction_id": 0}], "warnings": []})
    assert numbered[3] == "  transaction 0  tag 04A1  0.234 kWh"


def test_a_reservation_tells_for_whom_and_until_when():
    """One line each; connector 0 is any one of them, and a parentIdTag lets in a whole group (RES-5, RES-6)."""
    one = {"reservation_id": 7, "connector_id": 2, "id_tag": "04A1", "parent_id_tag": None, "expiry_date": "2026-03-01T13:00:00+00:00"}
    text = lines({**STATUS, "reservations": [one, {**one, "connector_id": 0, "parent_id_tag": "FAMILY"}]})
    assert text[3:5] == ["reserved: connector 2 for 04A1 until 2026-03-01T13:00:00+00:00",
                         "reserved: any one connector for 04A1 and its group until 2026-03-01T13:00:00+00:00"]


@pytest.mark.parametrize(("own", "connector", "code"), [
    ("NoError", "NoError", 0), ("ReaderFailure", "NoError", 1), ("NoError", "GroundFailure", 1)])
def test_a_fault_anywhere_is_exit_1(own, connector, code):
    """Of the charge point or of a connector, warning or not."""
    assert exit_code({**STATUS, "error_code": own, "connectors": [{**ROW, "error_code": connector}]}) == code
