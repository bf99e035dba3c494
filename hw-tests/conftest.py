"""Fixtures of the hardware tests, and the protocol: what ran, what was measured, what did not run and why."""

import hashlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import board as the_board

RESULTS = pytest.StashKey[dict[str, tuple[str, str]]]()
MEASURED = pytest.StashKey[dict[str, list[str]]]()
Record = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--protocol FILE`."""
    parser.addoption("--protocol", metavar="FILE", help="write the protocol of the hardware tests to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is known yet."""
    config.stash[RESULTS], config.stash[MEASURED] = {}, {}


@pytest.fixture(scope="session")
def whole_board() -> the_board.Board:
    """Made once; every test without it skips."""
    return the_board.made()


@pytest.fixture
def board(whole_board: the_board.Board) -> Iterator[the_board.Board]:
    """At rest before and after."""
    yield whole_board
    whole_board.at_rest()


@pytest.fixture
def bench(board: the_board.Board) -> the_board.Board:
    """What the contracts call it."""
    return board


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Record:
    """Put a figure into the protocol."""
    lines = request.config.stash[MEASURED].setdefault(request.node.nodeid, [])
    return lambda name, value: lines.append(f"{name}: {value}")


def spread(seconds: Sequence[float]) -> str:
    """p50, p99 and maximum, in milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {ordered[len(ordered) // 2] * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, max {ordered[-1] * 1e3:.2f} ms, n {len(ordered)}"


@pytest.fixture
def told_as_spread(measured: Record) -> Callable[[str, Sequence[float]], None]:
    """Put a distribution of times into the protocol."""
    return lambda name, seconds: measured(name, spread(seconds))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Keep the result: of the call, or of what came before it."""
    report: pytest.TestReport = yield
    if report.when == "call" or report.outcome != "passed":
        reason = str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        item.config.stash[RESULTS][item.nodeid] = report.outcome, reason
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The protocol at the end of the run, and in its file."""
    lines = protocol(config.stash[RESULTS], config.stash[MEASURED])
    terminalreporter.section("protocol")
    terminalreporter.write_line("\n".join(lines))
    file = config.getoption("--protocol")
    if file:
        Path(file).write_text("\n".join(lines) + "\n")


def protocol(results: dict[str, tuple[str, str]], measured: dict[str, list[str]]) -> list[str]:
    """A table: every test with its result, its figures, or why it did not run."""
    lines = [*_head(), "", f"{'result':8} test"]
    for name, (outcome, reason) in results.items():
        lines.append(f"{outcome:8} {name.rpartition('hw-tests/')[2]}")
        lines += [f"{'':9}  {what}" for what in [*measured.get(name, []), *([reason] if reason else [])]]
    counted = {outcome: sum(found == outcome for found, _ in results.values()) for outcome in ("passed", "failed", "skipped")}
    return [*lines, "", ", ".join(f"{count} {outcome}" for outcome, count in counted.items())]


def _head() -> list[str]:
    """When, on what, with which configuration."""
    path = os.environ.get("EVCP_HW_CONFIG", "")
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if path and Path(path).is_file() else "none"
    model = Path("/proc/device-tree/model")
    machine = model.read_text().strip("\0\n") if model.is_file() else platform.machine()
    permissions = [name for name in ("EVCP_HW_ENERGISE", "EVCP_HW_MOVE_BOLT") if os.environ.get(name) == "yes"]
    return [f"hardware tests of {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, up {time.monotonic():.0f} s",
            f"machine: {machine}; kernel {platform.release()}; Python {platform.python_version()}",
            f"configuration: {path or 'none'}, SHA-256 {digest}", f"permitted: {', '.join(permissions) or 'nothing'}"]
