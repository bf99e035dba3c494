"""A benchmark that cannot fail measures nothing: bounds are judged as they are meant."""

import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import Figure, lines, percentile


@pytest.mark.parametrize(("figure", "kept"), [
    (Figure("a", 45.0, "MiB", bound=45.0), True), (Figure("a", 45.1, "MiB", bound=45.0), False),
    (Figure("a", 3.0, "ms", 2.0, "b", ratio_bound=1.5), True), (Figure("a", 3.1, "ms", 2.0, "b", ratio_bound=1.5), False),
    (Figure("a", 1000.0, "ms", 2.0, "b"), None), (Figure("a", 1000.0, "ms"), None),
    (Figure("a", 40.0, "MiB", 8.0, "b", bound=45.0), True),
], ids=["at the bound", "above it", "at the ratio", "above the ratio", "for information", "alone", "a bound beside a baseline"])
def test_a_bound_is_kept_up_to_its_very_value(figure, kept):
    """Absolute bounds judge the value, relative ones the ratio to the baseline, and no bound judges nothing."""
    assert figure.kept is kept


def test_a_broken_bound_ends_the_benchmark_with_1(monkeypatch, capsys):
    """`python3 dev.py bench` fails where a figure is worse than promised, and names it."""

    async def measure() -> list[Figure]:
        return [Figure("good", 1.0, "ms", bound=2.0), Figure("bad", 3.0, "ms", bound=2.0)]

    monkeypatch.setattr(bench, "MEASURES", {"start": measure})
    monkeypatch.setattr("sys.argv", ["bench"])
    assert bench.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "bench: broken: bad"


def test_the_table_says_which_bound_is_broken():
    """Whoever reads only the table sees it too."""
    _, row = lines([Figure("calls", 3.1, "ms", 2.0, "an echo", ratio_bound=1.5)])
    assert row.split() == ["calls", "3.1", "ms", "2", "ms", "1.55", "x", "<=", "1.5", "x", "BROKEN", "an", "echo"]


def test_a_percentile_is_a_value_that_was_measured():
    """Nothing is interpolated: 99 of 100 took at most so long."""
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50.0, 99.0, 7.0)
