"""What becomes of a transaction that a start finds open (PWR-2 to PWR-7, T3, contract section 1)."""

from datetime import timedelta

import msgspec
import pytest

from controller import commands, events
from controller.guard.messages import Pilot
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ChargePointStatus, Reason, ResetType, UnlockStatus
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

S = ChargePointStatus
START, STOP = m.StartTransactionReq, m.StopTransactionReq
RESUME = 'after_power_loss = "resume"'


def charging(talk: Talk, charging: str = "", ocpp: str = "", connectors: int = 1) -> Conversation:
    """A car has been charging for two minutes; all is delivered so far."""
    conversation = talk(charging=charging, ocpp=ocpp, connectors=connectors)
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.request_power()
    conversation.pass_time(130)
    assert conversation.closed
    conversation.forget()
    return conversation


def status(conversation: Conversation) -> ChargePointStatus:
    """What was told last of connector 1."""
    return conversation.status


# -- stop ------------------------------------------------------------------------------------------------------------


def test_a_power_cut_ends_the_transaction(talk: Talk) -> None:
    """Default: StopTransaction(PowerLoss) after the boot, the plugged connector shows Finishing (TXN-12, PWR-4, PWR-5, PWR-7, T3)."""
    conversation = charging(talk)
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(10)
    stop, = conversation.of(STOP)
    assert (stop.reason, stop.transaction_id, stop.id_tag) == (Reason.PowerLoss, 1, None)
    assert status(conversation) is S.Finishing
    assert not conversation.closed
    assert conversation.of(START) == []
    assert conversation.plugs[1].lock is LockState.UNLOCKED


def test_the_bill_of_an_interrupted_transaction(talk: Talk) -> None:
    """meterStop is the register as it stands now, the time is the last known moment of charging (PWR-4, PWR-2)."""
    conversation = charging(talk)
    died = conversation.utc
    register_wh = conversation.plugs[1].energy_wh
    conversation.restart(power_cut=True, after_s=7200)
    conversation.connect()
    conversation.pass_time(10)
    stop, = conversation.of(STOP)
    assert stop.meter_stop == int(register_wh)
    assert died - timedelta(seconds=61) <= stop.timestamp <= died


def test_without_a_meter_the_last_stored_register_is_billed(talk: Talk) -> None:
    """The meter does not come back: the last stored value, at most a minute old, and no waiting for ever (PWR-4, PWR-2)."""
    conversation = charging(talk)
    register_wh = conversation.plugs[1].energy_wh
    conversation.plugs[1].meter_works = False
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(10)
    stop, = conversation.of(STOP)
    a_minute_wh = 690 * 16 / 60
    assert register_wh - a_minute_wh - 1 <= stop.meter_stop <= register_wh


def test_a_restart_that_was_announced_is_a_reboot(talk: Talk) -> None:
    """SIGTERM was noted on disk: Reboot. Found only once: the cut after it is a PowerLoss again (TXN-12, PWR-5)."""
    conversation = charging(talk)
    conversation.say(events.StopRequested())
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(10)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.Reboot]
    conversation.card("TAG1")
    conversation.pass_time(10)
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(10)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.Reboot, Reason.PowerLoss]


def test_an_end_decided_before_the_cut_keeps_its_reason(talk: Talk) -> None:
    """The card had been shown, the contactor was still opening: Local, with the card's tag (PWR-5)."""
    conversation = charging(talk, RESUME)
    conversation.plugs[1].obeys = False
    conversation.card("TAG1")
    assert conversation.of(STOP) == []
    conversation.plugs[1].obeys = True
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(10)
    stop, = conversation.of(STOP)
    assert (stop.reason, stop.id_tag) == (Reason.Local, "TAG1")


def test_what_the_lost_process_offered_is_withdrawn_before_the_register_is_read(talk: Talk) -> None:
    """An end decided before a short absence: the guard still offers, and what flows until it opens is billed (PWR-4)."""
    conversation = charging(talk)
    conversation.plugs[1].obeys = False
    conversation.card("TAG1")
    conversation.forget()
    conversation.plugs[1].offered_a = 32.0
    conversation.restart(after_s=3, offers_survive=True)
    assert conversation.ordered(commands.WithdrawOffer) == [commands.WithdrawOffer(1)]
    assert conversation.ordered(commands.OfferCurrent) == []
    conversation.pass_time(4)
    conversation.connect()
    assert conversation.of(STOP) == []
    conversation.change(obeys=True)
    register_wh = conversation.plugs[1].energy_wh
    conversation.pass_time(5)
    stop, = conversation.of(STOP)
    assert stop.meter_stop == int(register_wh)
    assert conversation.plugs[1].lock is LockState.UNLOCKED


# -- resume ----------------------------------------------------------------------------------------------------------


def test_a_transaction_may_be_resumed(talk: Talk) -> None:
    """Still plugged after the cut: Charging again without a card, one bill at the end (PWR-4, T3)."""
    conversation = charging(talk, RESUME)
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(5)
    assert conversation.closed
    assert status(conversation) is S.Charging
    conversation.card("TAG1")
    conversation.pass_time(10)
    assert conversation.of(START) == []
    assert [(stop.reason, stop.transaction_id) for stop in conversation.of(STOP)] == [(Reason.Local, 1)]


def test_a_resumed_transaction_has_its_bolt_in(talk: Talk) -> None:
    """The fresh guard is told to hold the bolt, even where it had not fallen yet at the first report (PWR-4, TXN-15)."""
    conversation = charging(talk, RESUME)
    conversation.restart()
    assert commands.SetLock(1, locked=True) in conversation.orders


def test_a_car_that_left_during_the_cut_ends_it(talk: Talk) -> None:
    """Nobody came back within ten seconds: PowerLoss (PWR-4, contract: in simulation)."""
    conversation = charging(talk, RESUME)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(9)
    assert conversation.of(STOP) == []
    conversation.pass_time(3)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.PowerLoss]
    assert status(conversation) is S.Available


def test_in_simulation_a_car_plugged_again_soon_counts_as_never_gone(talk: Talk) -> None:
    """Within ten seconds of the start (contract section 1)."""
    conversation = charging(talk, RESUME)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(8)
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(10)
    assert conversation.closed
    assert conversation.of(STOP) == []


def test_a_pilot_that_says_nothing_of_the_plug_is_given_a_little_time(talk: Talk) -> None:
    """State F at the start is no unplugging: the car seen within ten seconds goes on (PWR-4)."""
    conversation = charging(talk, RESUME)
    conversation.plugs[1].pilot = Pilot.F
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(5)
    conversation.request_power()
    conversation.pass_time(10)
    assert conversation.closed
    assert conversation.of(STOP) == []


@pytest.mark.parametrize(("pilot", "ends"), [
    pytest.param(Pilot.A, True, id="gone"),
    pytest.param(Pilot.F, False, id="no word of the plug"),
    pytest.param(Pilot.UNKNOWN, False, id="no word of the pilot yet"),
])
def test_on_real_hardware_a_car_that_is_seen_gone_ends_it_at_once(talk: Talk, pilot: Pilot, ends: bool) -> None:
    """The ten seconds are for the simulation, whose cars are unplugged at every start (contract section 1)."""
    conversation = charging(talk, RESUME)
    row, = conversation.config.connector
    real = msgspec.structs.replace(row, pilot={"driver": "adc"})
    conversation.config = msgspec.structs.replace(conversation.config, connector=type(conversation.config.connector)([real]))
    conversation.plugs[1].pilot = pilot
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(2)
    assert bool(conversation.of(STOP)) is ends
    assert conversation.ordered(commands.OfferCurrent)[1:] == []


# -- only the controller was away ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["", RESUME], ids=["stop", "resume"])
def test_a_short_absence_of_the_controller_interrupts_nothing(talk: Talk, rule: str) -> None:
    """The guard still held the offer: charging went on and goes on, whatever the rule says (contract section 1)."""
    conversation = charging(talk, rule)
    conversation.restart(after_s=4, offers_survive=True)
    assert conversation.closed
    conversation.connect()
    conversation.pass_time(60)
    assert conversation.closed
    assert status(conversation) is S.Charging
    assert conversation.of(STOP) == []
    assert commands.OfferCurrent(1, 32.0) in conversation.orders


# -- while the fate is undecided -------------------------------------------------------------------------------------


@pytest.fixture
def undecided(talk: Talk) -> Conversation:
    """After the restart the car is not seen yet: the transaction's fate is open for ten seconds."""
    conversation = charging(talk, RESUME)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.forget()
    return conversation


def test_no_power_is_offered_while_the_fate_is_undecided(undecided: Conversation) -> None:
    """The contactor stays open until the state is known (PWR-7)."""
    undecided.pass_time(5)
    assert undecided.ordered(commands.OfferCurrent) == []


def test_the_users_card_during_recovery_ends_it(undecided: Conversation) -> None:
    """The same tag stops; plugged again in time or not, nothing is resumed (TXN-13, PWR-5)."""
    undecided.card("TAG1")
    undecided.plug_in()
    undecided.request_power()
    undecided.pass_time(20)
    stop, = undecided.of(STOP)
    assert (stop.reason, stop.id_tag) == (Reason.Local, "TAG1")
    assert not undecided.closed


def test_a_process_that_ends_during_recovery_does_not_stretch_the_session(undecided: Conversation) -> None:
    """SIGTERM while nothing runs: the time of the bill stays the last moment of charging (PWR-4)."""
    transaction = undecided.station.connectors[0].transaction
    assert transaction is not None
    undecided.pass_time(5)
    undecided.say(events.StopRequested())
    undecided.restart(power_cut=True)
    undecided.connect()
    undecided.pass_time(20)
    assert [stop.timestamp for stop in undecided.of(STOP)] == [transaction.last_seen.utc]


def test_another_card_during_recovery_starts_nothing(undecided: Conversation) -> None:
    """The connector is not free yet, and the card is not even asked about (TXN-13)."""
    undecided.card("TAG2")
    undecided.pass_time(5)
    assert undecided.of(m.AuthorizeReq) == []
    assert undecided.of(START) == []


def test_unplugging_during_recovery_ends_it_once(talk: Talk) -> None:
    """Seen plugged, then gone before anything was decided: one StopTransaction (PWR-4)."""
    conversation = charging(talk)
    conversation.plugs[1].obeys = False
    conversation.restart()
    conversation.unplug()
    conversation.connect()
    conversation.pass_time(20)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.PowerLoss]
    assert status(conversation) is S.Available


@pytest.mark.parametrize("kind", [ResetType.Soft, ResetType.Hard])
def test_a_reset_during_recovery_ends_it(undecided: Conversation, kind: ResetType) -> None:
    """The end is written with the reset's reason, and only then the process ends (RST-2, PWR-5)."""
    undecided.call(m.ResetReq(type=kind))
    undecided.pass_time(15)
    assert [stop.reason for stop in undecided.of(STOP)] == [Reason(f"{kind.value}Reset")]
    assert len(undecided.ordered(commands.Restart)) == 1


def test_a_remote_stop_during_recovery_ends_it(undecided: Conversation) -> None:
    """Known and running: Accepted, reason Remote (RMT-1)."""
    undecided.call(m.RemoteStopTransactionReq(transaction_id=1))
    undecided.pass_time(15)
    assert [stop.reason for stop in undecided.of(STOP)] == [Reason.Remote]


def test_an_unlock_during_recovery_opens_the_bolt(talk: Talk) -> None:
    """Unlocked, and the transaction ends (UNL-2)."""
    conversation = charging(talk, RESUME)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart()
    conversation.connect()
    conversation.call(m.UnlockConnectorReq(connector_id=1))
    conversation.pass_time(20)
    assert conversation.replies == [m.UnlockConnectorConf(status=UnlockStatus.Unlocked)]
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.UnlockCommand]


def test_the_id_of_a_session_that_is_over_survives_a_restart(talk: Talk) -> None:
    """Its start was answered after its end, and the cut came before the end could be told: the end carries that id (TXN-9, TXN-10)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 0")
    conversation.disconnect()
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.pass_time(60)
    conversation.card("TAG1")
    conversation.pass_time(10)
    conversation.answers[START] = m.StartTransactionConf(
        transaction_id=77, id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted))
    conversation.answers[STOP] = None
    conversation.connect()
    conversation.restart(power_cut=True)
    conversation.answers.clear()
    conversation.connect()
    assert len(conversation.of(START)) == 1
    assert [stop.transaction_id for stop in conversation.of(STOP)] == [77, 77]


# -- twice -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["", RESUME], ids=["stop", "resume"])
def test_cut_after_cut_gives_one_bill(talk: Talk, rule: str) -> None:
    """Five power cuts in a row, at different moments of the recovery: one StopTransaction in the end (T3, PWR-4)."""
    conversation = charging(talk, rule)
    for after_s in (0.0, 0.5, 1.0, 4.0, 11.0):
        conversation.restart(power_cut=True, after_s=30)
        conversation.pass_time(after_s)
    conversation.connect()
    conversation.pass_time(20)
    conversation.unplug()
    conversation.pass_time(20)
    assert conversation.of(START) == []
    assert len(conversation.of(STOP)) == 1
    assert status(conversation) is S.Available


def test_two_connectors_are_recovered_each_by_its_own_facts(talk: Talk) -> None:
    """One car stayed, the other left: one goes on, one is billed (PWR-4)."""
    conversation = charging(talk, RESUME, connectors=2)
    conversation.plug_in(2)
    conversation.card("TAG2")
    conversation.request_power(2)
    conversation.pass_time(60)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(20)
    assert [stop.transaction_id for stop in conversation.of(STOP)] == [1]
    assert conversation.plugs[2].closed


def test_a_bolt_that_was_left_in_is_freed_at_the_start(talk: Talk) -> None:
    """The process died between the end on disk and the bolt: nobody else would ever free the plug (TXN-14, F-KILL)."""
    conversation = charging(talk)
    conversation.plugs[1].bolt_works = False
    conversation.card("TAG1")
    conversation.pass_time(2)
    assert len(conversation.of(STOP)) == 1
    conversation.plugs[1].bolt_works = True
    conversation.restart(after_s=3, offers_survive=True)
    assert conversation.plugs[1].lock is LockState.UNLOCKED


def test_a_restart_without_a_transaction_shows_what_is_plugged(talk: Talk) -> None:
    """A plugged cable without a transaction is Preparing (PWR-7)."""
    conversation = talk()
    conversation.plug_in()
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(5)
    assert status(conversation) is S.Preparing
