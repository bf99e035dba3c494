"""What a person sees and hears at the charge point during a session."""

from drivers.errors import Disconnected
from drivers.sim.signals import SimBuzzer, SimLights


async def test_lamp_and_buzzer_tell_the_story_of_a_session(charge_point):
    """From the free place over the card to the farewell, and dark when the daemon ends (STAT-8, contract section 2)."""
    await charge_point.start(connector='lights = { driver = "sim" }\nbuzzer = { driver = "sim" }')
    signals = charge_point.app.signals
    await charge_point.charge("TAG1")
    await charge_point.swipe("TAG2")
    await charge_point.pass_time(seconds=2)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=15)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=5)
    await charge_point.pass_time(seconds=1)
    await charge_point.stop()
    shown = list(signals.lights[1].shown)
    assert shown[:2] == ["Available", "Preparing"]
    assert [status for status in shown if status in ("Charging", "Finishing")] == ["Charging", "Finishing"]
    assert shown[-2:] == ["Available", "Dark"]
    assert list(signals.buzzers[1].heard) == ["presented", "accepted", "presented", "refused", "presented", "accepted"]


async def test_a_dead_lamp_changes_nothing_of_a_session(charge_point, monkeypatch):
    """Its lines are held by somebody else for ever: the session is as it would be without it (rule 7 of faults-and-threats)."""

    async def dead(*_arguments):
        raise Disconnected("GPIO5: busy")

    monkeypatch.setattr(SimLights, "run", dead)
    monkeypatch.setattr(SimBuzzer, "beep", dead)
    await charge_point.start(connector='lights = { driver = "sim" }\nbuzzer = { driver = "sim" }')
    await charge_point.charge("TAG1")
    await charge_point.pass_time(minutes=1)
    assert charge_point.status() == "Charging"
