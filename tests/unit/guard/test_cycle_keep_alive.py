"""The keep-alive line: edges from completed cycles and from nothing else, so that a guard that hangs drops the contactor."""

import pytest

from controller.guard.guard import TICK_S
from tests.unit.guard.workbench import Workbench


def test_every_completed_cycle_gives_one_edge():
    """A hundred a second, charging or not (hardware-drivers 3.4, F-SAFEKILL)."""
    bench = Workbench()
    bench.run(1.0)
    idle = bench.outlet.kicks
    bench.charge(16.0)
    before = bench.outlet.kicks
    bench.run(1.0)
    assert idle == round(1.0 / TICK_S)
    assert bench.outlet.kicks - before == round(1.0 / TICK_S)


def test_a_cycle_that_does_not_come_to_its_end_gives_none():
    """What kicks is the end of the whole cycle: a report that cannot be made is no complete one."""
    bench = Workbench()
    bench.run(0.1)
    before = bench.outlet.kicks
    bench.guard._report = None  # type: ignore[assignment]  # something breaks after the decision
    with pytest.raises(TypeError):
        bench.guard.step(bench.now_s)
    assert bench.outlet.kicks == before


def test_a_keep_alive_line_that_cannot_be_driven_disturbs_no_cycle():
    """The stage lets go by itself; the guard goes on and sees the contact open (F-GPIO)."""
    bench = Workbench()
    bench.broken.add("contactor.kick")
    bench.run(0.2)
    assert bench.outlet.kicks == 0
    assert ("contactor.kick",) in bench.calls
    assert not bench.report.faults


def test_a_repeat_of_the_decision_comes_before_the_edge():
    """The outputs are written first: an edge says that they are as decided."""
    bench = Workbench()
    bench.run(0.05)
    bench.calls.clear()
    bench.tick()
    names = [name for name, *_ in bench.calls]
    assert names[-1] == "contactor.kick"
    assert names.count("contactor.kick") == 1
