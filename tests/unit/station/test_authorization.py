"""Who may charge: the central system's word, the cache, and what holds offline (AUTH-1 to AUTH-13, IDT-1, IDT-3, S4)."""

import pytest

from controller import commands
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ChargePointStatus, Reason
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid

AUTHORIZE = m.AuthorizeReq
REFUSALS = [AuthorizationStatus.Blocked, AuthorizationStatus.Expired, AuthorizationStatus.Invalid,
            AuthorizationStatus.ConcurrentTx]


def learn(conversation: Conversation, id_tag: str, status: AuthorizationStatus = AuthorizationStatus.Accepted) -> None:
    """Have the central system say something of a tag, so that the cache holds it; leaves no trace but that."""
    conversation.answers[AUTHORIZE] = m.AuthorizeConf(id_tag_info=invalid(status))
    conversation.card(id_tag)
    if status is AuthorizationStatus.Accepted:
        conversation.card(id_tag)
    conversation.answers.clear()
    conversation.forget()


def offline(conversation: Conversation) -> None:
    """The network goes."""
    conversation.disconnect()
    conversation.pass_time(1)


def started(conversation: Conversation) -> bool:
    """Whether connector 1 is in a transaction and the car gets current."""
    running = conversation.station.connectors[0].transaction is not None
    assert conversation.closed is running
    return running


def charge(conversation: Conversation, id_tag: str) -> None:
    """A car that wants power, and then a card."""
    conversation.plug_in()
    conversation.request_power()
    conversation.card(id_tag)
    conversation.pass_time(1)


# -- the matrix ------------------------------------------------------------------------------------------------------

T, F = "true", "false"
MATRIX = [
    # AllowOfflineTx  LocalPre   Local-     Authorize-  | known tag  | known tag | stranger | remote start
    # ForUnknownId    Authorize  Offline    RemoteTx    | online     | offline   | offline  | of a stranger
    (F, F, F, F, "asks", "refused", "refused", "starts unasked"),
    (F, F, F, T, "asks", "refused", "refused", "asks"),
    (F, F, T, F, "asks", "starts", "refused", "starts unasked"),
    (F, F, T, T, "asks", "starts", "refused", "asks"),
    (F, T, F, F, "starts unasked", "refused", "refused", "starts unasked"),
    (F, T, F, T, "starts unasked", "refused", "refused", "asks"),
    (F, T, T, F, "starts unasked", "starts", "refused", "starts unasked"),
    (F, T, T, T, "starts unasked", "starts", "refused", "asks"),
    (T, F, F, F, "asks", "refused", "starts", "starts unasked"),
    (T, F, F, T, "asks", "refused", "starts", "asks"),
    (T, F, T, F, "asks", "starts", "starts", "starts unasked"),
    (T, F, T, T, "asks", "starts", "starts", "asks"),
    (T, T, F, F, "starts unasked", "refused", "starts", "starts unasked"),
    (T, T, F, T, "starts unasked", "refused", "starts", "asks"),
    (T, T, T, F, "starts unasked", "starts", "starts", "starts unasked"),
    (T, T, T, T, "starts unasked", "starts", "starts", "asks"),
]
Row = tuple[str, str, str, str, str, str, str, str]


def matrix_talk(talk: Talk, row: Row) -> Conversation:
    """A station with the row's settings that knows KNOWN as good; Authorize is not answered from here on."""
    names = ("AllowOfflineTxForUnknownId", "LocalPreAuthorize", "LocalAuthorizeOffline", "AuthorizeRemoteTxRequests")
    settings = "\n".join(f"{name} = {value}" for name, value in zip(names, row[:4], strict=True))
    conversation = talk(ocpp=settings)
    learn(conversation, "KNOWN")
    conversation.answers[AUTHORIZE] = None
    return conversation


def outcome_online(conversation: Conversation) -> str:
    """What became of the request, seen from the central system that has not answered yet."""
    asked = bool(conversation.of(AUTHORIZE))
    running = started(conversation)
    assert not (asked and running)
    return {(True, False): "asks", (False, True): "starts unasked", (False, False): "nothing"}[asked, running]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: "".join("T" if value == T else "F" for value in row[:4]))
class TestMatrix:
    """Sixteen settings, four situations (S4)."""

    def test_a_known_card_is_asked_about_online_unless_trusted(self, talk: Talk, row: Row) -> None:
        """LocalPreAuthorize alone decides whether the central system is asked first (AUTH-6, AUTH-2)."""
        conversation = matrix_talk(talk, row)
        charge(conversation, "KNOWN")
        assert outcome_online(conversation) == row[4]

    def test_a_known_card_charges_offline_only_where_that_is_allowed(self, talk: Talk, row: Row) -> None:
        """LocalAuthorizeOffline alone decides (AUTH-7)."""
        conversation = matrix_talk(talk, row)
        offline(conversation)
        charge(conversation, "KNOWN")
        assert ("starts" if started(conversation) else "refused") == row[5]

    def test_a_stranger_charges_offline_only_where_that_is_allowed(self, talk: Talk, row: Row) -> None:
        """AllowOfflineTxForUnknownId alone decides (AUTH-9)."""
        conversation = matrix_talk(talk, row)
        offline(conversation)
        charge(conversation, "STRANGER")
        assert ("starts" if started(conversation) else "refused") == row[6]

    def test_remote_start_of_a_stranger(self, talk: Talk, row: Row) -> None:
        """AuthorizeRemoteTxRequests alone decides; the CALL is answered Accepted before (RMS-2, TXN-4)."""
        conversation = matrix_talk(talk, row)
        conversation.plug_in()
        conversation.request_power()
        conversation.call(m.RemoteStartTransactionReq(id_tag="STRANGER", connector_id=1))
        conversation.pass_time(1)
        assert outcome_online(conversation) == row[7]


# -- online ----------------------------------------------------------------------------------------------------------


def test_no_energy_before_the_verdict(conversation: Conversation) -> None:
    """Plugged, asking, card shown: nothing is offered until the central system says Accepted (AUTH-1)."""
    conversation.answers[AUTHORIZE] = None
    charge(conversation, "TAG1")
    conversation.pass_time(20)
    assert conversation.ordered(commands.OfferCurrent) == []
    assert not conversation.closed
    conversation.answer(m.AuthorizeConf(id_tag_info=invalid(AuthorizationStatus.Accepted)))
    conversation.pass_time(1)
    assert conversation.closed


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refused_card_starts_nothing(conversation: Conversation, status: AuthorizationStatus) -> None:
    """Any verdict but Accepted: no transaction, the status stays Preparing (AUTH-12)."""
    conversation.answers[AUTHORIZE] = m.AuthorizeConf(id_tag_info=invalid(status))
    charge(conversation, "TAG1")
    assert not started(conversation)
    assert conversation.status is ChargePointStatus.Preparing
    assert conversation.of(m.StartTransactionReq) == []


def test_a_tag_that_the_cache_calls_invalid_is_asked_about_online(talk: Talk) -> None:
    """LocalPreAuthorize trusts only good news: an old refusal is checked with the central system (AUTH-6)."""
    conversation = talk(ocpp="LocalPreAuthorize = true")
    learn(conversation, "TAG1", AuthorizationStatus.Blocked)
    charge(conversation, "TAG1")
    assert len(conversation.of(AUTHORIZE)) == 1
    assert started(conversation)


def test_the_card_that_started_stops_without_authorize(conversation: Conversation) -> None:
    """The tag is known to the transaction; its letter case does not matter (AUTH-3, AUTH-4, IDT-1)."""
    charge(conversation, "abCD01")
    conversation.forget()
    conversation.card("ABcd01")
    conversation.pass_time(10)
    assert conversation.of(AUTHORIZE) == []
    stop, = conversation.of(m.StopTransactionReq)
    assert stop.reason is Reason.Local


@pytest.mark.parametrize("id_tag", ["é€ß", "12345678901234567890", " ", "not-hex!"])
def test_an_id_tag_is_just_text(conversation: Conversation, id_tag: str) -> None:
    """No length, parity or alphabet is assumed (IDT-1)."""
    charge(conversation, id_tag)
    assert conversation.of(AUTHORIZE)[0].id_tag == id_tag
    assert conversation.of(m.StartTransactionReq)[0].id_tag == id_tag


@pytest.mark.parametrize(("failure", "allow", "starts"), [
    pytest.param("TimedOut", T, True, id="silence counts as offline and offline strangers may"),
    pytest.param("TimedOut", F, False, id="silence counts as offline and offline strangers may not"),
    pytest.param("InternalError", T, False, id="CALLERROR refuses"),
    pytest.param("GenericError", T, False, id="CALLERROR of another code refuses"),
])
def test_an_authorize_that_fails(talk: Talk, failure: str, allow: str, starts: bool) -> None:
    """Nobody answered: decide as if offline. Refused with CALLERROR: no (AUTH-13)."""
    conversation = talk(ocpp=f"AllowOfflineTxForUnknownId = {allow}")
    conversation.answers[AUTHORIZE] = failure
    charge(conversation, "TAG1")
    assert started(conversation) is starts


@pytest.mark.parametrize(("allow", "starts"), [(T, True), (F, False)])
def test_a_connection_lost_while_asking_counts_as_offline(talk: Talk, allow: str, starts: bool) -> None:
    """The card is decided at once by the offline rules, not forgotten (AUTH-13)."""
    conversation = talk(ocpp=f"AllowOfflineTxForUnknownId = {allow}")
    conversation.answers[AUTHORIZE] = None
    charge(conversation, "TAG1")
    conversation.disconnect()
    conversation.pass_time(1)
    assert started(conversation) is starts


# -- offline ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", REFUSALS)
def test_a_tag_whose_cache_entry_is_not_valid_is_no_stranger(talk: Talk, status: AuthorizationStatus) -> None:
    """AllowOfflineTxForUnknownId never overrules what is known (AUTH-9, AUTH-8)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true")
    learn(conversation, "TAG1", status)
    offline(conversation)
    charge(conversation, "tag1")
    assert not started(conversation)


def test_a_session_begun_offline_is_reported_and_judged_later(talk: Talk) -> None:
    """StartTransaction follows with its original time; its verdict still ends the session (AUTH-11, TXN-9, QUE-11)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true")
    offline(conversation)
    begun = conversation.utc
    charge(conversation, "STRANGER")
    conversation.pass_time(600)
    conversation.answers[m.StartTransactionReq] = m.StartTransactionConf(id_tag_info=invalid(), transaction_id=77)
    conversation.connect()
    conversation.pass_time(10)
    start, = conversation.of(m.StartTransactionReq)
    assert abs((start.timestamp - begun).total_seconds()) < 2
    stop, = conversation.of(m.StopTransactionReq)
    assert (stop.reason, stop.transaction_id) == (Reason.DeAuthorized, 77)


# -- groups ----------------------------------------------------------------------------------------------------------


def group(conversation: Conversation, **parents: str | None) -> None:
    """The central system accepts every tag, and tells the parentIdTag of those named."""

    def told(request: object) -> m.AuthorizeConf:
        assert isinstance(request, m.AuthorizeReq)
        return m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted,
                                                       parent_id_tag=parents.get(request.id_tag)))

    conversation.answers[AUTHORIZE] = told


@pytest.mark.parametrize(("first", "second", "stops"), [
    pytest.param("FAMILY", "FAMILY", True, id="same parent"),
    pytest.param("FAMILY", "family", True, id="same parent in other letters"),
    pytest.param("FAMILY", "OTHERS", False, id="other parent"),
    pytest.param("FAMILY", None, False, id="no parent"),
    pytest.param("TAG2", None, False, id="the presented tag is the parent of the first"),
    pytest.param(None, None, False, id="two tags without a parent are no group"),
])
def test_a_group_is_an_equal_parent_id_tag(conversation: Conversation, first: str | None, second: str | None,
                                           stops: bool) -> None:
    """A tag of the same group stops; a parentIdTag is never compared with a presented idTag (IDT-3, TXN-12, TXN-13, S2)."""
    group(conversation, TAG1=first, TAG2=second)
    charge(conversation, "TAG1")
    conversation.card("TAG2")
    conversation.pass_time(10)
    assert bool(conversation.of(m.StopTransactionReq)) is stops
    if stops:
        stop, = conversation.of(m.StopTransactionReq)
        assert (stop.id_tag, stop.reason) == ("TAG2", Reason.Local)


def test_a_parent_learned_from_start_transaction_makes_a_group_too(conversation: Conversation) -> None:
    """StartTransaction.conf may be the first to name the parentIdTag (IDT-3)."""
    group(conversation, TAG2="FAMILY")
    conversation.answers[m.StartTransactionReq] = m.StartTransactionConf(
        transaction_id=5, id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag="FAMILY"))
    charge(conversation, "TAG1")
    conversation.card("TAG2")
    conversation.pass_time(10)
    assert len(conversation.of(m.StopTransactionReq)) == 1


def test_a_foreign_card_is_not_even_asked_about(conversation: Conversation) -> None:
    """A running transaction without a group can match no other tag: no Authorize, no stop (TXN-13)."""
    charge(conversation, "TAG1")
    conversation.forget()
    conversation.card("TAG2")
    conversation.pass_time(10)
    assert conversation.actions == []
    assert started(conversation)


def test_a_blocked_card_of_the_group_does_not_stop(conversation: Conversation) -> None:
    """Stopping another's transaction needs an accepted tag (TXN-13)."""
    group(conversation, TAG1="FAMILY")
    charge(conversation, "TAG1")
    conversation.answers[AUTHORIZE] = m.AuthorizeConf(
        id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Blocked, parent_id_tag="FAMILY"))
    conversation.card("TAG2")
    conversation.pass_time(10)
    assert started(conversation)
