"""Which CALLs may leave now, and what their answers mean: registration gate, one CALL in flight, delivery queue.

Two kinds of CALL leave a charge point. *Asks* (Authorize, StatusNotification, Heartbeat ...) live in memory and are
meaningless once the connection is lost. *Owed messages* (StartTransaction, MeterValues, StopTransaction) are durable,
go out in the order in which they happened, and stay owed until the central system has answered them (QUE-1 to QUE-12).
Asks overtake owed messages (QUE-4); never are two CALLs in flight (RPC-5).
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from controller.commands import SendCall
from controller.events import NOT_STORED, CallAnswered, CallFailed, CsmsConnected, CsmsLost
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.core import (
    MeterValuesReq,
    StartTransactionConf,
    StartTransactionReq,
    StopTransactionConf,
    StopTransactionReq,
)
from controller.ocpp.types import RegistrationStatus
from controller.records import Bury, Dequeue, Durable, Enqueue, QueuedMessage, Transaction, UpdateQueued
from controller.station.derived import IdTagInfoReceived, RegistrationChanged, StartAnswered
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step

OnAnswer: TypeAlias = Callable[[Response, Step], None]
OnFailure: TypeAlias = Callable[[CallFailed, Step], None]

LOST = "Lost"
"""`CallFailed.code` of an ask whose connection went away before the answer."""
STORED_WITHIN_S = 5.0
"""A message that was kept back because the disk refuses is tried again so often; that counts as no attempt."""
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

    def __init__(self, durable: Durable, settings: Settings, agenda: Agenda, new_id: Callable[[], str]) -> None:
        self._settings = settings
        self._agenda = agenda
        self._new_id = new_id
        self._asks: deque[Ask] = deque()
        self._owed: deque[QueuedMessage] = deque(durable.outbox)
        self._transactions = {transaction.local_id: transaction for transaction in durable.transactions}
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
    def full(self) -> bool:
        """Not even thinning makes room: what is begun is finished, nothing new begins (QUE-10, B5)."""
        return len(self._owed) >= QUEUE_LIMIT and all(message.action != VALUES for message in self._owed)

    @property
    def idle(self) -> bool:
        """Nothing is in flight and nothing could leave now."""
        return self._flying is None and not self._asks and (not self._owed or not self.online)

    def ask(self, request: Request, on_answer: OnAnswer, on_failure: OnFailure, *, boot: bool = False,
            triggered: bool = False) -> None:
        """Send `request` as soon as the registration allows; without a connection it fails with code `Lost`."""
        self._asks.append(Ask(request, on_answer, on_failure, boot, triggered))

    def owe(self, request: Request, transaction: Transaction | None, connector_id: int, step: Step) -> None:
        """Put a transaction message at the end of the durable queue; its transactionId is filled in when it leaves."""
        if request.action == VALUES and len(self._owed) >= QUEUE_LIMIT and not self._thin(step):
            return
        local_id = transaction.local_id if transaction is not None else ""
        payload = msgspec.json.encode(request).decode()
        message = QueuedMessage(self._new_id(), request.action, local_id, connector_id, payload, step.stamp)
        self._owed.append(message)
        step.remember(Enqueue(message))

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
        return {CsmsConnected: self._connected, CsmsLost: self._lost, CallAnswered: self._answered,
                CallFailed: self._failed, RegistrationChanged: self._registered}

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
        ask = self._next_ask()
        if ask is not None:
            self._send(self._new_id(), ask, ask.request, step)
        elif self.online and self._owed and not self._waits:
            message = self._owed[0]
            self._send(message.message_id, message, self._complete(message), step)

    def _next_ask(self) -> Ask | None:
        for ask in self._asks:
            if self._may_leave(ask):
                self._asks.remove(ask)
                return ask
        return None

    def _may_leave(self, ask: Ask) -> bool:
        if ask.boot or self.registration is RegistrationStatus.Accepted:
            return True
        return ask.triggered and self.registration is RegistrationStatus.Pending

    def _send(self, message_id: str, what: Ask | QueuedMessage, request: Request, step: Step) -> None:
        self._flying = (message_id, what)
        step.order(SendCall(message_id, request, float(self._settings.integer("MessageTimeout"))))

    def _complete(self, message: QueuedMessage) -> Request:
        """The request as it goes out: by now StartTransaction was answered or given up, so the id is known."""
        request = msgspec.json.decode(message.payload, type=OWED[message.action])
        transaction = self._transactions.get(message.local_id)
        if transaction is None or isinstance(request, StartTransactionReq):
            return request
        known = transaction.transaction_id
        return msgspec.structs.replace(request, transaction_id=UNDELIVERABLE_ID if known is None else known)

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
        self._owed.popleft()
        step.remember(Dequeue(message.message_id))
        request = msgspec.json.decode(message.payload, type=OWED[message.action])
        if isinstance(response, StartTransactionConf) and isinstance(request, StartTransactionReq):
            step.derive(StartAnswered(message.local_id, response.transaction_id, response.id_tag_info))
            step.derive(IdTagInfoReceived(request.id_tag, response.id_tag_info))
        elif isinstance(response, StopTransactionConf) and isinstance(request, StopTransactionReq):
            self._transactions.pop(message.local_id, None)
            if response.id_tag_info is not None and request.id_tag is not None:
                step.derive(IdTagInfoReceived(request.id_tag, response.id_tag_info))

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
        """QUE-6: the n-th failure is followed by a pause of n intervals; the last one drops the message."""
        attempts = message.attempts + 1
        if attempts >= self._settings.integer("TransactionMessageAttempts"):
            self._give_up(message, event, step)
            return
        # A time-out may still be answered late, so its id stays; a refusal used the id up (RPC-4).
        message_id = message.message_id if event.code == "TimedOut" else self._new_id()
        again = msgspec.structs.replace(message, message_id=message_id, attempts=attempts)
        self._owed[0] = again
        step.remember(UpdateQueued(message.message_id, again))
        self._pause(float(self._settings.integer("TransactionMessageRetryInterval") * attempts), step)

    def _give_up(self, message: QueuedMessage, event: CallFailed, step: Step) -> None:
        self._owed.popleft()
        step.remember(Bury(message.message_id, f"{event.code}: {event.description}"))
        if message.action == StartTransactionReq.action:
            step.derive(StartAnswered(message.local_id, None, None))
        elif message.action == StopTransactionReq.action:
            self._transactions.pop(message.local_id, None)
