"""The baseline of the deadlines, a process of its own: the guard's loop, priority and grid around a guard that does nothing.

`python -m tests.bench.bare_loop` prints a line when it goes, and at SIGTERM how late its cycles began, in ms, as JSON: p50, p99,
max and count.
"""

import gc
import json
import sys

from controller.guard.guard import Guard
from controller.guard.link import memory_link
from controller.guard.process import Log, Process, become_real_time
from tests.bench.figures import percentile


class Idle(Guard):
    """Only writes down how late each cycle began."""

    def __init__(self) -> None:
        super().__init__([], memory_link()[1])
        self.lateness_ms: list[float] = []

    def step(self, now_s: float, *, expected_s: float | None = None) -> None:
        """One cycle of nothing; with the first, whoever waits may begin."""
        if not self.lateness_ms:
            print("goes", flush=True)
        self.lateness_ms.append((now_s - (now_s if expected_s is None else expected_s)) * 1000)


def main() -> int:
    """Until SIGTERM."""
    become_real_time()
    idle = Idle()
    gc.collect()
    gc.freeze()
    gc.disable()
    Process(idle, None, None, Log(2)).run()
    late_ms = idle.lateness_ms
    print(json.dumps({"p50": percentile(late_ms, 0.5), "p99": percentile(late_ms, 0.99), "max": max(late_ms), "count": len(late_ms)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
