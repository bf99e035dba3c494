"""An event loop in which time is a number: when nothing is ready it jumps to the next timer.

Sockets are asked only whether something is there already, so both ends of one must live in this process. What would go
to a thread runs in place, or `executor_takes_s` of virtual time later, as on a disk that stalls.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
START_S = 1000.0
"""Monotonic seconds at the beginning: not zero, so that nobody can confuse "never" with "at the start"."""
TURNS_PER_MOMENT = 200_000
"""More turns than this without time passing: somebody is running in circles."""


class Deadlock(AssertionError):
    """Nothing is ready, nothing is planned: this would wait for ever."""


class Livelock(AssertionError):
    """Something is always ready: time would stand still for ever."""


class _Jump(selectors.BaseSelector):
    """Finds what is readable now; where nothing is, it moves the loop's time instead of waiting."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now_s = START_S
        self._turns = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        only_the_loop_itself = len(self._real.get_map()) <= 1
        ready = [] if only_the_loop_itself else self._real.select(0)
        self._turns += 1
        if self._turns > TURNS_PER_MOMENT:
            self._turns = 0
            raise Livelock(f"{TURNS_PER_MOMENT} turns of the loop at {self.now_s} s")
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Deadlock(f"nothing is left that could happen after {self.now_s} s")
        self.now_s += max(timeout, 0.0)
        self._turns = 0
        return ready

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs in no time at all."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self._clock_resolution = 1e-9
        self.executor_takes_s = 0.0
        """How long work beside the loop takes, in virtual time; it is done at the end of that time."""

    def time(self) -> float:
        """Virtual monotonic seconds."""
        return self._jump.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]  # the base class takes TypeVarTuples
        """Run it here: at once, or when the time that it takes is over."""
        done: asyncio.Future[T] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001 - belongs to whoever awaits it, as with a real thread
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)

        if self.executor_takes_s > 0:
            self.call_later(self.executor_takes_s, work)
        else:
            work()
        return done


def virtual_loop() -> VirtualLoop:
    """The loop that runs this coroutine."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time; what is still running then is cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
