"""The conversation with the central system: which answer belongs to which CALL. Pure: text in, events and text out.

    our CALL:    idle --call()--> waiting --CALLRESULT, CALLERROR--> idle      (CallAnswered, CallFailed)
                                     |----- time-out -----------> idle      (CallFailed "TimedOut"; a late answer still counts)
    their CALL:  --CallReceived--> in process --reply()--> answered           (a replay gets the same answer, F-DUP)

One CALL of ours is in flight at most (RPC-5); theirs are taken and answered at any time meanwhile.
"""

from collections import OrderedDict
from typing import TypeAlias, TypeVar

import msgspec

from controller.errors import RemoteError
from controller.events import CallAnswered, CallFailed, CallReceived
from controller.ocpp import codec, frames
from controller.ocpp.messages import FROM_CENTRAL_SYSTEM, REQUESTS, Request, Response

V = TypeVar("V")

TIMED_OUT = "TimedOut"
BAD_ANSWER = "BadAnswer"
REMEMBERED_ANSWERS = 32
"""So many answers are kept for replays of the same CALL (F-DUP)."""
REMEMBERED_TIMEOUTS = 8
MAX_IN_PROCESS = 1024
"""CALLs that are taken and not answered yet; older ones are forgotten, as under a rejected registration (BOOT-7)."""


class Transmit(msgspec.Struct, frozen=True):
    """Text to send at once."""

    text: str


Received: TypeAlias = CallReceived | CallAnswered | CallFailed | Transmit


class Session:
    """Matches CALLs and answers over all connections of one process."""

    def __init__(self, *, compat: bool = False) -> None:
        self._compat = compat
        self._waiting: tuple[str, type[Response], float] | None = None
        self._timed_out: OrderedDict[str, type[Response]] = OrderedDict()
        self._in_process: OrderedDict[str, None] = OrderedDict()
        self._answered: OrderedDict[str, str] = OrderedDict()
        self.dropped = 0
        """Frames that meant nothing: unreadable, unknown ids, unknown types."""

    # -- our CALLs ---------------------------------------------------------------------------------------------------

    def call(self, message_id: str, request: Request, timeout_s: float, now_s: float) -> str:
        """The text of our CALL, shortened to what the schema allows (RPC-13); its answer is expected from now on."""
        if self._waiting is not None:
            message = f"CALL {self._waiting[0]} is still in flight (RPC-5)"
            raise ValueError(message)
        self._waiting = (message_id, request.response, now_s + timeout_s)
        return frames.call(message_id, request.action, codec.encode(codec.shortened(request)))

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
        """The connection is gone: nothing is in flight any more, and nothing of theirs waits for an answer."""
        self._waiting = None
        self._in_process.clear()

    # -- their CALLs -------------------------------------------------------------------------------------------------

    def reply(self, message_id: str, response: Response) -> str:
        """The text of the CALLRESULT to their CALL."""
        return self._answer(message_id, frames.call_result(message_id, codec.encode(codec.shortened(response))))

    def reply_error(self, message_id: str, code: str, description: str) -> str:
        """The text of the CALLERROR to their CALL."""
        return self._answer(message_id, frames.call_error(message_id, code, description))

    def _answer(self, message_id: str, text: str) -> str:
        self._in_process.pop(message_id, None)
        _keep(self._answered, message_id, text, REMEMBERED_ANSWERS)
        return text

    # -- what comes in -----------------------------------------------------------------------------------------------

    def receive(self, text: str | bytes) -> list[Received]:
        """What a frame from the central system means. Never raises, whatever the bytes are (F-GARB)."""
        if isinstance(text, bytes):
            return self._drop()
        match frames.parse(text):
            case frames.Call() as call:
                return self._called(call)
            case frames.CallResult(message_id, payload):
                return self._resulted(message_id, payload)
            case frames.CallError(message_id, code, description):
                return self._refused(message_id, code, description)
            case frames.Broken() as broken:
                return self._broken(broken)

    def _drop(self) -> list[Received]:
        self.dropped += 1
        return []

    def _broken(self, broken: frames.Broken) -> list[Received]:
        if broken.ignored:
            return self._drop()
        if broken.message_id is not None:
            return [Transmit(frames.call_error(broken.message_id, codec.FORMATION, broken.why))]
        if self._compat:
            return [Transmit(frames.call_error("-1", "GenericError", broken.why))]
        return self._drop()

    def _called(self, call: frames.Call) -> list[Received]:
        message_id = call.message_id
        if len(message_id) > frames.MAX_MESSAGE_ID:
            why = f"a unique id has at most {frames.MAX_MESSAGE_ID} characters, this one {len(message_id)}"
            return [Transmit(frames.call_error(message_id[:255], codec.FORMATION, why))]
        if message_id in self._answered:
            return [Transmit(self._answered[message_id])]
        if message_id in self._in_process:
            # The first of the two will be answered under this id; an error under the same id would be taken for it.
            return self._drop()
        kind = REQUESTS.get(call.action)
        if kind is None or call.action not in FROM_CENTRAL_SYSTEM:
            code = "NotImplemented" if kind is None else "NotSupported"
            why = f"{call.action[:50]} is not an operation that a charge point answers"
            return [Transmit(self.reply_error(message_id, code, why))]
        try:
            request = codec.decode_request(kind, call.payload, compat=self._compat)
        except RemoteError as error:
            return [Transmit(self.reply_error(message_id, error.code, error.description))]
        _keep(self._in_process, message_id, None, MAX_IN_PROCESS)
        return [CallReceived(message_id, request)]

    def _response_type(self, message_id: str) -> type[Response] | None:
        """What the answer must be: to the CALL in flight, or to one that timed out; taken off, so that it counts once."""
        if self._waiting is not None and self._waiting[0] == message_id:
            response = self._waiting[1]
            self._waiting = None
            self._timed_out.pop(message_id, None)
            return response
        return self._timed_out.pop(message_id, None)

    def _resulted(self, message_id: str, payload: msgspec.Raw) -> list[Received]:
        kind = self._response_type(message_id)
        if kind is None:
            return self._drop()
        try:
            return [CallAnswered(message_id, codec.decode_response(kind, payload))]
        except RemoteError as error:
            return [CallFailed(message_id, BAD_ANSWER, str(error))]

    def _refused(self, message_id: str, code: str, description: str) -> list[Received]:
        if self._response_type(message_id) is None:
            return self._drop()
        return [CallFailed(message_id, code, description)]


def _keep(memory: OrderedDict[str, V], key: str, value: V, limit: int) -> None:
    """Remember at most `limit` entries, the newest."""
    memory[key] = value
    while len(memory) > limit:
        memory.popitem(last=False)
