"""What a stranger reads is true."""

import argparse
import importlib
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import controller
import dev
from controller import __main__ as command
from tests.house.sources import ROOT, named, names_in, python_files

README = (ROOT / "README.md").read_text()
PAGES = [*sorted(ROOT.glob("*.md")),
         *(file for folder in ("docs", "changes", "systemd", "hw-tests") for file in sorted((ROOT / folder).rglob("*.md")))]
CODE = re.compile(r"`((?:controller|drivers|tests|docs|systemd)/[\w./-]*?\.(?:py|md|toml|svg|service))(?::([A-Za-z_][\w.]*))?`")
LINK = re.compile(r"\]\(([^)\s:]+)\)")


def blocks(language: str) -> list[str]:
    """Fenced blocks of the README."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def generator() -> ModuleType:
    """docs/generate.py, which is no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_what_the_code_says_now():
    """Configuration, keys, faults, errors, commands, link and transitions are described as they are."""
    assert generator().stale() == []


def test_a_stale_page_is_named_with_the_command_that_mends_it(tmp_path, monkeypatch, capsys):
    """Whoever changed a row learns which page to write anew, and how."""
    module = generator()
    page = tmp_path / "faults.md"
    page.write_text("as it was once\n")
    monkeypatch.setattr(module, "DOCS", tmp_path)
    monkeypatch.setattr(module, "REFERENCE", tmp_path / "reference")
    monkeypatch.setattr(module, "PAGES", {page: module.faults, tmp_path / "errors.md": module.error_page})
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert module.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        "docs/faults.md is stale; run: python3 dev.py docs", "docs/errors.md is missing; run: python3 dev.py docs"]


def test_the_configuration_in_the_readme_is_valid(tmp_path, capsys):
    """Whoever copies it gets a station that starts (F-CFG)."""
    (text,) = blocks("toml")
    file = tmp_path / "evcp.toml"
    file.write_text(text)
    assert command.main(["config", "check", str(file)]) == 0, capsys.readouterr().out


def commands() -> list[list[str]]:
    """The lines of the README's shell block, as words without comments."""
    return [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_in_the_readme_is_one_that_evcp_takes(words):
    """The words are parsed as the program would parse them; nothing runs."""
    program, verb, *arguments = words
    assert program == "evcp"
    parser = argparse.ArgumentParser()
    importlib.import_module(f"controller.cli.{verb}").add_arguments(parser)
    parser.parse_args(arguments)


def test_the_table_of_commands_names_every_verb():
    """A verb that the README does not name will not be found."""
    table = README.split("## Commands", 1)[1].split("## ", 1)[0]
    assert {verb for verb in command.VERBS if f"`evcp {verb}" not in table} == set()


def test_the_readme_names_only_what_dev_py_can_do():
    """`python3 dev.py demo` and the others exist."""
    named_verbs = set(re.findall(r"python3 dev\.py (\w+)", README))
    assert {"demo", "test", "check"} <= named_verbs <= set(dev.VERBS)


def test_dev_py_tells_of_everything_it_can_do():
    """Its help is the docstring that one reads first."""
    assert set(re.findall(r"python3 dev\.py ([\w-]+)", dev.__doc__ or "")) == set(dev.VERBS)


def references() -> Iterator[tuple[str, str, str | None]]:
    """Every file, or name in a file, that a page speaks of."""
    for page in PAGES:
        for match in CODE.finditer(page.read_text()):
            yield named(page), match[1], match[2]


def test_every_file_and_name_that_the_pages_mention_exists():
    """The tour leads to where things are, not to where they once were."""
    wrong = []
    for page, path, name in references():
        file = ROOT / path
        if not file.exists():
            wrong.append(f"{page}: there is no {path}")
        elif name is not None and name not in names_in(file):
            wrong.append(f"{page}: {path} has no {name}")
    assert not wrong, wrong


def test_the_tour_mentions_enough_to_follow_a_card():
    """The check above would pass on an empty page."""
    mentioned = [path for page, path, _ in references() if page == "docs/tour.md"]
    assert len(mentioned) > 60
    assert {"drivers/sim/desk.py", "controller/shell/pump.py", "controller/guard/decide.py"} <= set(mentioned)


def test_every_link_between_pages_leads_somewhere():
    """Files and headings that are linked to exist."""
    broken = []
    for page in PAGES:
        for target in LINK.findall(page.read_text()):
            path, _, heading = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (heading and heading not in anchors(file)):
                broken.append(f"{named(page)}: {target}")
    assert not broken, broken


def anchors(file: Path) -> set[str]:
    """What a heading can be linked by."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_that_the_code_points_to_exists():
    """Docstrings and messages send people to pages of docs/ and systemd/."""
    gone = [f"{named(file)}: {path}" for file in [*python_files("controller", "drivers"), ROOT / "pyproject.toml"]
            for path in re.findall(r"\b((?:docs|systemd|changes)/[\w./-]+\.(?:md|svg|service))\b", file.read_text())
            if not (ROOT / path).exists()]
    assert not gone, gone


def test_the_program_and_its_package_agree_on_the_version():
    """What BootNotification says is what was installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == controller.__version__


def test_decisions_are_numbered_without_gaps_and_listed():
    """The index of docs/decisions names every record, and the numbers tell their order."""
    folder = ROOT / "docs" / "decisions"
    records = sorted(file.name for file in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    index = (folder / "README.md").read_text()
    assert [name for name in records if f"({name})" not in index] == []


def test_every_decision_says_what_was_decided_and_what_it_costs():
    """A record without the price is an advertisement."""
    for file in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        headings = re.findall(r"^## (.+)$", file.read_text(), re.MULTILINE)
        assert headings == ["Question", "Decision", "Price"], named(file)


def test_the_changelog_begins_with_what_is_not_released_yet():
    """The newest entry is where the fragments of changes/ go."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_every_change_is_told_in_the_words_of_a_user():
    """A fragment is one file that begins with its kind and holds one short paragraph."""
    fragments = [file for file in (ROOT / "changes").glob("*.md") if file.name != "README.md"]
    kinds = re.findall(r"^- `(\w+)`", (ROOT / "changes" / "README.md").read_text(), re.MULTILINE)
    for file in fragments:
        kind, _, words = file.read_text().strip().partition(": ")
        assert kind in kinds, named(file)
        assert 20 <= len(words) <= 600, named(file)
        assert "\n\n" not in words, named(file)
