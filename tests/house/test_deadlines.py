"""The bench of the guard's deadlines takes the time rightly, in its own processes and against a guard that is too slow."""

import random
import subprocess
import sys

import pytest

from controller.guard import process
from controller.guard.cycle import Channel
from tests.bench import deadlines
from tests.bench.daemon import folders
from tests.bench.deadlines import CONNECTORS, Kind, Outcome, Round, configured
from tests.bench.figures import Figure
from tests.bench.reaction_under_load import LIMIT_MS, SHARES, judged
from tests.house.sources import ROOT

PUNCTUAL_MS = {"p50": 0.05, "p99": 0.1, "max": 2.0}
"""A machine on which nothing is ever late."""


class SkippedTime:
    """Stands where `time` stands: whoever sleeps is woken at once, and to the moment."""

    def __init__(self) -> None:
        self._now_s = 1000.0

    def monotonic(self) -> float:
        """The skipped clock."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Over at once."""
        self._now_s += seconds


@pytest.fixture
def skipped(monkeypatch) -> SkippedTime:
    """The guard's loop and the bench on a machine without any lateness."""
    clock = SkippedTime()
    monkeypatch.setattr(process, "time", clock)
    monkeypatch.setattr(deadlines, "time", clock)
    return clock


def one_round(kind: Kind) -> Outcome:
    """One cause for each connector, in this process."""
    outcome = Outcome()
    with folders() as (storage, sockets):
        Round(kind, configured(kind, storage, sockets), random.Random(1)).run(outcome)
    return outcome


def broken(figures: list[Figure]) -> list[str]:
    """The figures that do not keep their bounds."""
    return [figure.name.strip() for figure in figures if figure.kept is False]


def test_the_bench_runs_with_a_handful_of_trials_and_ends_as_its_table_says():
    """Every kind is tried as often as it was told to, and the exit code is 1 exactly if a bound is broken (F-PILOT, F-RCD)."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.reaction_under_load", "--no-load", "--trials", "8"], cwd=ROOT,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ("BROKEN" in done.stdout), done.stdout + done.stderr
    counts = [int(row.partition("half of ")[2].split()[0]) for row in done.stdout.splitlines() if "half of" in row]
    assert counts == [8, 8, 3], "a whole round of connectors is the least"


@pytest.mark.parametrize(("kind", "most_ms"), [("fault", 10.0), ("pilot", 20.0)])
def test_without_any_lateness_the_grid_is_all_that_is_waited_for(skipped, kind, most_ms):
    """A fault input is seen in the next cycle, a pilot in the second one; the bench adds nothing to that (F-RCD, F-PILOT)."""
    outcome = one_round(kind)
    assert len(outcome.reactions_ms) == CONNECTORS[kind]
    assert most_ms - 10.0 <= min(outcome.reactions_ms) <= max(outcome.reactions_ms) <= most_ms + 1e-6
    assert not broken(judged(kind, outcome, PUNCTUAL_MS))


@pytest.mark.parametrize("kind", ["fault", "pilot"])
def test_a_guard_that_looks_too_seldom_is_found_out(skipped, kind, monkeypatch):
    """Looking at every twelfth cycle only, it is sometimes lucky; the bench counts those that it was not (F-RCD, F-PILOT)."""
    step, cycles = Channel.step, dict.fromkeys(range(1, CONNECTORS[kind] + 1), 0)
    began_s = skipped.monotonic()

    def seldom(channel: Channel, now_s: float, *, too_late: bool) -> None:
        number = channel.limits.connector_id
        cycles[number] += now_s > began_s
        if cycles[number] % 12 == 0:
            step(channel, now_s, too_late=too_late)

    monkeypatch.setattr(Channel, "step", seldom)
    outcome = one_round(kind)
    assert len(outcome.reactions_ms) == CONNECTORS[kind]
    assert "the slowest" in broken(judged(kind, outcome, PUNCTUAL_MS))


@pytest.mark.parametrize("kind", SHARES)
@pytest.mark.parametrize(("over_ms", "judgement"), [(0.0, 0), (0.1, 1)], ids=["at the bound", "above it"])
def test_one_trial_over_the_bound_breaks_it(kind, over_ms, judgement):
    """All but one of thousands is not all; the machine's own worst lateness is what the limit may be exceeded by (F-SDSLOW)."""
    slowest_ms = LIMIT_MS[kind] + PUNCTUAL_MS["max"] + over_ms
    figures = judged(kind, Outcome([10.0] * 4999 + [slowest_ms]), PUNCTUAL_MS)
    assert len(broken(figures)) == 2 * judgement


def test_a_contactor_that_never_opens_breaks_the_bound(skipped, monkeypatch):
    """A guard that does not react at all ends its trials too, and the worst way (F-RCD)."""
    monkeypatch.setattr(Channel, "_causes", lambda _channel, _now_s: set())
    assert "the slowest" in broken(judged("fault", one_round("fault"), PUNCTUAL_MS))
