"""Every requirement has its code and its test, and nobody cites one that does not exist."""

import pytest

from docs import requirements
from tests.house.sources import EVERYTHING, ROOT, named, python_files

PAGE = ROOT / "docs" / "reference" / "requirements.md"
LONGEST = 60


@pytest.mark.parametrize(("where", "citations"), [("code", requirements.code), ("test", requirements.tests)])
def test_every_binding_requirement_is_cited_by_code_and_by_a_test(where, citations):
    """A must or a should that nobody answers for is a gap; who cannot answer says why in docs/requirements.toml."""
    cited = {citation.id for citation in citations()}
    gaps = [identity for identity, row in requirements.known().items() if row.needs_proof and identity not in cited]
    assert not gaps, f"no {where} cites {', '.join(gaps)}"


def test_an_exemption_is_for_what_nothing_answers():
    """A reason that a test contradicts is out of date."""
    cited = {citation.id for citation in requirements.tests()}
    assert not [identity for identity, row in requirements.known().items() if row.exempt and identity in cited]


def test_only_requirements_that_exist_are_cited():
    """A slip in a number would prove something else."""
    files = [*python_files(*EVERYTHING), *(file for file in sorted((ROOT / "docs").rglob("*.md")) if file != PAGE)]
    wrong = [f"{named(file)}: {identity}" for file in files for identity, _ in requirements.cited(file.read_text())
             if identity not in requirements.known()]
    assert not wrong, wrong


def test_the_rows_of_the_requirements_are_in_order():
    """Sections count from 1, no id comes twice, strengths are the four letters, and words are few."""
    assert [section.number for section in requirements.sections()] == list(range(1, len(requirements.sections()) + 1))
    rows = [row for section in requirements.sections() for row in section.requirements]
    assert len({row.id for row in rows}) == len(rows)
    assert {row.strength for row in rows} == {"M", "S", "O", "D"}
    assert not [row.id for row in rows if not 0 < len(row.demands) <= LONGEST]


@pytest.mark.parametrize(("text", "ids"), [
    ("what holds (BOOT-3, RPC-14)", ["BOOT-3", "RPC-14"]),
    ("(RES-1 to RES-4)", ["RES-1", "RES-2", "RES-3", "RES-4"]),
    ("(LIST-3 to\n    LIST-5)", ["LIST-3", "LIST-4", "LIST-5"]),
    ("BOOT-1 to say HB-2", ["BOOT-1", "HB-2"]),
    ("BOOT-*, F-1970, T3, UTF-8, TC_004, S1 to S4", []),
])
def test_ids_are_read_as_sources_write_them(text, ids):
    """Lists and ranges cite each of their ids; families, scenarios, faults and threats are no ids."""
    assert [identity for identity, _ in requirements.cited(text)] == ids
