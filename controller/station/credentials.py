"""New credentials are on trial: the former ones are kept until the new ones have brought a connection (SEC-4, SEC-12, F-SWITCH).

A password that only one side has learned would need a site visit. So a changed AuthorizationKey or SecurityProfile that has
given no connection within TRIAL_S changes places with the former one, and back again, until one of the two is let in. Which
is the former one is stored: a power cut in between does not end the trial.
"""

from collections.abc import Mapping

import msgspec

from controller.commands import Redial
from controller.events import CallAnswered, CsmsConnected, Started
from controller.records import Durable, PutNote
from controller.station.central_system import CentralSystem
from controller.station.derived import SettingChanged
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step

TRIAL_S = 240.0
"""With it the charge point is reachable again within ten minutes; each further turn is twice as long."""
LONGEST_TURN_S = 3600.0
FORMER_NOTE = "former credentials"
NAMES = ("AuthorizationKey", "SecurityProfile")


class Former(msgspec.Struct, frozen=True):
    """What gave a connection before."""

    authorization_key: str
    security_profile: str


class Credentials(Feature):
    """Watches whether changed credentials are let in."""

    name = "credentials"

    def __init__(self, durable: Durable, settings: Settings, agenda: Agenda, central_system: CentralSystem) -> None:
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._present = self._read()
        note = durable.notes.get(FORMER_NOTE)
        self._former = msgspec.json.decode(note, type=Former) if note is not None else None
        self._reconnected = False
        self._turn_s = TRIAL_S

    def _read(self) -> Former:
        return Former(*(self._settings.text(name) for name in NAMES))

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the change, and whether the central system answers after it."""
        return {Started: self._started, SettingChanged: self._changed, CsmsConnected: self._connected,
                CallAnswered: self._answered}

    def _started(self, _event: Started, step: Step) -> None:
        if self._former is not None:
            self._wait(step)

    def _changed(self, event: SettingChanged, step: Step) -> None:
        if event.name not in NAMES:
            return
        if self._former is None:
            self._keep(self._present, step)
        self._present = self._read()
        self._turn_s = TRIAL_S
        self._wait(step)

    def _wait(self, step: Step) -> None:
        self._reconnected = False
        self._agenda.set(self.name, "trial", at_s=step.at.monotonic_s + self._turn_s)

    def _keep(self, former: Former | None, step: Step) -> None:
        self._former = former
        step.remember(PutNote(FORMER_NOTE, msgspec.json.encode(former).decode() if former is not None else None))

    def _connected(self, _event: CsmsConnected, _step: Step) -> None:
        self._reconnected = True

    def _answered(self, _event: CallAnswered, step: Step) -> None:
        """The central system talks to us: it has taken the credentials of this connection."""
        if self._former is not None and self._reconnected:
            self._succeeded(step)

    def _succeeded(self, step: Step) -> None:
        self._agenda.cancel(self.name, "trial")
        self._keep(None, step)

    def deadline(self, key: Key, step: Step) -> None:
        """A connection that still stands is a success too; without one the other credentials get their turn."""
        if self._former is None:
            return
        if self._reconnected and self._central_system.connected:
            self._succeeded(step)
        else:
            self._change_places(self._former, step)

    def _change_places(self, former: Former, step: Step) -> None:
        for name, value in zip(NAMES, (former.authorization_key, former.security_profile), strict=True):
            self._settings.overwrite(name, value, step.remember)
        self._keep(self._present, step)
        self._present = former
        self._turn_s = min(2 * self._turn_s, LONGEST_TURN_S)
        step.order(Redial(former.authorization_key, int(former.security_profile)))
        self._wait(step)
