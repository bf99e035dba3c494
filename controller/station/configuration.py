"""GetConfiguration and ChangeConfiguration over the table of keys (CFG-*)."""

from collections.abc import Mapping

from controller.commands import Redial, SetPingInterval
from controller.events import CallReceived, CsmsConnected
from controller.ocpp.messages import Request
from controller.ocpp.messages.core import (
    ChangeConfigurationConf,
    ChangeConfigurationReq,
    GetConfigurationConf,
    GetConfigurationReq,
)
from controller.ocpp.types import ConfigurationStatus
from controller.records import PutSetting
from controller.station.answering import answer
from controller.station.derived import SettingChanged
from controller.station.settings import Settings
from controller.station.step import Feature, Reaction, Step

CUTS_CONNECTION = ("AuthorizationKey", "SecurityProfile")


class ConfigurationKeys(Feature):
    """Lists and changes configuration keys, in Pending too (CFG-8, BOOT-12); a change is stored before it is answered (CFG-7)."""

    name = "configuration"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reactions(self) -> Mapping[type, Reaction]:
        """Tells the connection how to ping."""
        return {CsmsConnected: self._connected}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """The two operations on keys."""
        return {GetConfigurationReq: self._get, ChangeConfigurationReq: self._change}

    def _connected(self, _event: CsmsConnected, step: Step) -> None:
        step.order(SetPingInterval(self._settings.integer("WebSocketPingInterval")))

    def _get(self, call: CallReceived, step: Step) -> None:
        request = call.request
        assert isinstance(request, GetConfigurationReq)
        known, unknown = self._settings.listing(request.key)
        answer(call, GetConfigurationConf(configuration_key=known or None, unknown_key=unknown or None), step)

    def _change(self, call: CallReceived, step: Step) -> None:
        request = call.request
        assert isinstance(request, ChangeConfigurationReq)
        change = self._settings.change(request.key, request.value)
        if change.status is ConfigurationStatus.Accepted and change.value != self._settings.text(change.name):
            self._settings.apply(change)
            step.remember(PutSetting(change.name, change.value))
            step.derive(SettingChanged(change.name))
        answer(call, ChangeConfigurationConf(status=change.status), step)
        if change.status is ConfigurationStatus.Accepted:
            self._act(change.name, step)

    def _act(self, name: str, step: Step) -> None:
        """Answer first, then act, where the change touches the connection, even if the value was the same (CFG-9)."""
        if name == "WebSocketPingInterval":
            step.order(SetPingInterval(self._settings.integer(name)))
        elif name in CUTS_CONNECTION:
            step.order(Redial(self._settings.text("AuthorizationKey"), self._settings.integer("SecurityProfile")))
