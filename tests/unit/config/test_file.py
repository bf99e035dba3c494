"""The file itself: missing, torn, enormous, binary; and the line of every mistake in it (F-CFG)."""

import os
import random

import pytest

from controller.config import check
from controller.config.positions import positions
from tests.unit.config.files import SMALLEST, WHOLE, File


@pytest.mark.parametrize(("content", "line", "what"), [
    (b'[charge_point]\nidentity = "CP\n', 2, "is not TOML"), (b"[charge_point]\nidentity\n", 2, "is not TOML"),
    (b"[charge_point\n", 1, "is not TOML"), (b'a = """\nnever closed\n', 2, "is not TOML"),
    (b'[csms]\nurl = ""\nurl = ""\n', 3, "is not TOML"), (b"[csms]\n[log]\n[csms]\n", 3, "is not TOML"),
    (b"[log]\nlevel = 2026-13-01\n", 2, "is not TOML"), (b"[log]\n\nlevel = \x00\n", 3, "is not TOML"),
    (b'[log]\nlevel = "\xff"\n', 2, "is not UTF-8 text"), (b"\x7fELF\x02\x01\x01" + bytes(500), 1, "is not TOML"),
    (b"a = " + b"[" * 100_000, 1, "is not TOML"), (b"a = " + b"9" * 5000, 1, "is not TOML"),
    (b"#" * 10_000_000, 1, "is larger than 1000000 bytes"), (b"\xff\xfe[\x00l\x00o\x00g\x00", 1, "is not UTF-8 text"),
], ids=["open string", "no value", "open header", "open text block", "key twice", "table twice", "no such day", "NUL", "not UTF-8",
        "binary", "deep", "enormous number", "10 MB", "UTF-16"])
def test_what_is_no_configuration_is_told_in_one_line(tmp_path, content, line, what):
    """File, line, reason; no traceback, no guess (F-CFG)."""
    path = tmp_path / "evcp.toml"
    path.write_bytes(content)
    (problem,) = check(path)
    assert problem.startswith(f"{path}:{line}: {what}")
    assert len(problem) < 400


@pytest.mark.parametrize(("kind", "why"), [("nothing", "No such file or directory"), ("a folder", "Is a directory"),
                                           ("a file in the way", "Not a directory"), ("secret", "Permission denied")])
def test_what_cannot_be_read_is_told(tmp_path, kind, why):
    """The system's reason, at line 1."""
    path = tmp_path / "evcp.toml"
    match kind:
        case "a folder":
            path.mkdir()
        case "a file in the way":
            path.write_text("")
            path /= "evcp.toml"
        case "secret":
            if os.geteuid() == 0:
                pytest.skip("root may read everything")
            path.write_text(SMALLEST)
            path.chmod(0)
    assert check(path) == [f"{path}:1: cannot be read: {why}"]


@pytest.mark.parametrize("text", ["\ufeff" + SMALLEST, SMALLEST.replace("\n", "\r\n"), SMALLEST.rstrip("\n")],
                         ids=["byte order mark", "Windows line ends", "no last line end"])
def test_what_editors_do_to_a_file_does_no_harm(tmp_path, text):
    """Content is what counts."""
    path = tmp_path / "evcp.toml"
    path.write_bytes(text.encode())
    assert check(path) == []


@pytest.mark.parametrize("before", [
    'serial_number = """\n[log]\nlevel = 1\n"""', "serial_number = '''\n[[connector]]\nid = 7\n'''", "# \u2028 \x85 is no line end",
    'serial_number = "[a] # \\" x"  # level = 1', "serial_number = 'C:\\'", "serial_number = [\n  1, # ]\n  [2, '[x]']\n]",
], ids=["text block", "literal block", "odd white space", "string", "literal", "list"])
def test_lines_are_counted_right_whatever_stands_before(tmp_path, before):
    """Strings over several lines, brackets and comments do not move the line of a later mistake."""
    file = File(tmp_path, SMALLEST.replace('model = "Pi-AC22"', f'model = "Pi-AC22"\n{before}\n') + "[site]\nphases = 2\n")
    line = next(n for n, text in enumerate(file.text.split("\n"), 1) if text == "phases = 2")
    assert f"{line}: site.phases: " in [problem[:len(f"{line}: site.phases: ")] for problem in file.problems()]


@pytest.mark.parametrize(("text", "place", "line"), [
    ("[log]\nlevel = 1", ("log", "level"), 2), ("[ log ] # here\n\nlevel=1", ("log", "level"), 3), ("log.level = 1", ("log",), 1),
    ('"log"."level" = 1', ("log", "level"), 1), ("[[a]]\n[[a]]\nx = 1", ("a", 1, "x"), 3), ("[[a]]\n[a.b]\nx = 1", ("a", 0, "b", "x"), 3),
    ("[a]\n[[a.b]]\n[[a.b]]\n", ("a", "b", 1), 3), ("[[a]]\n", ("a",), 1), ("a = { x = 1, y = 2 }", ("a", "y"), 1),
    ("[a]\nb.c = 1\n", ("a", "b"), 2),
], ids=lambda part: str(part)[:20])
def test_every_table_and_key_has_its_line(text, place, line):
    """In each way TOML has to write them."""
    assert positions(text)[place] == line


@pytest.mark.parametrize(("text", "name"), [('"a\\nb" = 1\n', "'a\\nb'"), ('"" = 1\n', "''"), ('"grün" = 1\n', "'grün'")])
def test_a_strange_key_does_not_break_the_line(tmp_path, text, name):
    """One mistake, one line, whatever the key is called."""
    (problem,) = File(tmp_path, text + SMALLEST).problems()
    assert problem.startswith(f"1: {name}: unknown table")


@pytest.mark.parametrize("text", ["charge_point = 1", "[[charge_point]]", "connector = 1", "connector = []", "connector = [1]",
                                  "[connector]\nid = 1", "reader = 1", "reader = [1]", "[reader]", "ocpp = 1", "[[ocpp]]",
                                  "[site]\nmeter = 1", "[site]\nmeter = [1]", "[site.meter]", "[[site]]"])
def test_a_table_of_the_wrong_shape_is_told(tmp_path, text):
    """A list where a table belongs, a number where a list belongs."""
    name = text.strip("[] \n").split("]")[0].split(" ")[0].split("\n")[0].split(".")[0]
    base = "\n\n".join(block for block in WHOLE.split("\n\n") if not block.strip("[").startswith(name))
    found = File(tmp_path, f"{text}\n\n{base}" if "[" not in text[:1] else f"{base}\n{text}\n").problems()
    assert any(f": {name}" in problem for problem in found)


def _mutated(text: str, seed: int) -> bytes:
    chance = random.Random(seed)
    content = bytearray(text.encode())
    at, length = chance.randrange(len(content)), chance.choice([1, 2, 8, 60, 400])
    lines = text.splitlines(keepends=True)
    match seed % 8:
        case 0:
            del content[at:at + length]
        case 1:
            del content[at:]
        case 2:
            content[at] ^= 1 << chance.randrange(8)
        case 3:
            content[at:at] = chance.randbytes(length)
        case 4:
            content[at:at] = chance.choice([b"[", b"]", b'"', b"'''", b"=", b"\n", b"#", b"{", b"}", b",", b".", b"\0", b"-1e9", b"true"])
        case 5:
            chance.shuffle(lines)
            content[:] = "".join(lines).encode()
        case 6:
            one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one] = lines[one].split("=")[0] + "=" + lines[other].split("=")[-1]
            content[:] = "".join(lines).encode()
        case _:
            lines[chance.randrange(len(lines))] = chance.choice(
                ["[[connector]]\n", "[connector]\n", "id = 2\n", "x = nan\n", "driver = 1\n", "meter = {}\n", "phases = []\n"])
            content[:] = "".join(lines).encode()
    return bytes(content)


def test_500_mutations_give_a_configuration_or_a_reason(tmp_path):
    """Never a traceback, never silence, every line of the output names file and line (F-CFG: 500 mutations)."""
    path = tmp_path / "evcp.toml"
    refused = 0
    for seed in range(500):
        path.write_bytes(_mutated(WHOLE, seed))
        found = check(path)
        refused += bool(found)
        for problem in found:
            place, number, what = problem.removeprefix(str(tmp_path)).split(":", 2)
            assert place == "/evcp.toml"
            assert 1 <= int(number) <= 200
            assert what.strip()
            assert "\n" not in problem
    assert 250 < refused < 500, "most mutations hurt, some do not: the test sees both"
