"""TriggerMessage: the answer first, then what was asked for, current and at once (TRG-*)."""

from collections.abc import Mapping, Sequence

from controller.events import CallFailed, CallReceived
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.remote_trigger import TriggerMessageConf, TriggerMessageReq
from controller.ocpp.types import MessageTrigger, TriggerMessageStatus
from controller.station.answering import answer, not_supported
from controller.station.boot import Boot
from controller.station.central_system import CentralSystem
from controller.station.connector import Connector
from controller.station.metering import Metering
from controller.station.settings import Settings
from controller.station.status_notifications import StatusNotifications
from controller.station.step import Feature, Reaction, Step


class Trigger(Feature):
    """Sends what the central system wants to see now."""

    name = "trigger"

    def __init__(self, connectors: Sequence[Connector], settings: Settings, central_system: CentralSystem, boot: Boot,
                 metering: Metering, status: StatusNotifications) -> None:
        self._connectors = {connector.connector_id: connector for connector in connectors}
        self._present = "RemoteTrigger" in settings.csl("SupportedFeatureProfiles")
        self._central_system = central_system
        self._boot = boot
        self._metering = metering
        self._status = status

    def answers(self) -> Mapping[type[Request], Reaction]:
        """TriggerMessage, unless the `[ocpp]` table leaves the profile out."""
        return {TriggerMessageReq: self._trigger if self._present else not_supported}

    def _trigger(self, call: CallReceived, step: Step) -> None:
        """The answer, then the present as it is now (TRG-1, TRG-3)."""
        request = call.request
        assert isinstance(request, TriggerMessageReq)
        status = self._status_for(request, step)
        answer(call, TriggerMessageConf(status=status), step)
        if status is TriggerMessageStatus.Accepted:
            self._send(request, step)

    def _status_for(self, request: TriggerMessageReq, step: Step) -> TriggerMessageStatus:
        """Which messages there are (TRG-6), and whether the connector that is named has them (TRG-4)."""
        match request.requested_message:
            case MessageTrigger.StatusNotification:
                known = request.connector_id is None or request.connector_id in self._status.ids
                return TriggerMessageStatus.Accepted if known else TriggerMessageStatus.Rejected
            case MessageTrigger.MeterValues:
                meant = self._meant(request.connector_id)
                able = any(self._metering.triggered(connector, step) is not None for connector in meant)
                return TriggerMessageStatus.Accepted if able else TriggerMessageStatus.Rejected
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
                for connector in self._meant(request.connector_id):
                    self._send_values(connector, step)
            case MessageTrigger.Heartbeat:
                self._boot.beat(step, triggered=True)
            case _:
                self._boot.register(step, triggered=True)

    def _meant(self, connector_id: int | None) -> list[Connector]:
        """All connectors, or the one that is named, if there is such a one (TRG-2); connector 0 has no meter that is read (MTR-5)."""
        return [c for c in self._connectors.values() if connector_id in (None, c.connector_id)]

    def _send_values(self, connector: Connector, step: Step) -> None:
        values = self._metering.triggered(connector, step)
        if values is not None:
            self._central_system.ask(values, _done, _failed, triggered=True)


def _done(_response: Response, _step: Step) -> None:
    """Nothing follows from the answer."""


def _failed(_failure: CallFailed, _step: Step) -> None:
    """A triggered message that is lost is asked for again by whoever wanted it."""
