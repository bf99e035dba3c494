"""What is offered, and when: nothing unless a transaction is entitled to it (PWR-7, AUTH-1, contract section 2)."""

import pytest

from controller import commands, events
from controller.faults import FaultKind
from controller.ocpp.messages import core as m
from controller.ocpp.types import ChargePointStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation


def charging(conversation: Conversation, connector_id: int = 1) -> None:
    """A car charges."""
    conversation.plug_in(connector_id)
    conversation.card(f"TAG{connector_id}", (connector_id,))
    conversation.request_power(connector_id)
    conversation.pass_time(3)


def power_orders(conversation: Conversation) -> list[commands.Command]:
    """Offers and withdrawals, in order."""
    return [order for order in conversation.orders if isinstance(order, commands.OfferCurrent | commands.WithdrawOffer)]


def test_one_offer_at_the_start_one_withdrawal_at_the_end(conversation: Conversation) -> None:
    """The guard hears of a change once, not at every event; the ceiling is what the installer set (contract section 2)."""
    charging(conversation)
    conversation.pass_time(100)
    conversation.card("TAG1")
    conversation.pass_time(100)
    assert power_orders(conversation) == [commands.OfferCurrent(1, 32.0), commands.WithdrawOffer(1)]


def test_power_is_withdrawn_in_the_step_that_decides_the_end(conversation: Conversation) -> None:
    """The card is enough: no answer and no report is awaited (TXN-11)."""
    charging(conversation)
    conversation.answers[m.StopTransactionReq] = None
    conversation.forget()
    conversation.card("TAG1")
    assert power_orders(conversation) == [commands.WithdrawOffer(1)]


def test_a_start_offers_nothing_by_itself(talk: Talk) -> None:
    """Started, plugged, asking, without a transaction: no offer at all (PWR-7)."""
    conversation = talk()
    conversation.plug_in()
    conversation.request_power()
    conversation.restart()
    conversation.connect()
    conversation.pass_time(60)
    assert power_orders(conversation) == []


def test_connectors_share_the_supply(talk: Talk) -> None:
    """Two cars on 32 A get 16 A each, the reduction first; alone again it is 32 A (contract: site.supply_limit_a)."""
    conversation = talk(connectors=2)
    charging(conversation, 1)
    charging(conversation, 2)
    assert power_orders(conversation) == [
        commands.OfferCurrent(1, 32.0), commands.OfferCurrent(1, 16.0), commands.OfferCurrent(2, 16.0)]
    conversation.forget()
    conversation.unplug(2)
    conversation.pass_time(5)
    assert set(power_orders(conversation)) == {commands.WithdrawOffer(2), commands.OfferCurrent(1, 32.0)}


def test_a_supply_of_one_phase_is_offered_on_one(talk: Talk) -> None:
    """A connector that can switch its phases leaves L2 and L3 alone there (iec61851.md 13)."""
    conversation = talk(charging="\n[site]\nphases = 1")
    charging(conversation)
    assert power_orders(conversation) == [commands.OfferCurrent(1, 32.0, 1)]


def crowded(talk: Talk, *priorities: int) -> Conversation:
    """Six cars begin one after the other, a minute apart, on 32 A."""
    conversation = talk(connectors=6, priorities=priorities)  # type: ignore[arg-type]  # not a str | int
    for connector_id in range(1, 7):
        charging(conversation, connector_id)
        conversation.pass_time(60)
    return conversation


def offers_a(conversation: Conversation) -> list[float]:
    """What each connector is offered."""
    return [plug.offered_a for plug in conversation.plugs.values()]


def test_less_than_six_amperes_is_nothing(talk: Talk) -> None:
    """Six cars on 32 A: 5.3 A cannot be signalled, so five have 6.4 A, and the last that came waits (SC-40)."""
    conversation = crowded(talk)
    assert offers_a(conversation) == [6.4, 6.4, 6.4, 6.4, 6.4, 0.0]
    assert [conversation.statuses(number)[-1] for number in (5, 6)] == [
        ChargePointStatus.Charging, ChargePointStatus.SuspendedEVSE]


def test_who_has_priority_is_served_first(talk: Talk) -> None:
    """The last to come has the highest priority: of the others the one that came last gives way (contract: priority)."""
    assert offers_a(crowded(talk, 0, 0, 0, 0, 0, 1)) == [6.4, 6.4, 6.4, 6.4, 0.0, 6.4]


def test_who_has_charged_longest_goes_before_who_has_the_lower_number(talk: Talk) -> None:
    """The first connector is taken last: it waits until another is done, then takes its place (SC-40)."""
    conversation = talk(connectors=6)
    for connector_id in (6, 5, 4, 3, 2, 1):
        charging(conversation, connector_id)
        conversation.pass_time(60)
    assert offers_a(conversation) == [0.0, 6.4, 6.4, 6.4, 6.4, 6.4]
    conversation.unplug(3)
    conversation.pass_time(5)
    assert offers_a(conversation) == [6.4, 6.4, 0.0, 6.4, 6.4, 6.4]


def test_nobody_is_switched_to_and_fro(talk: Talk) -> None:
    """Ten minutes pass, with more cars than the supply can serve: no offer changes (SC-40)."""
    conversation = crowded(talk)
    conversation.forget()
    conversation.pass_time(600)
    assert power_orders(conversation) == []


def test_a_silent_meter_may_be_charged_past_at_the_least_current(talk: Talk) -> None:
    """`on_meter_loss = "continue"`: 6 A, for as long as it lasts, then all of it again (contract section 2)."""
    conversation = talk(charging='on_meter_loss = "continue"')
    charging(conversation)
    conversation.plugs[1].meter_works = False
    conversation.say(events.MeterFailed(1, "no answer"))
    conversation.pass_time(120)
    assert conversation.plugs[1].offered_a == 6.0
    assert conversation.of(m.StopTransactionReq) == []
    conversation.plugs[1].meter_works = True
    conversation.pass_time(2)
    assert conversation.plugs[1].offered_a == 32.0


def test_a_silent_meter_stops_after_half_a_minute(conversation: Conversation) -> None:
    """`on_meter_loss = "stop"`: at 6 A for 30 s, then nothing (contract: fault kind meter)."""
    charging(conversation)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(29)
    assert conversation.plugs[1].offered_a == 6.0
    conversation.pass_time(3)
    assert conversation.plugs[1].offered_a == 0.0


@pytest.mark.parametrize("event", [events.GuardLost(), events.StorageFailed("disk full")], ids=["guard", "storage"])
def test_a_fault_of_the_controllers_own_withdraws(conversation: Conversation, event: events.Event) -> None:
    """Once it is more than a warning, nothing is offered, and the transaction stays (contract: fault kinds, X4)."""
    charging(conversation)
    conversation.forget()
    conversation.say(event)
    conversation.pass_time(70)
    assert power_orders(conversation)[0] == commands.WithdrawOffer(1)
    assert conversation.station.connectors[0].transaction is not None


def test_the_guard_acts_on_its_own_faults_by_itself(conversation: Conversation) -> None:
    """The offer stands while the guard holds the contactor open, so that charging goes on when its fault clears."""
    charging(conversation)
    conversation.forget()
    conversation.change(faults=frozenset({FaultKind.TEMPERATURE}))
    conversation.pass_time(5)
    assert not conversation.closed
    assert power_orders(conversation) == []
