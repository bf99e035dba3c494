"""Status LED and buzzer on lines: the patterns as levels."""

import asyncio

import pytest

from drivers.errors import Disconnected, Misconfigured
from drivers.registry import Context, check, create
from tests.rig.loop import run_virtual

CONTEXT = Context(1, 32.0, 3, 230.0)
RGB = {"driver": "gpio", "red_pin": 5, "green_pin": 6, "blue_pin": 13}


def colours(pins):
    """What burns."""
    return {name for name, pin in (("red", 5), ("green", 6), ("blue", 13)) if pins.pin(pin).state}


@pytest.mark.parametrize(("meaning", "burning"), [
    ("Available", {"green"}), ("Charging", {"blue"}), ("Faulted", {"red"}), ("Reserved", {"red", "green"}),
    ("Finishing", {"red", "green", "blue"}), ("SuspendedEVSE", {"green", "blue"}), ("Dark", set()),
])
def test_an_rgb_lamp_mixes_the_colour_of_its_pattern(pins, meaning, burning):
    """At the beginning of each rhythm the lamp is on."""
    lamp = create("lights", RGB, CONTEXT)
    lamp.show(meaning)
    lamp.draw(0.0)
    assert colours(pins) == burning


def test_a_plain_lamp_keeps_the_rhythm_alone(pins):
    """Preparing: half a second on, half a second off, for ever."""
    lamp = create("lights", {"driver": "gpio", "pin": 5}, CONTEXT)
    lamp.show("Preparing")
    seen = []
    for tenth in range(20):
        lamp.draw(tenth / 10)
        seen.append(bool(pins.pin(5).state))
    assert seen == ([True] * 5 + [False] * 5) * 2


def test_an_active_low_lamp_is_dark_at_high(pins):
    """Common-anode lamps burn when the line is low."""
    lamp = create("lights", {"driver": "gpio", "pin": 5, "active_low": True}, CONTEXT)
    lamp.show("Available")
    lamp.draw(0.0)
    burning = bool(pins.pin(5).state)
    lamp.close()
    assert not burning


def test_a_line_of_somebody_else_is_told_and_taken_when_it_is_free(pins):
    """The daemon tries again; the lamp then shows what is true by then (F-GPIO)."""
    holder, lamp = create("lights", {"driver": "gpio", "pin": 5}, CONTEXT), create("lights", RGB, CONTEXT)
    holder.show("Available")
    holder.draw(0.0)
    lamp.show("Faulted")
    with pytest.raises(Disconnected, match="GPIO5.*another program holds this line"):
        lamp.draw(0.0)
    holder.close()
    lamp.draw(0.0)
    assert colours(pins) == {"red"}


def test_a_lamp_blinks_by_itself(pins):
    """Faulted: 0.2 s on, 0.2 s off."""

    async def ten_seconds() -> int:
        lamp = create("lights", {"driver": "gpio", "pin": 5}, CONTEXT)
        lamp.show("Faulted")
        running = asyncio.ensure_future(lamp.run())
        await asyncio.sleep(0)
        pins.pin(5).clear_states()
        await asyncio.sleep(10)
        running.cancel()
        return len(pins.pin(5).states)

    assert run_virtual(ten_seconds()) == pytest.approx(50, abs=4)


@pytest.mark.parametrize(("meaning", "levels"), [
    ("presented", [True, False]), ("accepted", [True, False]), ("refused", [True, False, True, False, True, False]),
])
def test_a_buzzer_sounds_its_pattern_and_is_silent_after_it(pins, meaning, levels):
    """As many tones as the table says, and an end."""

    async def beep() -> None:
        await create("buzzer", {"driver": "gpio", "pin": 23}, CONTEXT).beep(meaning)

    run_virtual(beep())
    assert [bool(state.state) for state in pins.pin(23).states[1:]] == levels


def test_a_buzzer_that_is_cut_short_is_silent(pins):
    """The daemon ends in the middle of a tone."""

    async def cut() -> None:
        beeping = asyncio.ensure_future(create("buzzer", {"driver": "gpio", "pin": 23}, CONTEXT).beep("refused"))
        await asyncio.sleep(0.05)
        beeping.cancel()
        await asyncio.wait([beeping])

    run_virtual(cut())
    assert not pins.pin(23).state


@pytest.mark.parametrize(("slot", "table", "key"), [
    ("lights", {"driver": "gpio"}, ""), ("lights", {"driver": "gpio", "red_pin": 5, "green_pin": 6}, ""),
    ("lights", {**RGB, "pin": 17}, "pin"), ("lights", {"driver": "gpio", "pin": 54}, "pin"), ("buzzer", {"driver": "gpio"}, ""),
])
def test_half_a_lamp_is_refused_in_the_configuration(slot, table, key):
    """With the key at fault (F-CFG)."""
    with pytest.raises(Misconfigured) as refused:
        check(slot, table)
    assert refused.value.key == key


def test_a_buzzer_has_one_line():
    """Colours mean nothing to it."""
    with pytest.raises(Misconfigured, match="a buzzer has one line"):
        create("buzzer", {**RGB, "driver": "gpio"}, CONTEXT)
