"""Every fault of the hardware table, from the wire to the central system and back (faults-and-threats, contract section 3).

The real drivers and the whole daemon in real time, with devices that speak the real protocols: what breaks, breaks on a line, a
bus or a port. Looked at are the contacts, the pilot, and what StatusNotification says.
"""

import pytest

from controller.guard import cycle, fault_watch, pilot, supervision
from controller.station import fault_board
from drivers.meter import modbus
from drivers.sim import outlet
from drivers.temperature import w1
from tests.wire.station import WiredStation


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """One daemon for all; what is slow by nature is quick here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modbus.ModbusMeter, "_timeout_s", lambda _self, _registers: 0.05)
        patch.setattr(modbus, "REOPEN_FIRST_S", 0.3)
        patch.setattr(w1, "EVERY_S", 0.1)
        patch.setattr(cycle, "TEMPERATURE_EVERY_S", 0.1)
        patch.setattr(fault_watch, "AUTO_CLEARS_AFTER_S", 0.2)
        patch.setattr(supervision, "BOLT_WITHIN_S", 0.2)
        patch.setattr(supervision, "REST_AFTER_OPENING_S", 0.4)
        patch.setattr(pilot, "CLOSING_S", 0.2)
        patch.setattr(outlet, "BOLT_TAKES_S", 0.05)
        patch.setattr(fault_board, "METER_LOSS_STOPS_AFTER_S", 0.5)
        station = WiredStation(tmp_path_factory.mktemp("wired"))
        yield station
        station.close()


@pytest.fixture
def station(daemon):
    """At rest: mended, unplugged, told so."""
    daemon.play(daemon.at_rest())
    return daemon


# -- the power path --------------------------------------------------------------------------------------------------


async def test_f_weld_a_welded_contact_is_latched_and_ends_the_transaction(station):
    """The car lets go, the contact stays: Faulted until a person resets it, over unplugging too, pilot at -12 V first (F-WELD)."""
    await station.charge()
    station.fault("contactor_welded")
    await station.until("state F", lambda: station.duty == 0.0, within_s=1.5)
    await station.told("Faulted", "PowerSwitchFailure", "contactor_welded", within_s=1.5)
    await station.ended("Other")
    station.fault("contactor_welded", active=False)
    station.unplug()
    await station.stays(lambda: station.last().status == "Faulted", for_s=0.4)
    await station.reset()
    await station.told("Available")


async def test_a_second_contactor_that_drops_out_opens_the_first(station):
    """L2 and L3 are not as switched: open within a second, and no power until that is mended and the car gone (phase_switch)."""
    await station.charge()
    assert station.bench.outlet.live_phases == 3
    station.bench.outlet.live_phases = 1
    await station.opens(within_s=1.5)
    await station.told("Faulted", "PowerSwitchFailure", "phase_switch")
    station.bench.outlet.live_phases = 3
    await station.stays(lambda: station.last().status == "Faulted", for_s=0.4)
    station.unplug()
    await station.told("Available")


async def test_f_noclose_a_contact_that_does_not_close_gets_one_more_try(station):
    """Coil on, off after 1 s, on again after a rest, then Faulted until unplugged, within 3.5 s of the first try (F-NOCLOSE)."""
    station.fault("contactor")
    coils: list[bool] = []
    station.plug()
    await station.until("the coil on", lambda: station.bench.outlet.coil, within_s=4)

    def faulted() -> bool:
        if not coils or coils[-1] is not station.bench.outlet.coil:
            coils.append(station.bench.outlet.coil)
        return bool(station.last().status == "Faulted")

    await station.until("Faulted", faulted, within_s=4)
    assert coils == [True, False, True, False]
    assert repr(station.last()) == "Faulted PowerSwitchFailure contactor"
    station.fault("contactor", active=False)
    station.unplug()
    await station.told("Available")


async def test_f_noclose_a_contact_that_falls_open_is_tried_once_more(station):
    """It held no more, but closes at the second try: charging goes on without a card (F-NOCLOSE, C9)."""
    await station.charge()
    station.fault("contactor")
    await station.until("the coil off", lambda: not station.bench.outlet.coil, within_s=1.5)
    assert station.last().status != "Charging"
    station.fault("contactor", active=False)
    await station.told("Charging")
    assert station.reasons() == []


# -- inputs ----------------------------------------------------------------------------------------------------------


async def test_f_rcd_a_trip_opens_ends_and_waits_for_a_person(station):
    """Reset while it is tripped changes nothing; afterwards the car still plugged is Finishing (F-RCD/PE/temp)."""
    await station.charge()
    station.fault("rcd")
    await station.opens()
    await station.told("Faulted", "GroundFailure", "rcd")
    await station.reset()
    await station.stays(lambda: station.last().status == "Faulted", for_s=0.3)
    station.fault("rcd", active=False)
    await station.reset()
    await station.told("Finishing")
    await station.ended("Other")


async def test_f_pe_a_lost_earth_opens_and_is_over_when_unplugged(station):
    """Not before, with the earth back (F-RCD/PE/temp)."""
    await station.charge()
    station.fault("ground")
    await station.opens()
    await station.told("Faulted", "GroundFailure", "ground")
    station.fault("ground", active=False)
    await station.stays(lambda: station.last().status == "Faulted", for_s=0.4)
    station.unplug()
    await station.told("Available")
    await station.ended("Other")


async def test_f_estop_the_emergency_stop_opens_and_ends_by_its_own_reason(station):
    """Released, the fault clears by itself; energy needs a new session (contract section 3, `estop`)."""
    await station.charge()
    station.fault("estop")
    await station.opens()
    await station.told("Faulted", "OtherError", "estop")
    station.fault("estop", active=False)
    await station.told("Finishing")
    await station.stays(lambda: not station.closed, for_s=0.3)
    await station.ended("EmergencyStop")


# -- the pilot -------------------------------------------------------------------------------------------------------


async def test_f_pilot_a_missing_diode_never_closes(station):
    """The negative half wave is loaded too: EVCommunicationError with SuspendedEVSE, until unplugged (F-PILOT)."""
    station.fault("diode")
    station.plug()
    await station.told("SuspendedEVSE", "EVCommunicationError", "diode")
    await station.stays(lambda: not station.bench.outlet.coil, for_s=0.7)
    station.fault("diode", active=False)
    await station.stays(lambda: station.last().kind == "diode", for_s=0.3)
    station.unplug()
    await station.told("Available")


async def test_f_pilot_a_diode_that_fails_while_charging_opens(station):
    """Its check is not only made at the beginning (F-PILOT)."""
    await station.charge()
    station.fault("diode")
    await station.opens()
    await station.told("SuspendedEVSE", "EVCommunicationError", "diode")


async def test_f_pilot_a_short_to_earth_opens_and_charging_goes_on_after_it(station):
    """State E: a warning in a transaction, which survives it (F-PILOT, STAT-10, C9)."""
    await station.charge()
    station.car("E")
    await station.opens()
    await station.told("SuspendedEVSE", "EVCommunicationError", "pilot")
    station.car("C")
    await station.told("Charging")
    assert station.reasons() == []


async def test_f_pilot_a_broken_wire_reads_as_unplugged_and_opens(station):
    """Nobody can tell it from a car that left: the transaction ends with EVDisconnected (F-PILOT, TXN-15)."""
    await station.charge()
    station.car("A")
    await station.opens()
    await station.told("Available")
    await station.ended("EVDisconnected")


async def test_f_pilot_a_dead_converter_opens(station):
    """Nothing is known of the line: EVCommunicationError, and charging goes on when it answers again (F-PILOT)."""
    await station.charge()
    station.bench.adc.dead = True
    await station.opens()
    await station.told("SuspendedEVSE", "EVCommunicationError", "pilot")
    station.bench.adc.dead = False
    await station.told("Charging")
    assert station.reasons() == []


@pytest.mark.parametrize(("line_v", "kind"), [(6.0, "diode"), (-12.0, "pilot")], ids=["at the high plateau", "at the low plateau"])
async def test_f_pilot_a_frozen_converter_opens(station, line_v, kind):
    """While it charges there are two plateaus, and one value for ever cannot be both (F-PILOT)."""
    await station.charge()
    station.bench.adc.frozen = int((line_v + 13.2) / 8 / 3.3 * 4096)
    await station.opens()
    await station.told("SuspendedEVSE", "EVCommunicationError", kind)


async def test_f_pwm_a_vanished_generator_opens_and_is_found_again(station):
    """The kernel's files are gone: Faulted; back within 5 s of their return, without a restart (F-PWM)."""
    await station.charge()
    station.bench.pwm.vanish()
    await station.opens()
    await station.until("Faulted", lambda: station.last().status == "Faulted", within_s=2)
    assert (station.last().error_code, station.last().kind) == ("OtherError", "other")
    station.bench.pwm.come_back()
    await station.told("Charging", within_s=5)


# -- bolt, warmth, current -------------------------------------------------------------------------------------------


async def test_f_lock_a_bolt_that_does_not_go_in_lets_nothing_begin(station):
    """Three tries, then Faulted until unplugged; no transaction was started (contract section 3, `lock`)."""
    station.fault("lock")
    station.plug()
    await station.told("Faulted", "ConnectorLockFailure", "lock")
    assert station.calls("StartTransaction") == []
    station.fault("lock", active=False)
    station.unplug()
    await station.told("Available")


async def test_f_lock_a_stuck_bolt_is_a_warning_and_clears_by_itself(station):
    """It does not come out after the session: ConnectorLockFailure with the status as it was (contract section 3, `lock_stuck`)."""
    await station.charge()
    station.fault("lock_stuck")
    station.unplug()
    await station.told("Finishing", "ConnectorLockFailure", "lock_stuck")
    station.fault("lock_stuck", active=False)
    await station.reset()
    await station.told("Available")


async def test_f_temp_a_hot_enclosure_stops_in_order_and_charging_goes_on_when_cool(station):
    """Pilot steady first, the contactor when the car has obeyed; HighTemperature until 70 C (F-RCD/PE/temp)."""
    await station.charge()
    station.fault("temperature")
    await station.until("a steady pilot", lambda: station.duty == 1.0, within_s=2)
    assert station.closed
    await station.opens(within_s=2)
    await station.told("Faulted", "HighTemperature", "temperature")
    station.fault("temperature", active=False)
    await station.told("Charging", within_s=8)
    assert station.reasons() == []


async def test_f_over_a_car_that_draws_far_too_much_is_cut_off(station):
    """1.5 times the rating: open within 2 s, ended, Faulted until unplugged (F-OVER)."""
    await station.charge()
    station.fault("overcurrent")
    await station.opens(within_s=2.0)
    await station.told("Faulted", "OverCurrentFailure", "overcurrent")
    station.fault("overcurrent", active=False)
    await station.stays(lambda: station.last().status == "Faulted", for_s=0.4)
    station.unplug()
    await station.told("Available")
    await station.ended("Other")


# -- meter and reader ------------------------------------------------------------------------------------------------


async def test_f_meter_a_silent_meter_is_a_warning_and_then_ends_the_session(station):
    """PowerMeterFailure at once; after its patience a controlled stop, Faulted; no session begins until it answers (F-METER)."""
    await station.charge()
    station.bench.meter.mode = "silent"
    await station.told("Charging", "PowerMeterFailure", "meter")
    await station.told("Faulted", "PowerMeterFailure", "meter")
    await station.opens(within_s=3)
    await station.ended("Other")
    station.bench.meter.mode = "good"
    await station.told("Finishing")


async def test_f_usb_an_adapter_pulled_and_put_back_is_read_again(station):
    """Under another name behind the stable one, within 5 s of its return (F-USB, F-METER)."""
    station.bench.pull_meter()
    await station.told("Available", "PowerMeterFailure", "meter")
    await station.stays(lambda: station.last().kind == "meter", for_s=0.8)  # tried in vain meanwhile
    station.bench.plug_meter()
    await station.told("Available", within_s=5)
    await station.charge()


async def test_f_rfid_a_dead_reader_is_a_warning_of_the_charge_point(station):
    """ReaderFailure on connector 0; charging is unaffected, and its return is noticed (F-RFID)."""
    await station.charge()
    station.bench.reader.mode = "silent"
    await station.told("Available", "ReaderFailure", "rfid", connector=0)
    assert station.closed
    station.bench.reader.mode = "good"
    await station.told("Available", connector=0)
    assert [told["status"] for told in station.calls("StatusNotification") if told["connectorId"] == 1][-1] == "Charging"
