"""The card reader: the real pn532pi code over a pseudo-terminal, with the traps that made it fail in the field."""

import asyncio

import pytest

from drivers.errors import Disconnected, Misconfigured
from drivers.registry import Context, check
from drivers.rfid.pn532.card import Presence, UnusableCard, id_tag
from drivers.rfid.pn532.reader import Chip, Options, reader
from drivers.sim.pn532_chip import PtyPn532

CARD = bytes.fromhex("04A1B2C3D4E5F6")


@pytest.fixture
def chip():
    """A reader on a pseudo-terminal."""
    made = PtyPn532()
    yield made
    made.close()


@pytest.fixture
def driver(chip):
    """Our side of it."""
    made = Chip(Options(interface="uart", port=chip.path))
    yield made
    made.stop()


def test_a_card_in_the_field_is_read_and_an_empty_field_is_no_error(chip, driver):
    """Poll after poll the right answer: the field is asked, not remembered."""
    seen = []
    for card in (None, CARD, None, CARD, CARD, None):
        chip.card = card
        seen.append(driver.poll())
    assert seen == [None, CARD, None, CARD, CARD, None]


def test_a_card_that_comes_after_a_poll_timed_out_does_not_confuse_the_next(chip, driver):
    """The library's default keeps a poll pending for ever, and its late reply ruins every command after it (hardware-drivers 6.2)."""
    driver.poll()
    chip._send(chip._target() if chip.card else b"\x00\x00\xff\x02\xfe\xd5\x4b\xe0\x00")
    chip.card = CARD
    assert [driver.poll() for _ in range(3)] == [CARD] * 3


def test_an_acknowledgement_after_thirty_milliseconds_is_still_one(chip, driver):
    """The library gives up after ten; a USB adapter alone takes sixteen (hardware-drivers 6.2)."""
    chip.ack_delay_s = 0.03
    chip.card = CARD
    assert driver.poll() == CARD


@pytest.mark.parametrize("mode", ["silent", "no_ack", "error"])
def test_a_reader_that_does_not_answer_is_told_from_an_empty_field(chip, driver, mode):
    """"No card" and "no reader" look alike in the library; here one of them is an error (F-RFID)."""
    driver.poll()
    chip.mode = mode
    with pytest.raises(Disconnected, match="does not answer"):
        for _ in range(3):
            driver.poll()


def test_a_reader_that_comes_back_is_used_again_without_a_restart(chip, driver):
    """The port is opened anew and the chip configured anew (F-RFID)."""
    driver.poll()
    chip.mode = "silent"
    with pytest.raises(Disconnected):
        for _ in range(3):
            driver.poll()
    chip.mode, chip.card = "good", CARD
    assert driver.poll() == CARD


@pytest.mark.parametrize("mode", ["empty", "bad_checksum"])
def test_malformed_answers_are_no_cards_and_no_crash(chip, driver, mode):
    """The library indexes into answers that are too short; whatever it raises ends as a driver error (F-RFID, T-PARSE)."""
    chip.card, chip.mode = CARD, mode
    try:
        uid = driver.poll()
    except Disconnected:
        uid = None
    assert uid is None


def test_a_port_that_is_not_there_says_so():
    """The installer sees which port."""
    with pytest.raises(Disconnected, match="/dev/evcp-no-reader cannot be opened"):
        Chip(Options(interface="uart", port="/dev/evcp-no-reader")).poll()


def test_the_driver_yields_each_card_once_per_presence(chip):
    """A card that lies on the reader authorises once, however often it is polled (F-RFID)."""

    async def scenario():
        driver = reader(Options(interface="uart", port=chip.path, poll_s=0.05), Context(0, 0.0, 3, 230.0))
        chip.card = CARD
        cards = driver.cards()
        first = await anext(cards)
        polls = chip.polls
        waiting = asyncio.ensure_future(anext(cards))
        while chip.polls < polls + 5:
            await asyncio.sleep(0.01)
        still_waiting = not waiting.done()
        chip.card = bytes.fromhex("01020304")
        second = await waiting
        await driver.close()
        return first, still_waiting, second

    assert asyncio.run(scenario()) == ("04A1B2C3D4E5F6", True, "01020304")


@pytest.mark.parametrize(("seen", "expected"), [
    ([(CARD, 0.0), (CARD, 0.2), (CARD, 60.0)], [True, False, False]),
    ([(CARD, 0.0), (None, 0.5), (CARD, 1.0)], [True, False, False]),
    ([(CARD, 0.0), (None, 1.6), (CARD, 1.8)], [True, False, True]),
    ([(CARD, 0.0), (b"\x01\x02\x03\x04", 0.2), (CARD, 0.4)], [True, True, True]),
], ids=["held for ever", "flickers", "away and back", "two cards in turn"])
def test_a_presence_ends_when_the_card_was_away_for_a_while(seen, expected):
    """Debounce: one and a half seconds of absence, or another card."""
    presence = Presence(1.5)
    assert [presence.look(uid, at_s) for uid, at_s in seen] == expected


@pytest.mark.parametrize(("uid", "tag"), [
    ("04A1B2C3", "04A1B2C3"), ("04A1B2C3D4E5F6", "04A1B2C3D4E5F6"), ("00112233445566778899", "00112233445566778899"),
], ids=["4 bytes", "7 bytes", "10 bytes"])
def test_an_id_tag_is_the_uid_in_hex_byte_zero_first(uid, tag):
    """As OCPP writes ISO 14443 UIDs, at most 20 characters (IDT-2)."""
    assert id_tag(bytes.fromhex(uid)) == tag


def test_order_and_format_are_options():
    """Some operators have lists made by readers that turn bytes round or count in decimal."""
    uid = bytes.fromhex("04A1B2C3")
    assert id_tag(uid, order="lsb") == "C3B2A104"
    assert id_tag(uid, form="decimal") == str(0x04A1B2C3)


@pytest.mark.parametrize(("uid", "options", "why"), [
    ("08010203", {}, "random UID"), ("0102", {}, "a UID of 2 bytes"), ("", {}, "a UID of 0 bytes"),
    ("FF" * 10, {"form": "decimal"}, "digits"),
])
def test_cards_that_cannot_authorise_are_refused_with_the_reason(uid, options, why):
    """Phones make up a new UID at each tap; odd lengths are no UIDs (IDT-2, T-TAG)."""
    with pytest.raises(UnusableCard, match=why):
        id_tag(bytes.fromhex(uid), **options)


def test_random_uids_may_be_accepted_on_purpose():
    """An operator may want them for trying out."""
    assert id_tag(bytes.fromhex("08010203"), refuse_random=False) == "08010203"


@pytest.mark.parametrize(("options", "what"), [
    ({"interface": "usb"}, 'allowed: "uart"'), ({}, "interface is missing"), ({"interface": "i2c", "bus": 3}, "3 is out of range"),
    ({"interface": "uart", "poll_s": 0.001}, "0.05 to 2"),
])
def test_wrong_options_are_told_with_what_is_allowed(options, what):
    """Before anything is opened."""
    with pytest.raises(Misconfigured, match=what):
        check("reader", {"driver": "pn532", **options})
