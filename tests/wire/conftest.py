"""Real drivers against devices that speak the real protocols on the wire."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from drivers import lines
from drivers.pilot import adc, sysfs_pwm
from drivers.sim.pwm_tree import PwmTree


@pytest.fixture
def pins() -> Iterator[Any]:
    """gpiozero's mock pins under our lines."""
    factory = lines.mock_factory()
    lines.use(factory)
    yield factory
    lines.use(None)


@pytest.fixture
def pwm_tree(monkeypatch: pytest.MonkeyPatch) -> PwmTree:
    """The kernel's PWM files, by the kernel's rules."""
    tree = PwmTree()
    monkeypatch.setattr(sysfs_pwm, "files", tree)
    return tree


@pytest.fixture
def spi(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[int, int], Any]:
    """Put a chip at (bus, device) here and the drivers find it there."""
    chips: dict[tuple[int, int], Any] = {}
    monkeypatch.setattr(adc, "opener", lambda bus, device, _speed_hz: chips[bus, device])
    return chips


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A coroutine function plays on the station that it asks for, in that one's loop and in real time."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    from tests.wire.station import WiredStation  # the whole daemon: most tests here need a driver alone

    wanted = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    station = wanted["station"]
    assert isinstance(station, WiredStation)
    station.play(pyfuncitem.obj(**wanted))
    return True
