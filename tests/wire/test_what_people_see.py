"""Lamp, buzzer and enclosure contact of a whole daemon, on their lines."""

import pytest

from tests.wire.station import WiredStation

RED, GREEN, BLUE, BUZZER, TAMPER = 19, 20, 21, 2, 3
TABLES = f"""lights = {{ driver = "gpio", red_pin = {RED}, green_pin = {GREEN}, blue_pin = {BLUE} }}
buzzer = {{ driver = "gpio", pin = {BUZZER} }}
tamper = {{ driver = "gpio", pin = {TAMPER} }}
"""


class Person:
    """Somebody before the charge point."""

    def __init__(self, station) -> None:
        self.station = station
        self.enclosure_open = False
        self.tones: list[bool] = []
        board, self._pins = station.bench.board, station.bench.pins
        board.contact(TAMPER, lambda: not self.enclosure_open)
        board.output(BUZZER, self.tones.append)

    def sees(self, *colours: int) -> bool:
        """Whether just these burn."""
        return {pin for pin in (RED, GREEN, BLUE) if self._pins.pin(pin).state} == set(colours)

    def warned(self) -> list[str]:
        """What the status says of the enclosure."""
        return [warning for warning in self.station.app.status()["warnings"] if "enclosure" in warning]


@pytest.fixture
def station(tmp_path):
    """A daemon with a lamp, a buzzer and a lid."""
    station = WiredStation(tmp_path, more=TABLES)
    yield station
    station.close()


async def test_a_person_sees_and_hears_what_the_charge_point_does(station):
    """Green, then blue for the charge, red for the stop; a card is read and refused, and the opened lid is not forgotten (T-TAMPER)."""
    person = Person(station)
    await station.until("green", lambda: person.sees(GREEN), within_s=2)
    await station.charge()
    await station.until("blue", lambda: person.sees(BLUE), within_s=2)
    station.bench.reader.card = bytes.fromhex("04A1B2C3")
    await station.until("four tones", lambda: person.tones.count(True) == 4, within_s=4)
    station.fault("estop")
    await station.until("red", lambda: person.sees(RED), within_s=2)
    person.enclosure_open = True
    await station.until("a warning", lambda: len(person.warned()) == 1, within_s=2)
    person.enclosure_open = False
    station.bench.reader.card = None
    await station.stays(lambda: len(person.warned()) == 1, for_s=0.6)
    await station.reset()
    await station.until("no warning", lambda: person.warned() == [], within_s=1)


async def test_the_lamp_is_dark_and_its_lines_are_free_after_the_end(station):
    """A lamp that burns on would tell of a daemon that is not there."""
    person = Person(station)
    await station.until("green", lambda: person.sees(GREEN), within_s=2)
    station.app.stop.set()
    await station.until("dark and free", lambda: person.sees() and station.bench.pins.pin(GREEN).function == "input", within_s=5)
    assert person.sees()
