"""The tests of real hardware, tried without: on a machine that has none they skip, on the wired bench they pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMITATED = ("-p", "tests.wire.imitation")
SLOWEST_S = 120
BY_THE_MILLISECOND = ("test_a_sample_is_fresh", "test_a_change_shows_in_the_next_sample_but_one")
"""What a busy machine that plays the board cannot keep."""


def hardware_tests(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run them in a process of their own, with these variables of theirs and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EVCP_HW_", "PYTEST_"))}
    return subprocess.run([sys.executable, "-m", "pytest", "hw-tests", "-q", "-p", "no:cacheprovider", *arguments], cwd=ROOT,
                          env=inherited | environment, capture_output=True, text=True, timeout=SLOWEST_S, check=False)


def counted(output: str) -> tuple[int, int, int]:
    """Passed, failed, skipped, by the last line of the protocol."""
    (line,) = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.MULTILINE)
    return int(line[0]), int(line[1]), int(line[2])


def test_without_a_board_every_hardware_test_skips_and_says_what_it_lacks(tmp_path):
    """They are collected without a device or a library of a Pi; the protocol, in its file too, is a list of reasons."""
    file = tmp_path / "protocol.txt"
    ran = hardware_tests("--protocol", str(file))
    passed, failed, skipped = counted(ran.stdout)
    assert (ran.returncode, passed, failed) == (0, 0, 0)
    assert skipped > 60
    lines = file.read_text().splitlines()
    assert sum(line.strip().startswith("EVCP_HW_CONFIG is not set: ") for line in lines) == skipped
    assert "permitted: nothing" in lines
    for tests in (ROOT / "hw-tests").glob("test_*.py"):
        assert any(line.startswith(f"skipped  {tests.name}::") for line in lines), tests.name


def test_on_the_wired_bench_the_hardware_tests_pass():
    """With every permission: skipped is only what cannot be broken or is not there, and the figures are in the protocol."""
    ran = hardware_tests(*IMITATED, "-k", f"not ({' or '.join(BY_THE_MILLISECOND)})", EVCP_HW_ENERGISE="yes", EVCP_HW_MOVE_BOLT="yes", EVCP_HW_TRIALS="5")
    passed, failed, _skipped = counted(ran.stdout)
    assert (ran.returncode, failed) == (0, 0), ran.stdout[-4000:]
    assert passed > 60
    skipped = set(re.findall(r"^skipped +\S+?(\w+)(?:\[.*\])?$", ran.stdout, re.MULTILINE))
    assert skipped == {
        "test_a_welded_contact_shows", "test_a_contact_that_does_not_close_shows", "test_a_bolt_that_does_not_go_in_shows",
        "test_a_bolt_that_does_not_come_out_shows", "test_a_contact_that_stays_where_it_is_shows", "test_the_cable_rating_is_that_of_what_is_plugged",
        "test_a_card_that_lies_there_is_told_once"}
    for figure in ("closes: p50 ", "fault input to coil: p50 ", "line to line: p50 ", "pilot seen to open contact: p50 "):
        assert figure in ran.stdout
    assert "the coil was energised" in ran.stdout


def test_nothing_is_energised_without_permission():
    """Whatever else is given: only the word yes closes a contactor."""
    ran = hardware_tests(*IMITATED, "-k", "power_path or session", EVCP_HW_ENERGISE="1")
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "the coil was never energised" in ran.stdout
    assert "EVCP_HW_ENERGISE=yes is not given" in ran.stdout
