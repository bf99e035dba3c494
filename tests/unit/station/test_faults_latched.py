"""Faults that only a person resets: stored, handed to the guard at every start, dropped when they are really gone."""

import pytest

from controller import commands
from controller.events import ConnectorReported, FaultReset, GuardFound, GuardLost
from controller.faults import FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.types import ChargePointStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

K = FaultKind
LATCHED = (K.RCD, K.CONTACTOR_WELDED)
NONE: frozenset[FaultKind] = frozenset()


def latches(conversation: Conversation) -> set[tuple[int, FaultKind]]:
    """What is stored."""
    return set(conversation.store.load().latches)


def handed(conversation: Conversation) -> list[commands.Command]:
    """The latches given to the guard."""
    return [command for command in conversation.orders if isinstance(command, commands.HandLatch)]


def trip(conversation: Conversation, kind: FaultKind = K.RCD) -> None:
    """The guard reports the fault; what was ordered before is forgotten."""
    conversation.change(faults=frozenset({kind}))
    conversation.forget()


@pytest.mark.parametrize("kind", LATCHED, ids=lambda kind: kind.value)
def test_a_latched_fault_is_stored_and_handed_to_the_guard_at_every_start(conversation: Conversation, kind: FaultKind) -> None:
    """It survives restarts: the guard hears of it before anything is offered (F-WELD)."""
    trip(conversation, kind)
    assert latches(conversation) == {(1, kind)}
    conversation.restart(power_cut=True)
    assert handed(conversation) == [commands.HandLatch(1, kind)]


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in LATCHED], ids=lambda kind: kind.value)
def test_other_faults_are_not_stored(conversation: Conversation, kind: FaultKind) -> None:
    """A fault that clears by itself or by unplugging is looked at anew after a restart."""
    trip(conversation, kind)
    assert latches(conversation) == set()


def test_a_latch_is_stored_once_however_often_it_is_reported(conversation: Conversation) -> None:
    """The guard reports twice a second; the disk is written when something is new (F-FLAP)."""
    trip(conversation)
    again = ConnectorReported(conversation.plugs[1].report())
    assert conversation.station.handle(again, conversation.at).records == []


def test_a_reset_asks_the_guard_and_the_latch_falls_with_the_fault(conversation: Conversation) -> None:
    """The person resets, the guard sees that the cause is gone, and only then it is forgotten."""
    trip(conversation)
    conversation.say(FaultReset(1))
    assert conversation.orders == [commands.ClearLatch(1, K.RCD)]
    assert latches(conversation) == {(1, K.RCD)}
    conversation.change(faults=NONE)
    assert latches(conversation) == set()
    assert conversation.status is ChargePointStatus.Available
    conversation.forget()
    conversation.restart()
    assert handed(conversation) == []


def test_a_report_on_its_way_during_the_reset_leaves_no_ghost(conversation: Conversation) -> None:
    """The guard's last word before it heard of the reset still has the fault: it must not be latched for ever (F-WELD)."""
    trip(conversation)
    conversation.say(FaultReset(1))
    conversation.change(faults=frozenset({K.RCD}))
    conversation.change(faults=NONE)
    assert latches(conversation) == set()


def test_a_reset_while_the_cause_is_there_resets_nothing(conversation: Conversation) -> None:
    """It stays Faulted, and a power cut in between does not lose it."""
    trip(conversation)
    conversation.say(FaultReset(1))
    conversation.change(pilot=Pilot.B)
    conversation.restart(power_cut=True)
    assert handed(conversation) == [commands.HandLatch(1, K.RCD)]


def test_a_guard_that_starts_anew_gets_the_latches_and_does_not_lose_them(conversation: Conversation) -> None:
    """Its first report comes before it has heard of the latch: that is no reset (F-SAFEKILL)."""
    trip(conversation)
    conversation.say(FaultReset(1))
    conversation.say(GuardLost())
    conversation.say(GuardFound())
    conversation.change(faults=NONE)
    assert commands.HandLatch(1, K.RCD) in conversation.orders
    assert latches(conversation) == {(1, K.RCD)}


def test_a_fault_that_is_not_seen_yet_after_a_start_is_not_forgotten(conversation: Conversation) -> None:
    """The first report after a start may be without it (F-WELD)."""
    trip(conversation)
    conversation.change(faults=NONE)
    assert latches(conversation) == {(1, K.RCD)}


def test_a_reset_of_one_connector_leaves_the_other_alone(talk: Talk) -> None:
    """`evcp service reset` names a connector."""
    conversation = talk(connectors=2)
    for connector_id in (1, 2):
        conversation.change(connector_id, faults=frozenset({K.RCD}))
    conversation.forget()
    conversation.say(FaultReset(2))
    assert conversation.orders == [commands.ClearLatch(2, K.RCD)]
    conversation.change(2, faults=NONE)
    assert latches(conversation) == {(1, K.RCD)}


def test_a_reset_without_a_latch_does_nothing(conversation: Conversation) -> None:
    """Repeating the verb changes nothing."""
    conversation.say(FaultReset(1))
    assert conversation.orders == []
