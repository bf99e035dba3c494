"""How a CALL of the central system is answered."""

from controller.commands import Reply, ReplyError
from controller.events import CallReceived
from controller.ocpp.messages import Response
from controller.station.step import Step


def answer(call: CallReceived, response: Response, step: Step) -> None:
    """Answer with a CALLRESULT; a refusal that the response can express goes this way too (RPC-9)."""
    step.order(Reply(call.message_id, response))


def not_supported(call: CallReceived, step: Step) -> None:
    """Answer an operation of a feature profile that is not there with CALLERROR NotSupported (RPC-11)."""
    refuse(call, "NotSupported", f"{call.request.action}: this charge point does not have that feature profile", step)


def refuse(call: CallReceived, code: str, description: str, step: Step) -> None:
    """Answer with a CALLERROR (RPC-11)."""
    step.order(ReplyError(call.message_id, code, description))
