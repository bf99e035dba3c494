"""Real processes: folders for charge points, and central systems for them to talk to.

Whatever a test starts is killed with its whole process group when the test, or the module, is over.
"""

import signal
from collections.abc import Iterator

import pytest

from tests.process.daemon import Site
from tests.process.independent_csms import CentralSystem


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What a script runs in the background ignores Ctrl-C, and hands that on to all it starts; a technician's shell does not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def site() -> Iterator[Site]:
    """A folder for one charge point."""
    place = Site()
    yield place
    place.close()


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    """Ten folders for ten charge points."""
    places = [Site() for _ in range(10)]
    yield places
    for place in places:
        place.close()


@pytest.fixture(scope="module")
def lasting_site() -> Iterator[Site]:
    """A folder that all tests of a module share; those tests only look, or leave things as they found them."""
    place = Site()
    yield place
    place.close()


@pytest.fixture
def csms() -> Iterator[CentralSystem]:
    """A central system made of the `ocpp` package, with its schema validation on."""
    with CentralSystem() as central_system:
        yield central_system


@pytest.fixture(scope="module")
def lasting_csms() -> Iterator[CentralSystem]:
    """The same, for all tests of a module."""
    with CentralSystem() as central_system:
        yield central_system
