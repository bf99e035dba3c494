"""The daemon as it is, which on SIGUSR1 also writes how many cycles of its guard came late: `python -m tests.bench.late_cycles run ...`.

The file is `late-cycles` beside the configuration.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from controller import app
from controller.__main__ import main

FILE = "late-cycles"


class Counted(app.App):
    """Answers the signal."""

    def __init__(self, configuration: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(configuration, *arguments, **options)
        self._count = Path(configuration.path).parent / FILE
        signal.signal(signal.SIGUSR1, self._write)

    def _write(self, *_: object) -> None:
        fresh = self._count.with_suffix(".new")
        fresh.write_text(str(max((report.late_ticks for report in self.link.reports.values()), default=0)))
        fresh.replace(self._count)


if __name__ == "__main__":
    app.App = Counted  # type: ignore[misc]  # the daemon makes its App by this name
    sys.exit(main())
