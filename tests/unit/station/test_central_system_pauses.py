"""Pauses and ids of a message that was refused, over restarts and late answers (QUE-6, RPC-4)."""

from tests.unit.station.conftest import Talk
from tests.unit.station.test_central_system_queue import START, begun, conversation_accepts


def test_a_restart_begins_the_pause_anew(talk: Talk) -> None:
    """Restarts in quick succession use no attempts up: after each the full pause of n intervals, then the next (QUE-6)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 60\nMeterValueSampleInterval = 0")
    conversation.answers[START] = "InternalError"
    begun(conversation)
    for _ in range(5):
        conversation.restart(after_s=2, offers_survive=True)
        conversation.connect()
        conversation.pass_time(1)
    assert len(conversation.of(START)) == 1
    conversation.pass_time(60)
    assert len(conversation.of(START)) == 2
    conversation.pass_time(121)
    assert len(conversation.of(START)) == 3
    assert len(conversation.store.dead_letters) == 1


def test_a_result_after_the_refusal_of_the_same_id_is_a_second_answer(talk: Talk) -> None:
    """Timed out, sent again, refused; then the first transmission brings a result: the refusal was the answer (RPC-4, RPC-7)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 10\nMeterValueSampleInterval = 0\nMessageTimeout = 5")
    conversation.answers[START] = None
    begun(conversation)
    conversation.fail("TimedOut")
    conversation.pass_time(11)
    conversation.fail("InternalError")
    conversation.answer_late(conversation.ids_of(START)[0], conversation_accepts(7))
    assert conversation.station.status()["queue_length"] == 1
    conversation.pass_time(21)
    conversation.answer(conversation_accepts(8))
    assert len(set(conversation.ids_of(START))) == 2
    assert conversation.station.connectors[0].transaction is not None
    assert conversation.station.connectors[0].transaction.transaction_id == 8
