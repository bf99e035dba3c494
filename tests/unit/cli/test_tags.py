"""The list of `evcp tags`, in plain text."""

from typing import Any

from controller.cli.tags import lines

ROW: dict[str, Any] = {"id_tag": "04A1B2C3", "source": "own", "status": "Accepted", "label": "Anna", "expiry_date": None,
                       "parent_id_tag": None, "learned": None}


def test_every_card_is_a_line_under_a_head():
    """One column each for tag, source, status, expiry and label."""
    listed = {**ROW, "id_tag": "AA", "source": "list", "status": "Blocked", "label": "", "expiry_date": "2026-03-01T12:00:00Z"}
    assert lines({"list_version": 7, "tags": [ROW, listed]}) == [
        "2 known, local list version 7",
        "card      known by    status    until                 label",
        "04A1B2C3  own         Accepted  -                     Anna",
        "AA        local list  Blocked   2026-03-01T12:00:00Z",
    ]


def test_nobody_known_is_one_line():
    """Without a table; a station without lists says so."""
    assert lines({"list_version": -1, "tags": []}) == ["0 known, no local list"]
