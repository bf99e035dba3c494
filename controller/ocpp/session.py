"""The conversation with the central system: which answer belongs to which CALL. Pure: text in, events and text out.

    our CALL:    idle --call()--> waiting --CALLRESULT, CALLERROR--> idle      (CallAnswered, CallFailed)
                                     |----- time-out -----------> idle      (CallFailed "TimedOut"; a late answer still counts)
    their CALL:  --CallReceived--> in process --reply()--> answered           (a replay gets the same answer, F-DUP)

A replay is a CALL with the id *and* the content of an earlier one. Another content under an id that was answered is a new
CALL, of a central system that counts from 1 again; under an id that is still in process it is a mistake of theirs (RPC-9).

One CALL of ours is in flight at most (RPC-5); theirs are taken and answered at any time meanwhile.
"""

from collections import OrderedDict
from typing import TypeAlias, TypeVar

import msgspec

from controller.errors import RemoteError
from controller.events import CallAnswered, CallFailed, CallReceived
from controller.ocpp import codec, frames
from controller.ocpp.messages import FROM_CENTRAL_SYSTEM, REQUESTS, Request, Response
from controller.ocpp.messages.core import BootNotificationConf
from controller.ocpp.types import RegistrationStatus

V = TypeVar("V")

TIMED_OUT = "TimedOut"
BAD_ANSWER = "BadAnswer"
REMEMBERED_ANSWERS = 32
"""So many answers are kept for replays of the same CALL (F-DUP)."""
REMEMBERED_TIMEOUTS = 8
MAX_IN_PROCESS = 1024
"""CALLs that are taken and not answered yet; older ones are forgotten, as under a rejected registration (BOOT-7)."""


MAX_COPIES = 8
"""So many copies of one CALL are answered when it is; the rest is a flood."""


class Transmit(msgspec.Struct, frozen=True):
    """Text to send at once."""

    text: str


class Ignored(msgspec.Struct, frozen=True):
    """A frame that means nothing, and why; worth a line in the log (RPC-7, F-NOANS)."""

    why: str


class _Taken(msgspec.Struct):
    """A CALL of theirs that waits for our answer."""

    content: int
    copies: int = 1
    """How often it came over the present connection, and so how often it is answered there."""


Received: TypeAlias = CallReceived | CallAnswered | CallFailed | Transmit | Ignored


class Session:
    """Matches CALLs and answers over all connections of one process."""

    def __init__(self, *, compat: bool = False) -> None:
        self._compat = compat
        self._waiting: tuple[str, type[Response], float] | None = None
        self._timed_out: OrderedDict[str, type[Response]] = OrderedDict()
        self._in_process: OrderedDict[str, _Taken] = OrderedDict()
        self._answered: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._rejected = False
        """The last answer to BootNotification was Rejected: nothing of theirs is answered, right or wrong (BOOT-7)."""

    # -- our CALLs ---------------------------------------------------------------------------------------------------

    def call(self, message_id: str, request: Request, timeout_s: float, now_s: float) -> str:
        """The text of our CALL, shortened to what the schema allows (RPC-13); its answer is expected from now on."""
        if self._waiting is not None:
            message = f"CALL {self._waiting[0]} is still in flight (RPC-5)"
            raise ValueError(message)
        self._waiting = (message_id, request.response, now_s + timeout_s)
        return frames.call(message_id, request.action, codec.sendable(request))

    @property
    def in_flight(self) -> str | None:
        """The id of our CALL that waits for its answer."""
        return self._waiting[0] if self._waiting is not None else None

    def next_deadline_s(self) -> float | None:
        """When our CALL in flight times out; None if there is none."""
        return self._waiting[2] if self._waiting is not None else None

    def expire(self, now_s: float) -> list[Received]:
        """Give up waiting for what is overdue (RPC-6); a late answer is still matched (RPC-4)."""
        if self._waiting is None or now_s < self._waiting[2]:
            return []
        message_id, response, _ = self._waiting
        self._waiting = None
        _keep(self._timed_out, message_id, response, REMEMBERED_TIMEOUTS)
        return [CallFailed(message_id, TIMED_OUT, "no answer in time")]

    def lost(self) -> None:
        """The connection is gone: nothing is in flight any more, and nobody waits for our answers, unless asked again."""
        self._waiting = None
        for taken in self._in_process.values():
            taken.copies = 0

    # -- their CALLs -------------------------------------------------------------------------------------------------

    def reply(self, message_id: str, response: Response) -> list[Transmit]:
        """The CALLRESULT to their CALL, once for every copy of it that came over the present connection."""
        return self._answer(message_id, frames.call_result(message_id, codec.sendable(response)))

    def reply_error(self, message_id: str, code: str, description: str) -> list[Transmit]:
        """The CALLERROR to their CALL, likewise."""
        return self._answer(message_id, frames.call_error(message_id, code, description))

    def _answer(self, message_id: str, text: str) -> list[Transmit]:
        taken = self._in_process.pop(message_id, None)
        if taken is None:
            return []
        _keep(self._answered, message_id, (taken.content, text), REMEMBERED_ANSWERS)
        return [Transmit(text)] * taken.copies

    # -- what comes in -----------------------------------------------------------------------------------------------

    def receive(self, text: str | bytes) -> list[Received]:
        """What a frame from the central system means. Never raises, whatever the bytes are (F-GARB)."""
        if isinstance(text, bytes):
            return [Ignored("a binary frame")]
        match frames.parse(text):
            case frames.Call() | frames.Broken() if self._rejected:
                return [Ignored("not an answer, while the registration is Rejected")]
            case frames.Call() as call:
                return self._called(call)
            case frames.CallResult(message_id, payload):
                return self._resulted(message_id, payload)
            case frames.CallError(message_id, code, description):
                return self._refused(message_id, code, description)
            case frames.Broken() as broken:
                return self._broken(broken)

    def _broken(self, broken: frames.Broken) -> list[Received]:
        if broken.ignored:
            return [Ignored(broken.why)]
        nameless = broken.message_id is None
        if self._compat and (nameless or not broken.decodable):
            return [Transmit(frames.call_error("-1", "GenericError", broken.why))]
        if broken.message_id is None:
            return [Ignored(broken.why)]
        return [Transmit(frames.call_error(broken.message_id, codec.FORMATION, broken.why))]

    def _called(self, call: frames.Call) -> list[Received]:
        message_id, content = call.message_id, hash((call.action, bytes(call.payload)))
        if len(message_id) > frames.MAX_MESSAGE_ID:
            return self._too_long(message_id)
        answered = self._answered.get(message_id)
        if answered is not None and answered[0] == content:
            return [Transmit(answered[1])]
        taken = self._in_process.get(message_id)
        if taken is not None and (taken.content == content or taken.copies > 0):
            return self._called_again(message_id, taken, content)
        return self._called_anew(call, content)

    def _too_long(self, message_id: str) -> list[Received]:
        why = f"a unique id has at most {frames.MAX_MESSAGE_ID} characters, this one {len(message_id)}"
        if len(message_id) > frames.MAX_READABLE_ID:
            return self._broken(frames.Broken(why))
        return [Transmit(frames.call_error(message_id, codec.FORMATION, why))]

    def _called_again(self, message_id: str, taken: _Taken, content: int) -> list[Received]:
        """The same id while the first CALL is in process: not executed twice (F-DUP)."""
        if taken.content != content:
            why = "this unique id belongs to another CALL that is still being processed"
            return [Transmit(frames.call_error(message_id, codec.FORMATION, why))]
        if taken.copies >= MAX_COPIES:
            return [Ignored(f"more than {MAX_COPIES} copies of CALL {message_id}")]
        taken.copies += 1
        return []

    def _called_anew(self, call: frames.Call, content: int) -> list[Received]:
        _keep(self._in_process, call.message_id, _Taken(content), MAX_IN_PROCESS)
        kind = REQUESTS.get(call.action)
        if kind is None or call.action not in FROM_CENTRAL_SYSTEM:
            code = "NotImplemented" if kind is None else "NotSupported"
            why = f"{call.action[:50]} is not an operation that a charge point answers"
            return [*self.reply_error(call.message_id, code, why)]
        try:
            request = codec.decode_request(kind, call.payload, compat=self._compat)
        except RemoteError as error:
            return [*self.reply_error(call.message_id, error.code, error.description)]
        return [CallReceived(call.message_id, request)]

    def _response_type(self, message_id: str) -> type[Response] | None:
        """What the answer must be: to the CALL in flight, or to one that timed out; taken off, so that it counts once."""
        if self._waiting is not None and self._waiting[0] == message_id:
            response = self._waiting[1]
            self._waiting = None
            self._timed_out.pop(message_id, None)
            return response
        return self._timed_out.pop(message_id, None)

    def _resulted(self, message_id: str, payload: msgspec.Raw) -> list[Received]:
        in_flight = message_id == self.in_flight
        kind = self._response_type(message_id)
        if kind is None:
            return [Ignored(f"an answer to {message_id[:50]!r}, which nobody asked")]
        try:
            response = codec.decode_response(kind, payload)
        except RemoteError as error:
            return [CallFailed(message_id, BAD_ANSWER, str(error))]
        if in_flight and isinstance(response, BootNotificationConf):
            self._rejected = response.status is RegistrationStatus.Rejected
        return [CallAnswered(message_id, response)]

    def _refused(self, message_id: str, code: str, description: str) -> list[Received]:
        if self._response_type(message_id) is None:
            return [Ignored(f"CALLERROR {code[:50]!r} to {message_id[:50]!r}, which nobody asked")]
        return [CallFailed(message_id, code, description)]


def _keep(memory: OrderedDict[str, V], key: str, value: V, limit: int) -> None:
    """Remember at most `limit` entries, the newest."""
    memory[key] = value
    while len(memory) > limit:
        memory.popitem(last=False)
