"""Lets a test be `async def`: import this hook into the conftest of a folder whose tests run in virtual time."""

import inspect
from typing import Any

import pytest

from tests.rig.charge_point import ChargePoint
from tests.rig.loop import run_virtual


async def _run(pyfuncitem: pytest.Function) -> None:
    wanted: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    await pyfuncitem.obj(**wanted)
    for fixture in {id(value): value for value in wanted.values()}.values():
        if isinstance(fixture, ChargePoint):
            await fixture.finish()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function in a virtual loop of its own; at its end the rules of the rig must have been kept."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    run_virtual(_run(pyfuncitem))
    return True


@pytest.fixture
def charge_point(tmp_path: Any) -> ChargePoint:
    """A charge point that is still switched off: `await charge_point.start(...)`."""
    return ChargePoint(tmp_path)
