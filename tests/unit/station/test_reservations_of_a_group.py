"""A card that two reservations would let in: one of its own tag, one of its group (RES-6 to RES-9, contract section 2)."""

import pytest

from controller.ocpp.messages.core import StartTransactionReq
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation
from tests.unit.station.reserving import family, kept, reserve, waiting


@pytest.fixture
def two(talk: Talk) -> Conversation:
    """One reader for two connectors; ANNA and BERT are of one family."""
    conversation = talk(connectors=2)
    family(conversation, "ANNA", "BERT")
    return conversation


def starts(conversation: Conversation) -> list[tuple[int, str, int | None]]:
    """Every StartTransaction: connector, tag, reservation."""
    return [(r.connector_id, r.id_tag, r.reservation_id) for r in conversation.of(StartTransactionReq)]


def test_a_card_goes_to_the_connector_of_its_own_tag_before_that_of_its_group(two: Conversation) -> None:
    """Connector 1 is kept for a relative, connector 2 for the card itself: it means 2, though 1 has the lower id (RES-8)."""
    reserve(two, 1, "ANNA", 1, parent="FAMILY")
    reserve(two, 2, "BERT", 2)
    two.card("BERT")
    assert waiting(two) == {2: "BERT"}
    two.plug_in(2)
    assert starts(two) == [(2, "BERT", 2)]
    assert kept(two) == {1: 1}


def test_a_card_that_waits_moves_to_another_connector_that_is_reserved_for_it(two: Conversation) -> None:
    """Both are kept for its group, and its plug goes into the other one: it charges there, on that reservation (RES-9)."""
    reserve(two, 1, "ANNA", 1, parent="FAMILY")
    reserve(two, 2, "CARL", 2, parent="FAMILY")
    two.card("BERT")
    assert waiting(two) == {1: "BERT"}
    two.plug_in(2)
    assert starts(two) == [(2, "BERT", 2)]
    assert kept(two) == {1: 1}
