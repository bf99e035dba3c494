"""How a mutant is judged: a forked child puts the changed module in place and runs the guard's tests until one fails.

pytest would put its own eyes on self_test.py, whose name looks like a test's, and not the mutant: assertions stay plain here.
Tests that are named after the module run first, so that most mutants are noticed in a fraction of a second. The parent has
imported what the tests need, but nothing of the guard, so a child begins in milliseconds and meets a fresh guard. A mutant
that is still busy after the time-out has been noticed: the tests would hang.
"""

import contextlib
import enum
import importlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.operators import Mutant

PACKAGE = "controller.guard"
MODULES = ("decide", "complaints", "wake_up", "self_test", "phases", "pilot", "fault_watch", "supervision", "cycle", "guard", "messages", "link_codec", "link")
"""Every module of the guard but two: process.py sleeps, signals and locks memory, and is proved with real processes by
tests/process; build.py only wires what the configuration names, which the scenarios and those processes exercise."""
TESTS = ("tests/unit/guard", "tests/contracts/test_link.py")
OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "--assert=plain")
MOST_CPU_S, MOST_BYTES = 40, 1 << 30
PATIENCE = 4
"""A mutant that hangs uses up its processor time or its memory; one that sleeps may take so many times as long as all tests
took unchanged."""
WARM = ("hypothesis", "hypothesis.stateful", "msgspec.json", "msgspec.structs", "controller.faults", "controller.errors",
        "drivers.protocols", "drivers.errors", "drivers.sim.devices", "drivers.sim.world", "socket", "tempfile")


class Verdict(enum.Enum):
    """What became of a mutant."""

    NOTICED = "noticed"
    SURVIVED = "survived"


class _InPlace(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant where its module is imported."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, self._source = f"{PACKAGE}.{mutant.module}", mutant.source

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, f"<mutant of {self._name}>", "exec"), module.__dict__)


class Runner:
    """Judges mutants, several at the same time."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._busy: dict[int, tuple[Mutant, float]] = {}
        self._patience_s = 0.0

    def warm_up(self) -> bool:
        """Load what every child needs; whether the unchanged guard passes its tests."""
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they would double the time of a mutant
        for name in WARM:
            importlib.import_module(name)
        began_s = time.monotonic()
        child = os.fork()
        if child == 0:
            _leave(_passes("every module", quiet=False))
        _, status = os.waitpid(child, 0)
        self._patience_s = PATIENCE * (time.monotonic() - began_s)
        return os.waitstatus_to_exitcode(status) == 0

    def judge(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, Verdict]]:
        """Each mutant with its verdict, as they come."""
        for count, mutant in enumerate(mutants):
            while len(self._busy) >= self._jobs:
                yield from self._collect()
            self._start(mutant)
            if count % 50 == 0:
                print(f"  {count} of {len(mutants)}", file=sys.stderr, flush=True)
        while self._busy:
            yield from self._collect()

    def _start(self, mutant: Mutant) -> None:
        child = os.fork()
        if child == 0:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            sys.meta_path.insert(0, _InPlace(mutant))
            _leave(_passes(mutant.module, quiet=True))
        self._busy[child] = mutant, time.monotonic()

    def _collect(self) -> Iterator[tuple[Mutant, Verdict]]:
        """Those that have ended, and those that take too long."""
        time.sleep(0.005)
        for child, (mutant, began_s) in list(self._busy.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                survived = os.waitstatus_to_exitcode(status) == 0
            elif time.monotonic() - began_s > self._patience_s:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                survived = False
            else:
                continue
            del self._busy[child]
            yield mutant, Verdict.SURVIVED if survived else Verdict.NOTICED


def _stages(module: str) -> list[list[str]]:
    """The tests that are named after the module, for they notice soonest, and then the others."""
    files = [path for test in TESTS for path in (sorted(Path(test).glob("test_*.py")) or [Path(test)])]
    first = [str(path) for path in files if path.name.startswith(f"test_{module}")]
    return [stage for stage in (first, [str(path) for path in files if str(path) not in first]) if stage]


def _passes(module: str, *, quiet: bool) -> bool:
    """Run the tests in this process until one fails."""
    assert not any(name.startswith(PACKAGE + ".") for name in sys.modules), "a child must meet a fresh guard"
    with contextlib.ExitStack() as stack:
        if quiet:
            void = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            for stream in (sys.stdout, sys.stderr):
                os.dup2(void.fileno(), stream.fileno())
        return all(pytest.main([*files, *OPTIONS]) == 0 for files in _stages(module))


def _leave(passed: bool) -> None:
    """End the child without running anything of the parent's."""
    sys.stdout.flush()
    os._exit(0 if passed else 1)
