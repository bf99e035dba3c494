"""TriggerMessage: the answer first, then what was asked for, current and at once (TRG-*)."""

from collections.abc import Mapping, Sequence

from controller.events import CallFailed, CallReceived
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.remote_trigger import TriggerMessageConf, TriggerMessageReq
from controller.ocpp.types import MessageTrigger, TriggerMessageStatus
from controller.station.answering import answer
from controller.station.boot import Boot
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector
from controller.station.metering import Metering
from controller.station.status_notifications import StatusNotifications
from controller.station.step import Feature, Reaction, Step


class Trigger(Feature):
    """Sends what the central system wants to see now."""

    name = "trigger"

    def __init__(self, connectors: Sequence[Connector], central_system: CentralSystem, boot: Boot, metering: Metering,
                 status: StatusNotifications) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._central_system = central_system
        self._boot = boot
        self._metering = metering
        self._status = status

    def answers(self) -> Mapping[type[Request], Reaction]:
        """TriggerMessage."""
        return {TriggerMessageReq: self._trigger}

    def _trigger(self, call: CallReceived, step: Step) -> None:
        request = call.request
        assert isinstance(request, TriggerMessageReq)
        status = self._status_for(request)
        answer(call, TriggerMessageConf(status=status), step)
        if status is TriggerMessageStatus.Accepted:
            self._send(request, step)

    def _status_for(self, request: TriggerMessageReq) -> TriggerMessageStatus:
        match request.requested_message:
            case MessageTrigger.StatusNotification:
                known = request.connector_id is None or request.connector_id in self._status.ids
                return TriggerMessageStatus.Accepted if known else TriggerMessageStatus.Rejected
            case MessageTrigger.MeterValues:
                known = request.connector_id is None or request.connector_id in self._connectors
                return TriggerMessageStatus.Accepted if known else TriggerMessageStatus.Rejected
            case MessageTrigger.Heartbeat:
                return TriggerMessageStatus.Accepted
            case MessageTrigger.BootNotification:
                # Once accepted there is nothing to notify until the next reboot (BOOT-11).
                return TriggerMessageStatus.Rejected if self._central_system.online else TriggerMessageStatus.Accepted
            case _:
                return TriggerMessageStatus.NotImplemented

    def _send(self, request: TriggerMessageReq, step: Step) -> None:
        match request.requested_message:
            case MessageTrigger.StatusNotification:
                ids = self._status.ids if request.connector_id is None else (request.connector_id,)
                self._status.notify(ids, step)
            case MessageTrigger.MeterValues:
                wanted = request.connector_id
                for connector in self._connectors.values():
                    if wanted is None or wanted == connector.connector_id:
                        self._send_values(connector, step)
            case MessageTrigger.Heartbeat:
                self._boot.beat(step, triggered=True)
            case _:
                self._boot.register(step, triggered=True)

    def _send_values(self, connector: Connector, step: Step) -> None:
        values = self._metering.triggered(connector, step)
        if values is not None:
            self._central_system.ask(values, _done, _failed, triggered=True)


def _done(_response: Response, _step: Step) -> None:
    """Nothing follows from the answer."""


def _failed(_failure: CallFailed, _step: Step) -> None:
    """A triggered message that is lost is asked for again by whoever wanted it."""
