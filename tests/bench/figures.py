"""What a figure is: a value, the baseline it stands beside, and the bound it must keep."""

import math
from collections.abc import Iterable, Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One measured value. `bound` is absolute, `ratio_bound` relative to the baseline; None: for information."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    baseline_name: str = ""
    bound: float | None = None
    ratio_bound: float | None = None

    @property
    def ratio(self) -> float | None:
        """How often the baseline goes into the value."""
        return self.value / self.baseline if self.baseline else None

    @property
    def kept(self) -> bool | None:
        """Whether the bound is kept; None without one."""
        if self.bound is not None:
            return self.value <= self.bound
        if self.ratio_bound is not None and self.ratio is not None:
            return self.ratio <= self.ratio_bound
        return None


HEADS = ("figure", "value", "baseline", "ratio", "bound", "", "the baseline is")


def lines(figures: Iterable[Figure]) -> list[str]:
    """The table in plain text."""
    rows = [HEADS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(figure: Figure) -> tuple[str, ...]:
    unit = figure.unit
    bound = ""
    if figure.bound is not None:
        bound = f"<= {figure.bound:g} {unit}"
    elif figure.ratio_bound is not None:
        bound = f"<= {figure.ratio_bound:g} x"
    verdict = {None: "", True: "ok", False: "BROKEN"}[figure.kept]
    return (figure.name, _text(figure.value, unit), "" if figure.baseline is None else _text(figure.baseline, unit),
            "" if figure.ratio is None else f"{figure.ratio:.2f} x", bound, verdict, figure.baseline_name)


def _text(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the sorted `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
