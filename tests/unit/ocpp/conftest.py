"""Tests of this folder that are `async def` run in virtual time; those on real sockets say so (`on_a_real_socket`)."""

import inspect

import pytest

from tests.rig.loop import run_virtual


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function in a virtual loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    run_virtual(pyfuncitem.obj(**wanted))
    return True
