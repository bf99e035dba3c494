"""A line that another program holds: nothing charges over it, and everything works when it is free (F-GPIO)."""

import pytest

from drivers.sim import wired
from tests.wire.station import WiredStation


@pytest.fixture
def station(tmp_path, request):
    """A daemon that finds one of its lines taken."""
    station = WiredStation(tmp_path, held=[request.param])
    yield station
    station.let_go()
    station.close()


@pytest.mark.parametrize(("station", "told"), [
    (wired.COIL, ("PowerSwitchFailure", "contactor")), (wired.FEEDBACK, ("PowerSwitchFailure", "contactor")),
    (wired.FAULT_PINS["estop"], ("OtherError", "estop")),
], indirect=["station"], ids=["coil", "feedback", "emergency stop"])
async def test_f_gpio_a_line_of_another_program_keeps_the_connector_faulted(station, told):
    """No contactor that cannot be driven or seen, no input that cannot be read; free again, all is well (F-GPIO, rule 7)."""
    await station.told("Faulted", *told)
    station.plug()
    await station.stays(lambda: not station.closed, for_s=0.7)
    assert station.calls("StartTransaction") == []
    station.unplug()
    station.let_go()
    await station.told("Available")
