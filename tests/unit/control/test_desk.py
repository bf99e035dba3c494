"""The desk where simulated cards are laid (`contract.md` section 3, `swipe` and the fault `rfid`)."""

import pytest

from drivers.sim.desk import Desk
from drivers.sim_port import SimError


@pytest.fixture
def heard() -> list[tuple[int, str | None]]:
    """Which reader saw which card; None when it broke."""
    return []


@pytest.fixture
def desk(heard) -> Desk:
    """Reader 0 serves connectors 1 and 2, reader 1 serves 3; connector 4 has none."""
    desk = Desk([1, 2, 3, 4])
    for reader, connectors in ((0, [1, 2]), (1, [3])):
        desk.add(reader, connectors)
    desk.listen(0, lambda card: heard.append((0, card)))
    desk.listen(1, lambda card: heard.append((1, card)))
    return desk


@pytest.mark.parametrize(("connectors", "reader"), [(None, 0), ([1], 0), ([2], 0), ([1, 2], 0), ([2, 1], 0), ([3], 1)])
def test_the_card_is_held_to_the_reader_that_serves_the_connectors(desk, heard, connectors, reader):
    """Without connectors: the first reader."""
    desk.swipe({"id_tag": "04A1"} | ({} if connectors is None else {"connectors": connectors}))
    assert heard == [(reader, "04A1")]


@pytest.mark.parametrize(("connectors", "status"), [([4], 409), ([2, 3], 409), ([5], 400), ([1, 5], 400)])
def test_a_reader_that_is_not_there_cannot_see_a_card(desk, heard, connectors, status):
    """409 where no reader serves them all, 400 for a connector that is not configured."""
    with pytest.raises(SimError) as refused:
        desk.swipe({"id_tag": "04A1", "connectors": connectors})
    assert (refused.value.status, heard) == (status, [])


def test_without_readers_there_is_nothing_to_hold_a_card_to():
    """409: a part that is not simulated."""
    with pytest.raises(SimError) as refused:
        Desk([1]).swipe({"id_tag": "04A1"})
    assert refused.value.status == 409


@pytest.mark.parametrize("id_tag", ["", "X" * 21, "Ü", "A\n", "\x7f", 4, None])
def test_what_ocpp_cannot_carry_is_no_id_tag(desk, heard, id_tag):
    """1 to 20 printable ASCII characters (IDT-1)."""
    with pytest.raises(SimError) as refused:
        desk.swipe({"id_tag": id_tag})
    assert (refused.value.status, heard) == (400, [])


def test_a_broken_reader_tells_so_and_sees_no_cards(desk, heard):
    """The fault rfid; the other reader works on (F-RFID)."""
    desk.set_fault(1, active=True)
    assert heard == [(0, None)]
    desk.swipe({"id_tag": "04A1"})
    desk.swipe({"id_tag": "04A1", "connectors": [3]})
    assert heard[1:] == [(1, "04A1")]
    desk.set_fault(1, active=False)
    desk.swipe({"id_tag": "04A1"})
    assert heard[-1] == (0, "04A1")
