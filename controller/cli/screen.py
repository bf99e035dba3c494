"""A table on the screen: in colour on a terminal, aligned plain text elsewhere; what others wrote cannot play with it."""

import sys
from collections.abc import Sequence


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print it; None is shown as a dash."""
    cells = [[cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _show_coloured(heads, cells)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(heads, cells)))


def cell(value: object) -> str:
    """On one line and without control characters: an idTag may come from anywhere (T-LOG)."""
    text = "-" if value is None or value == "" else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in (heads, *rows)]


def _show_coloured(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)


def moment(utc: str | None, *, trusted: bool | None = True) -> str | None:
    """An ISO time of the daemon as a person reads it, in UTC; `?` where nobody vouches for it."""
    if utc is None:
        return None
    return f"{utc[:19].replace('T', ' ')}Z{'' if trusted is not False else ' ?'}"
