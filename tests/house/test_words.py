"""What must not be found in the repository."""

import ast
import re

import pytest

from tests.house.sources import EVERYTHING, ROOT, functions, named, nodes, python_files, text_files

MARKERS = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
"""Put together here, or this file would find itself."""
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|work|Users)/\w")
CREDENTIALS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}")
TRACKERS = re.compile(r"\b(?:issue|ticket|story|sprint|milestone) #?[0-9]", re.IGNORECASE)
EXCEPTION = re.compile(r"# (?:noqa|type: ignore)(.*)")
REASON = re.compile(r"(?:: ?[A-Z0-9, ]+|\[[\w, -]+\]).*[-#,] ?\w+")
SAYS_NOTHING = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|misc|stuff)$")
WITH_REASON = {"ServiceManager": "the service manager is what systemd calls itself"}


def test_nothing_is_left_over_for_later():
    """A marker in the code is a promise that nobody keeps: do it, or write down why not."""
    found = [f"{named(file)}:{number}" for file in text_files()
             for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1) if MARKERS.search(line)]
    assert not found, found


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, CREDENTIALS, TRACKERS],
                         ids=["paths of one machine", "credentials", "numbers of a tracker"])
def test_nothing_of_one_machine_or_one_person_is_in_the_repository(pattern):
    """Paths of somebody's machine, secrets and numbers that mean something elsewhere do not belong here (T-SECRETS)."""
    found = [f"{named(file)}: {match[0]}" for file in text_files() for match in pattern.finditer(file.read_text(errors="replace"))
             if file.name != "test_words.py"]
    assert not found, found


def test_no_module_class_or_function_has_a_name_that_says_nothing():
    """Names are the standards' own terms or say what the thing does."""
    names = {file.stem: file for file in python_files(*EVERYTHING)}
    names |= {node.name: file for file in python_files(*EVERYTHING) for node in nodes(file)
              if isinstance(node, ast.ClassDef)}
    names |= {place.node.name: place.file for place in functions(*EVERYTHING) if not place.node.name.startswith("test_")}
    empty = [f"{named(file)}: {name}" for name, file in sorted(names.items())
             if SAYS_NOTHING.search(_snake(name)) and name not in WITH_REASON]
    assert not empty, empty


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_every_exception_to_a_rule_has_its_reason_beside_it():
    """`noqa` and `type: ignore` name the rule and say why."""
    bare = [f"{named(file)}:{number}" for file in python_files(*EVERYTHING) if file.name != "test_words.py"
            for number, line in enumerate(file.read_text().splitlines(), 1)
            for rest in EXCEPTION.findall(line) if not REASON.match(rest)]
    assert not bare, bare


def test_lock_files_name_every_package_with_its_hashes():
    """What is installed is what was resolved, byte for byte, and no index is written down."""
    for file in sorted((ROOT / "locks").glob("*.lock")):
        text = file.read_text().replace("\\\n", " ")
        pinned = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
        assert pinned
        assert not [line[:60] for line in pinned if "==" not in line or "--hash=sha256:" not in line]
        assert "index-url" not in text
        assert "://" not in text


def test_the_package_that_breaks_the_standard_library_is_in_no_lock():
    """`typing` from the package index shadows the module of that name (docs/decisions/0003-dependencies.md)."""
    for file in (ROOT / "locks").glob("*.lock"):
        assert not re.search(r"^typing==", file.read_text(), re.MULTILINE), named(file)
