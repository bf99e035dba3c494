"""Which code and which tests answer for each numbered requirement: `requirements.toml` beside what the sources cite.

Code cites an id in a docstring or a comment of `controller/` or `drivers/`; a test cites it in its docstring, and a rule of the
rig, which judges every run there, in its own. "RES-1 to RES-4" cites four. `BOOT-*` names a family and cites none of it.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs" / "requirements.toml"
PRODUCT, RULES = ("controller", "drivers"), ROOT / "tests" / "rig" / "rules.py"
BINDING = ("M", "S")
MOST_LINKS = 3
CITED = re.compile(r"(?<![\w-])(?P<family>[A-Z]{2,5})-(?P<first>\d+)(?!\d)(?:\s+to\s+(?P=family)-(?P<last>\d+)(?!\d))?")
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the data."""

    id: str
    strength: str
    demands: str
    exempt: str = ""

    @property
    def needs_proof(self) -> bool:
        """Code and a test must cite it."""
        return self.strength in BINDING and not self.exempt


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chapter of the requirements."""

    number: int
    title: str
    requirements: tuple[Requirement, ...]


class Citation(NamedTuple):
    """One id, cited at one place."""

    id: str
    file: Path
    name: str
    """The function or class around it, dotted; empty for a module's own words."""


@cache
def sections() -> tuple[Section, ...]:
    """The data."""
    return msgspec.convert(tomllib.loads(DATA.read_text())["section"], tuple[Section, ...])


def known() -> dict[str, Requirement]:
    """Every requirement by its id."""
    return {requirement.id: requirement for section in sections() for requirement in section.requirements}


def families() -> set[str]:
    """What ids begin with."""
    return {identity.split("-")[0] for identity in known()}


# -- what the sources cite -----------------------------------------------------------------------------------------------


def cited(text: str) -> Iterator[tuple[str, int]]:
    """Every id of a known family in a text, ranges written out, and where in the text it stands."""
    for match in CITED.finditer(text):
        first = int(match["first"])
        if match["family"] in families():
            for number in range(first, int(match["last"] or first) + 1):
                yield f"{match['family']}-{number}", match.start()


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Functions, classes and methods with their dotted names; not what stands inside functions."""
    for node in body:
        if isinstance(node, Definition):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from definitions(node.body, f"{prefix}{node.name}.")


@cache
def code() -> tuple[Citation, ...]:
    """What the product cites, in the order of its files and lines."""
    return tuple(citation for folder in PRODUCT for file in sorted((ROOT / folder).rglob("*.py")) for citation in _in_module(file))


def _in_module(file: Path) -> Iterator[Citation]:
    text = file.read_text()
    places = list(definitions(ast.parse(text).body))
    for identity, at in cited(text):
        line = text.count("\n", 0, at) + 1
        around = [name for name, node in places if node.lineno <= line <= (node.end_lineno or node.lineno)]
        yield Citation(identity, file, around[-1] if around else "")


@cache
def tests() -> tuple[Citation, ...]:
    """What tests cite, in the order of their files."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    return tuple(citation for file in files for citation in _in_docstrings(file)
                 if citation.name.rpartition(".")[2].startswith("test_"))


@cache
def rules() -> tuple[Citation, ...]:
    """What the rules of the rig cite."""
    return tuple(_in_docstrings(RULES))


def _in_docstrings(file: Path) -> Iterator[Citation]:
    for name, node in definitions(ast.parse(file.read_text()).body):
        for identity, _ in cited(ast.get_docstring(node) or ""):
            yield Citation(identity, file, name)


# -- the page ------------------------------------------------------------------------------------------------------------


def parts() -> Iterator[str]:
    """The page's text: what the columns mean, then a table for each section."""
    proved = [requirement for requirement in known().values() if requirement.needs_proof]
    yield ("What OCPP 1.6 demands of a charge point, and where this one answers for it. Strength: M must, S should, O may, D our own "
           f"design where the standard is silent. Each M and S, {len(proved)} of them, has code and a test, or says why it cannot; a "
           "test holds that. Of many places the first few are shown; the ids themselves find all of them.")
    for section in sections():
        heads = ("id", "strength", "demands", "code", "tests")
        rows = [heads, ("---",) * len(heads), *(_row(requirement) for requirement in section.requirements)]
        yield f"## {section.number}. {section.title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(requirement: Requirement) -> tuple[str, ...]:
    demands = requirement.demands + (f" (exempt: {requirement.exempt})" if requirement.exempt else "")
    places = [citation for citation in code() if citation.id == requirement.id]
    proofs = [citation for citation in (*tests(), *rules()) if citation.id == requirement.id]
    return f"**{requirement.id}**", requirement.strength, demands, _links(places, _place), _links(proofs, _proof)


def _links(citations: list[Citation], named: Callable[[Citation], str]) -> str:
    """The first places, of different files where there are such, and how many more there are."""
    places = list(dict.fromkeys(citations))
    firsts = {citation.file: citation for citation in reversed(places)}
    shown = sorted(places, key=lambda citation: firsts[citation.file] != citation)[:MOST_LINKS]
    links = [f"[{named(citation)}](../../{citation.file.relative_to(ROOT)})" for citation in shown]
    return ", ".join(links) + (f" and {len(places) - len(shown)} more" if len(places) > len(shown) else "")


def _place(citation: Citation) -> str:
    return f"{citation.file.name}:{citation.name}".rstrip(":")


def _proof(citation: Citation) -> str:
    name = citation.name.rpartition(".")[2]
    return f"every run on the rig: {name}" if citation.file == RULES else name.removeprefix("test_").replace("_", " ")
