"""UnlockConnector: what the bolt did is what is answered."""

from collections.abc import Callable

import pytest

from controller import commands
from controller.faults import FaultKind
from controller.guard.messages import Pilot
from controller.ocpp.messages.core import (
    ChangeAvailabilityReq,
    StartTransactionReq,
    StatusNotificationReq,
    StopTransactionReq,
    UnlockConnectorConf,
    UnlockConnectorReq,
)
from controller.ocpp.types import AvailabilityType, Reason, UnlockStatus
from controller.ocpp.types import ChargePointStatus as S
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation
from tests.unit.station.reserving import reserve

UNLOCKED, FAILED, NOT_SUPPORTED = UnlockStatus.Unlocked, UnlockStatus.UnlockFailed, UnlockStatus.NotSupported


def unlock(conversation: Conversation, connector_id: int = 1) -> UnlockStatus | None:
    """What UnlockConnector is answered within this moment; None if the answer is still to come."""
    conf = conversation.call(UnlockConnectorReq(connector_id=connector_id))
    assert conf is None or isinstance(conf, UnlockConnectorConf)
    return conf.status if conf is not None else None


def answers(conversation: Conversation) -> list[UnlockStatus]:
    """Every answer to UnlockConnector."""
    return [reply.status for reply in conversation.replies if isinstance(reply, UnlockConnectorConf)]


def charge(conversation: Conversation) -> None:
    """A car charges; its past is forgotten."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.forget()


def test_an_idle_connector_is_unlocked(conversation: Conversation) -> None:
    """S9: the bolt is told to open, and it is open (UNL-1)."""
    assert unlock(conversation) is UNLOCKED
    assert commands.SetLock(1, locked=False) in conversation.orders


def test_a_bolt_that_holds_a_plug_after_a_transaction_opens(talk: Talk) -> None:
    """Kept in after the car was pulled out: UnlockConnector frees the cable (UNL-1, TXN-16)."""
    conversation = talk(ocpp="UnlockConnectorOnEVSideDisconnect = false")
    charge(conversation)
    conversation.unplug()
    assert conversation.statuses()[-1] is S.Finishing
    assert conversation.plugs[1].lock is LockState.LOCKED
    assert unlock(conversation) is UNLOCKED
    assert conversation.statuses()[-1] is S.Available


def test_a_running_transaction_is_ended_and_told_after_the_answer(conversation: Conversation) -> None:
    """S9: UnlockConnector.conf(Unlocked), then StopTransaction(UnlockCommand); Finishing, Available when unplugged (UNL-2)."""
    charge(conversation)
    assert unlock(conversation) is UNLOCKED
    seen = [type(order.response).__name__ if isinstance(order, commands.Reply) else order.request.action
            for order in conversation.orders if isinstance(order, commands.Reply | commands.SendCall)]
    assert seen.index("UnlockConnectorConf") < seen.index("StopTransaction")
    assert [request.reason for request in conversation.of(StopTransactionReq)] == [Reason.UnlockCommand]
    conversation.unplug()
    assert conversation.statuses() == [S.Finishing, S.Available]


def test_the_bolt_opens_only_behind_an_open_contactor(conversation: Conversation) -> None:
    """Offer withdrawn first; the bolt is told to open when the contactor has opened, however long that takes (UNL-2)."""
    charge(conversation)
    plug = conversation.plugs[1]
    plug.welded = True  # here: slow to open
    assert unlock(conversation) is None
    conversation.pass_time(3)
    assert commands.WithdrawOffer(1) in conversation.orders
    assert commands.SetLock(1, locked=False) not in conversation.orders
    assert conversation.of(StopTransactionReq) == []
    plug.welded = False
    conversation.change(pilot=Pilot.B)
    assert answers(conversation) == [UNLOCKED]
    assert [request.reason for request in conversation.of(StopTransactionReq)] == [Reason.UnlockCommand]


def test_a_bolt_that_is_out_beside_a_closed_contactor_is_no_answer_yet(conversation: Conversation) -> None:
    """It came out by itself, and the car still draws: Unlocked is said when the plug can be taken (UNL-2)."""
    charge(conversation)
    conversation.plugs[1].welded = True  # here: slow to open
    assert unlock(conversation) is None
    conversation.change(lock=LockState.UNLOCKED)
    assert answers(conversation) == []
    conversation.plugs[1].welded = False
    conversation.change(pilot=Pilot.B)
    assert answers(conversation) == [UNLOCKED]


def test_a_bolt_that_stays_in_is_reported_and_the_transaction_is_ended_all_the_same(conversation: Conversation) -> None:
    """S9: tried and still locked: UnlockFailed, and StopTransaction(UnlockCommand) after it (UNL-1, UNL-2)."""
    charge(conversation)
    conversation.plugs[1].bolt_works = False
    assert unlock(conversation) is None
    assert conversation.of(StopTransactionReq) == []
    conversation.pass_time(14)
    assert answers(conversation) == [FAILED]
    assert [request.reason for request in conversation.of(StopTransactionReq)] == [Reason.UnlockCommand]


def test_a_bolt_that_the_guard_has_given_up_is_answered_at_once(conversation: Conversation) -> None:
    """No waiting for the whole time limit, and StopTransaction no longer waits either (UNL-1, UNL-2)."""
    charge(conversation)
    conversation.plugs[1].bolt_works = False
    assert unlock(conversation) is None
    conversation.pass_time(1)
    assert answers(conversation) == []
    conversation.change(faults=frozenset({FaultKind.LOCK_STUCK}))
    assert answers(conversation) == [FAILED]
    assert [request.reason for request in conversation.of(StopTransactionReq)] == [Reason.UnlockCommand]


def test_a_bolt_found_stuck_earlier_is_not_given_up_before_it_could_be_tried_again(conversation: Conversation) -> None:
    """While the contactor is still closed the bolt has not been told to move; another fault says nothing of it (UNL-2)."""
    charge(conversation)
    conversation.change(faults=frozenset({FaultKind.LOCK_STUCK}))
    conversation.plugs[1].welded = True  # here: slow to open
    assert unlock(conversation) is None
    conversation.change(faults=frozenset({FaultKind.LOCK_STUCK, FaultKind.METER}))
    assert answers(conversation) == []


@pytest.mark.parametrize("state", [LockState.LOCKED, LockState.MOVING])
def test_an_idle_bolt_that_does_not_come_out_in_time_has_failed(conversation: Conversation, state: LockState) -> None:
    """S9: the answer does not wait for ever (UNL-1)."""
    conversation.plugs[1].bolt_works = False
    conversation.change(lock=state)
    assert unlock(conversation) is None
    conversation.pass_time(4)
    assert answers(conversation) == []
    conversation.pass_time(2)
    assert answers(conversation) == [FAILED]


def test_a_bolt_that_comes_out_late_but_in_time_is_unlocked(conversation: Conversation) -> None:
    """A motor takes a second or two (UNL-1)."""
    conversation.plugs[1].bolt_works = False
    conversation.change(lock=LockState.LOCKED)
    unlock(conversation)
    conversation.pass_time(3)
    conversation.change(lock=LockState.UNLOCKED)
    assert answers(conversation) == [UNLOCKED]
    conversation.pass_time(10)
    assert answers(conversation) == [UNLOCKED], "answered once"


@pytest.mark.parametrize("connector_id", [0, 2])
def test_an_unknown_connector_is_not_supported(conversation: Conversation, connector_id: int) -> None:
    """Connector 0 has no bolt, connector 2 is not there (UNL-1)."""
    assert unlock(conversation, connector_id) is NOT_SUPPORTED
    assert not [order for order in conversation.orders if isinstance(order, commands.SetLock)]


@pytest.mark.parametrize(("cable", "lock"), [("tethered", "none"), ("socket", "none")])
def test_without_a_lock_the_transaction_goes_on(talk: Talk, cable: str, lock: str) -> None:
    """Fixed cable: NotSupported and nothing else happens (UNL-1, UNL-2)."""
    conversation = talk(cable=cable, lock=lock)
    conversation.plugs[1].lock = LockState.NONE
    charge(conversation)
    assert unlock(conversation) is NOT_SUPPORTED
    conversation.pass_time(20)
    assert conversation.closed
    assert conversation.of(StopTransactionReq) == []


def test_two_calls_at_once_get_an_answer_each(conversation: Conversation) -> None:
    """The second waits for the same bolt (UNL-1, RPC-15)."""
    conversation.plugs[1].bolt_works = False
    conversation.change(lock=LockState.LOCKED)
    unlock(conversation)
    unlock(conversation)
    conversation.change(lock=LockState.UNLOCKED)
    assert answers(conversation) == [UNLOCKED, UNLOCKED]


def test_somebody_who_waits_is_turned_away(conversation: Conversation) -> None:
    """UnlockConnector before the plug: the authorisation ends, nothing starts with the next plug (UNL-1)."""
    conversation.card()
    assert unlock(conversation) is UNLOCKED
    assert conversation.statuses() == [S.Preparing, S.Available]
    conversation.plug_in()
    assert conversation.statuses()[-1] is S.Preparing


def close_it(conversation: Conversation) -> None:
    """ChangeAvailability to Inoperative."""
    conversation.call(ChangeAvailabilityReq(connector_id=1, type=AvailabilityType.Inoperative))


def finish(conversation: Conversation) -> None:
    """A session has ended and the car is still there."""
    charge(conversation)
    conversation.card()
    conversation.pass_time(5)


@pytest.mark.parametrize(("before", "status"), [
    pytest.param(close_it, S.Unavailable, id="closed"),
    pytest.param(reserve, S.Reserved, id="reserved"),
    pytest.param(Conversation.plug_in, S.Preparing, id="plugged in"),
    pytest.param(finish, S.Finishing, id="finished"),
    pytest.param(lambda conversation: conversation.change(faults=frozenset({FaultKind.GROUND})), S.Faulted, id="faulted"),
])
def test_without_a_transaction_the_bolt_opens_and_the_status_stays(conversation: Conversation, before: Callable[[Conversation], object],
                                                                   status: S) -> None:
    """Whatever else holds of the connector: a bolt that is in comes out, and that changes nothing (UNL-1)."""
    before(conversation)
    conversation.change(lock=LockState.LOCKED)
    conversation.forget()
    assert unlock(conversation) is UNLOCKED
    assert commands.SetLock(1, locked=False) in conversation.orders
    conversation.pass_time(20)
    assert conversation.station.status_of(1) == status
    assert conversation.of(StatusNotificationReq) == []


def test_a_start_that_waits_for_the_meter_is_given_up(conversation: Conversation) -> None:
    """Plugged in and accepted, the bolt is in, the reading still to come: it comes out, and nothing begins behind it (UNL-1)."""
    plug = conversation.plugs[1]
    plug.meter_works = False
    conversation.pass_time(3)
    plug.meter_works, plug.meter_is_prompt = True, False
    conversation.say(plug.metered(conversation.monotonic_s - 3))
    conversation.plug_in()
    conversation.card()
    assert plug.lock is LockState.LOCKED
    assert unlock(conversation) is UNLOCKED
    conversation.pass_time(10)
    assert (plug.lock, conversation.of(StartTransactionReq)) == (LockState.UNLOCKED, [])


def test_a_call_while_the_transaction_is_ending_tries_the_bolt_at_once(conversation: Conversation) -> None:
    """The card has ended it, the final reading is still to come: the bolt is tried now, the reason stays Local (UNL-2)."""
    charge(conversation)
    conversation.plugs[1].meter_is_prompt = False
    conversation.card()
    assert conversation.of(StopTransactionReq) == []
    assert unlock(conversation) is UNLOCKED
    conversation.pass_time(1)
    assert [request.reason for request in conversation.of(StopTransactionReq)] == [Reason.Local]


def test_only_the_bolt_of_the_cable_is_moved(talk: Talk) -> None:
    """No other connector's bolt, nothing of a housing under number 0, and nobody's transaction but its own ends (UNL-3)."""
    conversation = talk(connectors=2)
    conversation.plug_in(2)
    conversation.card(connector_ids=(2,))
    conversation.request_power(2)
    conversation.forget()
    assert unlock(conversation, 1) is UNLOCKED
    assert unlock(conversation, 0) is NOT_SUPPORTED
    assert [order for order in conversation.orders if not isinstance(order, commands.Reply)] == [commands.SetLock(1, locked=False)]
    assert conversation.plugs[2].closed
    assert conversation.of(StopTransactionReq) == []
