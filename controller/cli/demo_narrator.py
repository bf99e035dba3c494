"""Tells the demo: a line per thing that happens, and a small live picture of current and energy."""

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

BARS = " ▁▂▃▄▅▆▇█"
PICTURE_WIDTH = 48
STYLES = {"story": "bold white", "car": "cyan", "card": "magenta", "pilot": "yellow", "power": "red", "meter": "green",
          "ocpp >": "blue", "ocpp <": "bright_blue", "net": "bold red"}


class Narrator:
    """Collects what is told; subclasses show it."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._currents: deque[float] = deque(maxlen=PICTURE_WIDTH)
        self._energy_wh = 0.0

    def say(self, who: str, text: str) -> None:
        """One line: who (car, card, pilot, power, meter, ocpp, story) and what."""
        self._show(who, f"{time.monotonic() - self._began_s:5.1f} s  {who:<7}{text}")

    def measure(self, amperes: float, energy_wh: float) -> None:
        """The picture moves on."""
        self._currents.append(amperes)
        self._energy_wh = energy_wh
        self._redraw()

    def picture(self) -> str:
        """Current over time as bars, and the energy of the session."""
        bars = "".join(BARS[min(8, round(amperes / 32 * 8))] for amperes in self._currents)
        latest = self._currents[-1] if self._currents else 0.0
        return f"{bars:>{PICTURE_WIDTH}} {latest:5.1f} A  {self._energy_wh:7.1f} Wh"

    def _show(self, who: str, line: str) -> None:
        print(line, flush=True)

    def _redraw(self) -> None:
        """Plain text has no live picture; `say` shows it now and then."""


class LiveNarrator(Narrator):
    """On a terminal: colours, and the picture stays at the bottom."""

    def __init__(self, console: Any, live: Any) -> None:
        super().__init__()
        self._console = console
        self._live = live

    def _show(self, who: str, line: str) -> None:
        self._console.print(line, style=STYLES.get(who, ""), markup=False, highlight=False, no_wrap=True, crop=True)

    def _redraw(self) -> None:
        from rich.panel import Panel

        self._live.update(Panel(self.picture(), title="current and energy", border_style="green", expand=False))


@contextlib.contextmanager
def narrator(*, plain: bool) -> Iterator[Narrator]:
    """The one that fits the output."""
    if plain:
        yield Narrator()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, refresh_per_second=10) as live:
        yield LiveNarrator(console, live)
