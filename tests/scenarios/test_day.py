"""A whole day at one charge point: cars and cards come and go, the network too; at the end everything adds up."""

from controller.shell.pace import Pace

UNHURRIED = Pace(poll_idle_s=10.0, poll_charging_s=5.0, registers_every_s=60.0)
"""A day has 86,400 seconds; nobody in this story looks at every one of them."""
CARS = 8


async def test_a_day_of_charging(charge_point):
    """Eight sessions in 24 h over outages: each started once, stopped once, no watt-hour missing.

    (QUE-2, MTR-9, HB-1, F-DOWN)
    """
    charge_point.pace = UNHURRIED
    await charge_point.start(ocpp="MeterValueSampleInterval = 900\nAllowOfflineTxForUnknownId = true")
    central_system = charge_point.central_system
    began = charge_point.true_time.now()
    for number in range(CARS):
        await charge_point.charge(f"CAR{number}", current_a=8 + 3 * number, phases=1 + number % 3, told=False)
        await charge_point.pass_time(minutes=40)
        if number in (1, 5):
            await charge_point.link(up=False)
        await charge_point.pass_time(minutes=50)
        if number == 3:
            central_system.network.cut()
        if number % 2:
            await charge_point.swipe(f"CAR{number}")
            await charge_point.pass_time(minutes=10)
        await charge_point.unplug()
        await charge_point.pass_time(minutes=85)
        if number in (2, 5):
            await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=120)
    assert (charge_point.true_time.now() - began).total_seconds() > 23 * 3600
    unique = {call.message_id: call for call in central_system.calls("StartTransaction", "StopTransaction")}
    assert [call.action for call in unique.values()] == ["StartTransaction", "StopTransaction"] * CARS
    starts = [call.payload for call in unique.values() if call.action == "StartTransaction"]
    stops = [call.payload for call in unique.values() if call.action == "StopTransaction"]
    assert [start["idTag"] for start in starts] == [f"CAR{number}" for number in range(CARS)]
    assert [stop["transactionId"] for stop in stops] == list(range(1, CARS + 1))
    assert [stop["reason"] for stop in stops] == ["EVDisconnected", "Local"] * (CARS // 2)
    for stop, following in zip(stops, starts[1:], strict=False):
        assert stop["meterStop"] == following["meterStart"]
    assert stops[-1]["meterStop"] == int(charge_point.world.outlet(1).energy_wh) > 50_000
