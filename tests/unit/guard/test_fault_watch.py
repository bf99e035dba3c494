"""When a fault begins to stand and when it has cleared: the three classes of the catalogue, column "clears"."""

import pytest

from controller.faults import CATALOGUE, Clears, FaultKind
from controller.guard.fault_watch import FaultWatch

AUTO = [kind for kind, row in CATALOGUE.items() if row.clears is Clears.AUTO]
UNPLUG = [kind for kind, row in CATALOGUE.items() if row.clears is Clears.UNPLUG]
RESET = [kind for kind, row in CATALOGUE.items() if row.clears is Clears.RESET]
PLUGGED, UNPLUGGED = False, True


class Fault:
    """A watch that looks at one fault."""

    def __init__(self, kind: FaultKind) -> None:
        self.kind = kind
        self.watch = FaultWatch()

    def stands(self, now_s: float, *, caused: bool = False, unplugged: bool = PLUGGED) -> bool:
        """One look; whether the fault stands after it."""
        self.watch.look({self.kind} if caused else set(), unplugged=unplugged, now_s=now_s)
        assert self.watch.standing in (frozenset(), frozenset({self.kind}))
        return self.kind in self.watch.standing


def test_the_catalogue_has_every_class():
    """The tables below are not empty."""
    assert (len(AUTO), len(UNPLUG), len(RESET)) == (12, 7, 2)


@pytest.mark.parametrize("kind", AUTO)
def test_an_auto_fault_clears_a_second_after_its_cause(kind):
    """Contract 3, "auto": 1 s after the cause is gone, plugged or not."""
    fault = Fault(kind)
    assert not fault.stands(0.0)
    assert fault.stands(0.0, caused=True)
    assert fault.stands(5.0, caused=True)
    assert fault.watch.clearing
    assert fault.stands(5.01, unplugged=UNPLUGGED)
    assert fault.stands(5.99)
    assert not fault.stands(6.0)
    assert not fault.watch.clearing


def test_a_cause_that_comes_back_begins_the_second_anew():
    """Contract 3, "auto": the second is counted from the last time the cause was seen."""
    fault = Fault(FaultKind.OTHER)
    assert fault.stands(0.0, caused=True)
    assert fault.stands(0.9)
    assert fault.stands(0.95, caused=True)
    assert fault.stands(1.9)
    assert not fault.stands(1.95)


@pytest.mark.parametrize("kind", UNPLUG)
def test_an_unplug_fault_waits_for_the_unplugging(kind):
    """Contract 3, "unplug": cause gone and car unplugged, and neither alone."""
    fault = Fault(kind)
    assert fault.stands(0.0, caused=True)
    assert fault.stands(1.0, caused=True, unplugged=UNPLUGGED)
    assert fault.stands(100.0)
    assert not fault.watch.clearing
    assert not fault.stands(100.01, unplugged=UNPLUGGED)


@pytest.mark.parametrize("kind", RESET)
def test_a_reset_fault_waits_for_a_person(kind):
    """Contract 3, "reset": cause gone and a person resets it; for a weld too (contract 3 before T-RPC)."""
    fault = Fault(kind)
    assert fault.stands(0.0, caused=True)
    assert fault.stands(3600.0, unplugged=UNPLUGGED)
    assert not fault.watch.clearing
    fault.watch.reset(kind, 3600.0)
    assert not fault.stands(3600.01)


@pytest.mark.parametrize("kind", RESET)
def test_a_reset_does_not_help_while_the_cause_is_there(kind):
    """Contract 3, "reset": a person cannot talk a welded contact open."""
    fault = Fault(kind)
    assert fault.stands(0.0, caused=True)
    fault.watch.reset(kind, 1.0)
    for now_s in (1.0, 2.0, 4.0):
        assert fault.stands(now_s, caused=True)
    assert fault.stands(4.01), "that reset has been refused"


@pytest.mark.parametrize(("gone_s", "stands"), [(10.5, False), (12.0, False), (12.01, True)])
def test_a_reset_a_moment_before_the_cause_is_seen_gone_counts(gone_s, stands):
    """Contract 3: inactive is cause gone and reset, in one go; two seconds are a moment."""
    fault = Fault(FaultKind.RCD)
    assert fault.stands(10.0, caused=True)
    fault.watch.reset(FaultKind.RCD, 10.0)
    assert fault.stands(10.4, caused=True)
    assert fault.stands(gone_s) is stands


def test_a_reset_does_not_count_for_the_next_trip():
    """Contract 3, "reset": each trip needs its own person (F-RCD/PE/temp)."""
    fault = Fault(FaultKind.RCD)
    assert fault.stands(0.0, caused=True)
    fault.watch.reset(FaultKind.RCD, 1.0)
    assert not fault.stands(1.0)
    assert fault.stands(1.5, caused=True)
    assert fault.stands(1.51)


def test_a_reset_of_what_does_not_stand_is_not_kept():
    """A reset in vain is no credit for a trip that follows within two seconds."""
    fault = Fault(FaultKind.RCD)
    fault.watch.reset(FaultKind.RCD, 1.0)
    assert fault.stands(1.2, caused=True)
    assert fault.stands(1.3)


@pytest.mark.parametrize("kind", AUTO + UNPLUG)
def test_a_person_cannot_reset_what_clears_by_itself(kind):
    """Contract 3: "reset" is a class of its own."""
    fault = Fault(kind)
    assert fault.stands(0.0, caused=True)
    fault.watch.reset(kind, 0.5)
    assert fault.stands(0.5)


@pytest.mark.parametrize("kind", RESET)
def test_a_latched_fault_stands_after_a_restart(kind):
    """F-WELD: the latch survives a restart, the cause need not; it stands at once and until a person resets it."""
    fault = Fault(kind)
    fault.watch.latch(kind)
    assert fault.watch.standing == frozenset({kind})
    assert fault.stands(5.0)
    assert fault.stands(100.0, unplugged=UNPLUGGED)
    fault.watch.reset(kind, 100.0)
    assert not fault.stands(100.01)


@pytest.mark.parametrize("kind", AUTO + UNPLUG)
def test_only_what_a_person_resets_can_be_latched(kind):
    """T-RPC: the link cannot raise other faults from outside."""
    fault = Fault(kind)
    fault.watch.latch(kind)
    assert not fault.watch.standing


def test_faults_stand_side_by_side():
    """Each clears by its own rule."""
    watch = FaultWatch()
    watch.look({FaultKind.OTHER, FaultKind.DIODE, FaultKind.RCD}, unplugged=PLUGGED, now_s=0.0)
    assert watch.standing == {FaultKind.OTHER, FaultKind.DIODE, FaultKind.RCD}
    watch.look({FaultKind.DIODE}, unplugged=UNPLUGGED, now_s=1.0)
    assert watch.standing == {FaultKind.DIODE, FaultKind.RCD}
    watch.look([], unplugged=UNPLUGGED, now_s=1.1)
    assert watch.standing == {FaultKind.RCD}
    watch.reset(FaultKind.RCD, 1.2)
    watch.look([FaultKind.OTHER], unplugged=PLUGGED, now_s=1.2)
    assert watch.standing == {FaultKind.OTHER}
