"""Which CALLs may leave now, and what their answers mean: registration gate, one CALL in flight, delivery queue.

Two kinds of CALL leave a charge point. *Asks* (Authorize, StatusNotification, Heartbeat ...) live in memory and are
meaningless once the connection is lost. *Owed messages* (StartTransaction, MeterValues, StopTransaction) are durable,
go out in the order in which they happened, and stay owed until the central system has answered them (QUE-1 to QUE-12).
Asks overtake owed messages (QUE-4); never are two CALLs in flight (RPC-5).
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from controller.commands import SendCall
from controller.events import NOT_STORED, CallAnswered, CallFailed, ClockWasSet, CsmsConnected, CsmsLost, Started
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.core import (
    MeterValuesReq,
    StartTransactionConf,
    StartTransactionReq,
    StopTransactionConf,
    StopTransactionReq,
)
from controller.ocpp.types import RegistrationStatus
from controller.records import (
    Bury,
    Dequeue,
    Durable,
    Enqueue,
    PutTransaction,
    QueuedMessage,
    Stamp,
    Transaction,
    UpdateQueued,
)
from controller.station.dating import (
    EARLIEST,
    can_date,
    dated,
    dated_request,
    dated_transaction,
    is_lost,
    is_nameless,
    latest,
)
from controller.station.derived import IdTagInfoReceived, RegistrationChanged, StartAnswered
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step

OnAnswer: TypeAlias = Callable[[Response, Step], None]
OnFailure: TypeAlias = Callable[[CallFailed, Step], None]

LOST = "Lost"
"""`CallFailed.code` of an ask whose connection went away before the answer."""
STORED_WITHIN_S = 5.0
"""A message that was kept back because the disk refuses is tried again so often; that counts as no attempt."""
UNDATED = "when this was is not known: the power went before the date was known (F-1970)"
"""Why a message is among the dead letters that never had a chance to leave."""
UNDELIVERABLE_ID = -1
"""The transactionId of messages whose StartTransaction was given up (TXN-21)."""

VALUES = MeterValuesReq.action
QUEUE_LIMIT = 10_000
"""So many messages are owed at most, a few megabytes: past it MeterValues are thinned, then no session starts (QUE-10)."""

OWED: dict[str, type[Request]] = {
    request.action: request for request in (StartTransactionReq, MeterValuesReq, StopTransactionReq)
}


class Ask(msgspec.Struct, frozen=True, eq=False):
    """A CALL that lives in memory only, and what to do with its answer."""

    request: Request
    on_answer: OnAnswer
    on_failure: OnFailure
    boot: bool = False
    triggered: bool = False
    """Asked for by TriggerMessage: may leave while registration is Pending (BOOT-5)."""


class CentralSystem(Feature):
    """The only feature that sends CALLs."""

    name = "central_system"

    def __init__(self, durable: Durable, settings: Settings, agenda: Agenda, new_id: Callable[[], str], *, stand_alone: bool
                 ) -> None:
        self.stand_alone = stand_alone
        """No central system is configured: none is owed what begins now (decision 11)."""
        self._settings = settings
        self._agenda = agenda
        self._new_id = new_id
        self._asks: deque[Ask] = deque()
        self._owed: deque[QueuedMessage] = deque(durable.outbox)
        self._transactions = {transaction.local_id: transaction for transaction in durable.transactions}
        self._latest: dict[str, datetime] = {}
        """Per session the last moment that was told: nothing that follows is told to be earlier (F-1970, TIME-2)."""
        for transaction in durable.transactions:
            self._latest[transaction.local_id] = transaction.known_until or EARLIEST
            self._note_latest(transaction.local_id, transaction.started, transaction.last_seen)
        for message in durable.outbox:
            self._note_latest(message.local_id, message.stamp)
        self._flying: tuple[str, Ask | QueuedMessage] | None = None
        self._waits = False
        self.connected = False
        self.registration: RegistrationStatus | None = None

    # -- what others ask ---------------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Connected, and accepted since the last start: ordinary messages may leave."""
        return self.connected and self.registration is RegistrationStatus.Accepted

    @property
    def queue_length(self) -> int:
        """Transaction messages that are not answered for good yet."""
        return len(self._owed)

    @property
    def owed(self) -> Sequence[QueuedMessage]:
        """The transaction messages that wait, the oldest first."""
        return tuple(self._owed)

    @property
    def in_flight(self) -> tuple[str, str] | None:
        """Message id and action of the CALL that waits for its answer."""
        if self._flying is None:
            return None
        message_id, what = self._flying
        return message_id, what.request.action if isinstance(what, Ask) else what.action

    @property
    def full(self) -> bool:
        """Not even thinning makes room: what is begun is finished, nothing new begins (QUE-10, B5)."""
        return not self.stand_alone and len(self._owed) >= QUEUE_LIMIT and all(message.action != VALUES for message in self._owed)

    @property
    def idle(self) -> bool:
        """Nothing is in flight and nothing could leave now."""
        return self._flying is None and not self._asks and not (self.online and self._owed and _is_dated(self._owed[0]))

    def ask(self, request: Request, on_answer: OnAnswer, on_failure: OnFailure, *, boot: bool = False,
            triggered: bool = False) -> None:
        """Send `request` as soon as the registration allows; without a connection it fails with code `Lost`."""
        self._asks.append(Ask(request, on_answer, on_failure, boot, triggered))

    def owe(self, request: Request, transaction: Transaction | None, connector_id: int, step: Step,
            stamp: Stamp | None = None, dated_values: int = 0) -> None:
        """Put a transaction message at the end of the durable queue; its transactionId is filled in when it leaves.

        `stamp` tells when it happened, if not now. One that is not trusted keeps the message, and so all that follow it, from
        leaving until the date is known (F-1970); see `QueuedMessage.dated_values`. Nobody is owed what began with no central system.
        """
        if self.stand_alone if transaction is None else transaction.stand_alone:
            self._forget_recorded(step)
            return
        if request.action == VALUES and len(self._owed) >= QUEUE_LIMIT and not self._thin(step):
            return
        local_id = transaction.local_id if transaction is not None else ""
        stamp = step.stamp if stamp is None else stamp
        if stamp.trusted:
            request = self._in_order(local_id, request, timedelta())
        payload = msgspec.json.encode(request).decode()
        message = QueuedMessage(self._new_id(), request.action, local_id, connector_id, payload, stamp,
                                dated_values=dated_values)
        self._owed.append(message)
        step.remember(Enqueue(message))
        if transaction is not None and is_nameless(transaction, step):
            self._bury_undated(message, step)

    def _forget_recorded(self, step: Step) -> None:
        """Sessions of which nobody is told need no watching once they have ended with a right date."""
        for transaction in [t for t in self._transactions.values() if t.stand_alone and t.ended is not None and t.ended.trusted]:
            self._close(transaction.local_id, step)

    def _thin(self, step: Step) -> bool:
        """Let every second of the MeterValues that wait go, so that few remain of every hour; False if none wait (QUE-10)."""
        flying = self._flying[0] if self._flying is not None else None
        values = [m.message_id for m in self._owed if m.action == VALUES and m.message_id != flying]
        dropped = values[1::2] or values
        gone = set(dropped)
        self._owed = deque(message for message in self._owed if message.message_id not in gone)
        for message_id in dropped:
            step.remember(Dequeue(message_id))
        return bool(dropped)

    def follow(self, transaction: Transaction) -> None:
        """Know the present state of a transaction, for the messages that are still owed about it."""
        self._transactions[transaction.local_id] = transaction

    def transaction(self, local_id: str) -> Transaction | None:
        """A transaction about which something is or was owed, running or over; None when all is delivered."""
        return self._transactions.get(local_id)

    # -- events ------------------------------------------------------------------------------------------------------

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the connection come and go, and every answer."""
        return {Started: self._started, CsmsConnected: self._connected, CsmsLost: self._lost, CallAnswered: self._answered,
                CallFailed: self._failed, RegistrationChanged: self._registered, ClockWasSet: self._clock_was_set}

    def deadline(self, key: Key, step: Step) -> None:
        """The pause before the next attempt is over (QUE-6)."""
        self._waits = False

    def settle(self, step: Step) -> None:
        """Let the next CALL leave, if one may."""
        if not self.connected:
            self._drop_asks(step)
        elif self._flying is None:
            self._send_next(step)

    def _connected(self, _event: CsmsConnected, _step: Step) -> None:
        """A pause between attempts goes on: a link that flaps must not use the attempts up (QUE-6)."""
        self.connected = True

    def _lost(self, event: CsmsLost, step: Step) -> None:
        self.connected = False
        flying, self._flying = self._flying, None
        if flying is not None and isinstance(flying[1], Ask):
            flying[1].on_failure(CallFailed(flying[0], LOST, event.why), step)
        self._drop_asks(step)

    def _drop_asks(self, step: Step) -> None:
        while self._asks:
            self._asks.popleft().on_failure(CallFailed("", LOST, "no connection"), step)

    def _registered(self, event: RegistrationChanged, step: Step) -> None:
        """What may not leave now is not sent later either: an Authorize hours old would start another car."""
        self.registration = event.status
        held = [ask for ask in self._asks if not self._may_leave(ask)]
        for ask in held:
            self._asks.remove(ask)
            ask.on_failure(CallFailed("", LOST, f"registration is {event.status}"), step)

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send_next(self, step: Step) -> None:
        """An ask before what is owed, and that the oldest first, once accepted (QUE-3, QUE-4, QUE-5)."""
        ask = self._next_ask()
        if ask is not None:
            self._send(self._new_id(), ask, ask.request, step)
        elif self.online and self._owed and not self._waits and _is_dated(self._owed[0]):
            message = self._owed[0]
            self._send(message.message_id, message, self._complete(message), step)

    def _next_ask(self) -> Ask | None:
        for ask in self._asks:
            if self._may_leave(ask):
                self._asks.remove(ask)
                return ask
        return None

    def _may_leave(self, ask: Ask) -> bool:
        """Only the boot before acceptance, and in Pending what was triggered (BOOT-1, BOOT-5, TRG-7)."""
        if ask.boot or self.registration is RegistrationStatus.Accepted:
            return True
        return ask.triggered and self.registration is RegistrationStatus.Pending

    def _send(self, message_id: str, what: Ask | QueuedMessage, request: Request, step: Step) -> None:
        self._flying = (message_id, what)
        step.order(SendCall(message_id, request, float(self._settings.integer("MessageTimeout"))))

    def _complete(self, message: QueuedMessage) -> Request:
        """The request as it goes out: by now StartTransaction was answered, whatever it said, or given up, so the id is known (AUTH-22)."""
        request = msgspec.json.decode(message.payload, type=OWED[message.action])
        transaction = self._transactions.get(message.local_id)
        if transaction is None or isinstance(request, StartTransactionReq):
            return request
        known = transaction.transaction_id
        return msgspec.structs.replace(request, transaction_id=UNDELIVERABLE_ID if known is None else known)

    # -- dates -------------------------------------------------------------------------------------------------------

    def known_until(self, transaction: Transaction) -> datetime:
        """The last moment of a session whose date is known for sure."""
        return self._latest.get(transaction.local_id, EARLIEST)

    def _note_latest(self, local_id: str, *stamps: Stamp) -> None:
        if local_id:
            self._latest[local_id] = max([self._latest.get(local_id, EARLIEST), *(s.utc for s in stamps if s.trusted)])

    def _in_order(self, local_id: str, request: Request, by: timedelta, dated_values: int = 0) -> Request:
        """Moved by so much, and never before what was told of the session already."""
        request = dated_request(request, by, self._latest.get(local_id, EARLIEST), dated_values=dated_values)
        until = latest(request)
        if local_id and until is not None:
            self._latest[local_id] = until
        return request

    def _clock_was_set(self, _event: ClockWasSet, step: Step) -> None:
        """The date became known: what was stamped without it gets it now, once, before it leaves; the order stays (F-1970)."""
        for transaction in list(self._transactions.values()):
            again = dated_transaction(transaction, step)
            if again != transaction:
                self.follow(again)
                step.remember(PutTransaction(again))
        self._forget_recorded(step)
        self._owed = deque(self._dated(message, step) if can_date(message.stamp, step) and not _has_left(message) else message
                           for message in self._owed)

    def _dated(self, message: QueuedMessage, step: Step) -> QueuedMessage:
        stamp = dated(message.stamp, step.at)
        return self._redate(message, stamp, stamp.utc - message.stamp.utc, message.dated_values, step)

    def _redate(self, message: QueuedMessage, stamp: Stamp, by: timedelta, dated_values: int, step: Step) -> QueuedMessage:
        request: Request = msgspec.json.decode(message.payload, type=OWED[message.action])
        payload = msgspec.json.encode(self._in_order(message.local_id, request, by, dated_values)).decode()
        again = msgspec.structs.replace(message, payload=payload, stamp=stamp, dated_values=0)
        step.remember(UpdateQueued(message.message_id, again))
        return again

    def _started(self, _event: Started, step: Step) -> None:
        """What an earlier boot stamped without ever learning the date is lost (B4, decision 10)."""
        for message in list(self._owed):
            transaction = self._transactions.get(message.local_id)
            if transaction is not None and is_nameless(transaction, step):
                self._bury_undated(message, step)
            elif is_lost(message.stamp, step) and not _has_left(message):
                self._save_end(message, step)
        # How much of the pause had passed is not known: it begins anew, so that restarts use no attempts up (QUE-6).
        if self._owed and self._owed[0].attempts > 0:
            self._pause_after(self._owed[0], step)

    def _save_end(self, message: QueuedMessage, step: Step) -> None:
        """The central system waits for the end of a session: at the last moment that is known of it, with the whole energy."""
        if message.action != StopTransactionReq.action:
            self._bury_undated(message, step)
            return
        stop = msgspec.json.decode(message.payload, type=StopTransactionReq)
        at = self._latest.get(message.local_id, EARLIEST)
        known = msgspec.structs.replace(
            stop, timestamp=at, transaction_data=(stop.transaction_data or [])[:message.dated_values] or None)
        stamp = msgspec.structs.replace(message.stamp, utc=at, trusted=True)
        message_known = msgspec.structs.replace(message, payload=msgspec.json.encode(known).decode())
        again = self._redate(message_known, stamp, timedelta(), message.dated_values, step)
        self._owed[self._owed.index(message)] = again

    def _bury_undated(self, message: QueuedMessage, step: Step) -> None:
        self._owed.remove(message)
        step.remember(Bury(message.message_id, UNDATED, step.stamp))
        if message.action == StopTransactionReq.action:
            self._close(message.local_id, step, given_up=True)

    def _close(self, local_id: str, step: Step, *, given_up: bool = False) -> None:
        """Nothing is owed of the session any more: it is history, kept as long as retention says (T-PRIVACY)."""
        transaction = self._transactions.pop(local_id, None)
        self._latest.pop(local_id, None)
        if transaction is not None:
            step.remember(PutTransaction(msgspec.structs.replace(transaction, settled=step.stamp, stop_given_up=given_up)))

    # -- answers -----------------------------------------------------------------------------------------------------

    def _take_flying(self, message_id: str) -> Ask | QueuedMessage | None:
        if self._flying is None or self._flying[0] != message_id:
            return None
        what, self._flying = self._flying[1], None
        return what

    def _answered(self, event: CallAnswered, step: Step) -> None:
        what = self._take_flying(event.message_id)
        if isinstance(what, Ask):
            what.on_answer(event.response, step)
        elif what is not None:
            self._delivered(what, event.response, step)
        elif self._owed and self._owed[0].message_id == event.message_id:
            # An answer that came after its time-out, while the queue pauses before the next attempt (RPC-4).
            self._agenda.cancel(self.name, "retry")
            self._waits = False
            self._delivered(self._owed[0], event.response, step)

    def _delivered(self, message: QueuedMessage, response: Response, step: Step) -> None:
        """A verdict on a start counts however late it comes; one on a stop is for the cache only (AUTH-11, TXN-9, TXN-19)."""
        self._owed.popleft()
        step.remember(Dequeue(message.message_id))
        request = msgspec.json.decode(message.payload, type=OWED[message.action])
        if isinstance(response, StartTransactionConf) and isinstance(request, StartTransactionReq):
            step.derive(StartAnswered(message.local_id, response.transaction_id, response.id_tag_info))
            step.derive(IdTagInfoReceived(request.id_tag, response.id_tag_info, request.action))
        elif isinstance(response, StopTransactionConf) and isinstance(request, StopTransactionReq):
            self._close(message.local_id, step)
            if response.id_tag_info is not None and request.id_tag is not None:
                step.derive(IdTagInfoReceived(request.id_tag, response.id_tag_info, request.action))

    def _failed(self, event: CallFailed, step: Step) -> None:
        what = self._take_flying(event.message_id)
        if isinstance(what, Ask):
            what.on_failure(event, step)
        elif what is not None and event.code == NOT_STORED:
            self._pause(STORED_WITHIN_S, step)
        elif what is not None:
            self._attempt_failed(what, event, step)

    def _pause(self, seconds: float, step: Step) -> None:
        """The queue stands still, everything else goes on (QUE-9)."""
        self._waits = seconds > 0
        if self._waits:
            self._agenda.set(self.name, "retry", at_s=step.at.monotonic_s + seconds)

    def _attempt_failed(self, message: QueuedMessage, event: CallFailed, step: Step) -> None:
        """QUE-6: the n-th failure is followed by a pause of n intervals; the last one drops the message.

        The id changes with a CALLERROR only. That was the answer to the old id, and the first answer counts: a CALLRESULT that
        an earlier transmission under the same id still brings is dropped, as any second answer is (RPC-4, RPC-7).
        """
        attempts = message.attempts + 1
        if attempts >= self._settings.integer("TransactionMessageAttempts"):
            self._give_up(message, event, step)
            return
        # A time-out may still be answered late, so its id stays; a refusal used the id up (RPC-4).
        message_id = message.message_id if event.code == "TimedOut" else self._new_id()
        again = msgspec.structs.replace(message, message_id=message_id, attempts=attempts)
        self._owed[0] = again
        step.remember(UpdateQueued(message.message_id, again))
        self._pause_after(again, step)

    def _pause_after(self, message: QueuedMessage, step: Step) -> None:
        """n intervals after the n-th failure (QUE-6)."""
        self._pause(float(self._settings.integer("TransactionMessageRetryInterval") * message.attempts), step)

    def _give_up(self, message: QueuedMessage, event: CallFailed, step: Step) -> None:
        self._owed.popleft()
        step.remember(Bury(message.message_id, f"{event.code}: {event.description}", step.stamp))
        if message.action == StartTransactionReq.action:
            step.derive(StartAnswered(message.local_id, None, None))
        elif message.action == StopTransactionReq.action:
            self._close(message.local_id, step, given_up=True)


def _has_left(message: QueuedMessage) -> bool:
    """The central system may have it already: its bytes are fixed (rule 4 of the faults)."""
    return message.attempts > 0


def _is_dated(message: QueuedMessage) -> bool:
    """It may leave: its time is not a guess (F-1970)."""
    return message.stamp.trusted or _has_left(message)
