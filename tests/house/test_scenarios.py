"""Every scenario of the reference is told in `tests/scenarios`, under its own name; `scenarios.md` has the rows."""

import ast
import re

import pytest

from tests.house.sources import Place, every_test, named

ROWS = {
    "B1": "accepted", "B2": "pending", "B3": "rejected", "B4": "before the first boot", "B5": "queue full", "B6": "no start survives",
    "S1": "the first gestures", "S2": "ways to stop", "S3": "invalid after the start", "S4": "four keys", "S5": "a mixed list",
    "S6": "list contradicted", "S7": "life of a list", "S8": "out of service", "S9": "unlock", "S10": "flicker",
    "T1": "refused", "T2": "silence", "T3": "killed", "T4": "order", "T5": "late id",
    "M1": "samples", "M2": "many samples",
    "R1": "idle", "R2": "occupied", "R3": "faulted", "R4": "unavailable", "R5": "connector 0", "R6": "replaced", "R7": "group",
    "R8": "expiry and restart",
    "X1": "keys", "X2": "faults", "X3": "hostile frames", "X4": "disk", "X5": "backlog",
}
"""What each is about, in a word or two. Not here: charging profiles, firmware and diagnostics, which the program does not have."""
NAMED = re.compile(r"test_([bstmrx][0-9]+)_")


def stories() -> list[Place]:
    """Every test that plays the whole station in virtual time."""
    return [place for place in every_test()
            if named(place.file).startswith("tests/scenarios/") and isinstance(place.node, ast.AsyncFunctionDef)]


def row_of(place: Place) -> str | None:
    """The row that its name begins with."""
    found = NAMED.match(place.node.name)
    return found[1].upper() if found else None


def cited(place: Place) -> set[str]:
    """What its docstring names in parentheses."""
    inside = re.findall(r"\(([^()]*)\)", ast.get_docstring(place.node) or "")
    return {word.strip() for text in inside for word in text.split(",")}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_scenarios_has_its_story(row):
    """Whoever reads the row finds the test by its name and by the row in its docstring; a requirement alone would not do."""
    assert [place for place in stories() if row_of(place) == row and row in cited(place)], ROWS[row]


def test_a_story_that_is_named_after_a_row_cites_it():
    """Name and docstring say the same row, and the row exists."""
    wrong = [str(place) for place in stories() if (row := row_of(place)) is not None and (row not in ROWS or row not in cited(place))]
    assert not wrong, wrong
