"""BootNotification, the registration it leads to, Heartbeat, and the clock that both bring (BOOT-*, HB-*, TIME-2)."""

from collections.abc import Mapping
from datetime import UTC, datetime

from controller.config import Configuration
from controller.events import CallFailed, CallReceived, CsmsConnected, CsmsLost
from controller.ocpp.messages import Response
from controller.ocpp.messages.core import BootNotificationConf, BootNotificationReq, HeartbeatConf, HeartbeatReq
from controller.ocpp.types import RegistrationStatus
from controller.records import Durable, PutNote
from controller.station.central_system import LOST, CentralSystem
from controller.station.dating import EARLIEST
from controller.station.derived import RegistrationChanged, SettingChanged
from controller.station.settings import Settings
from controller.station.step import Agenda, Feature, Key, Reaction, Step

CLOCK_TOLERANCE_S = 1.0
"""A smaller difference to the central system's clock is transit time, not an error (TIME-2)."""
CREDIBLE_FROM, CREDIBLE_UNTIL = EARLIEST, datetime(2100, 1, 1, tzinfo=UTC)
"""A central system whose clock shows another time has none: before this program was built, or near the calendar's end."""
LONGEST_WAIT_S = 86_400
"""Whatever interval the central system asks for, a day is the most (F-ORDER)."""
ACCEPTED_NOTE = "accepted by the central system"


class Boot(Feature):
    """Registers the charge point, keeps the connection alive, and tells whether charging is allowed at all."""

    name = "boot"

    def __init__(self, configuration: Configuration, durable: Durable, settings: Settings, agenda: Agenda,
                 central_system: CentralSystem) -> None:
        self._configuration = configuration
        self._settings = settings
        self._agenda = agenda
        self._central_system = central_system
        self._asked = False
        self._not_before_s = 0.0
        self._ever_accepted = ACCEPTED_NOTE in durable.notes

    @property
    def may_charge(self) -> bool:
        """False until some central system has accepted this charge point, unless the operator chose otherwise (BOOT-9)."""
        stand_alone = not self._configuration.csms.url
        return self._ever_accepted or stand_alone or self._configuration.charging.before_accepted

    @property
    def request(self) -> BootNotificationReq:
        """What this charge point says of itself."""
        point = self._configuration.charge_point
        return BootNotificationReq(
            charge_point_vendor=point.vendor, charge_point_model=point.model,
            charge_point_serial_number=point.serial_number or None,
            charge_box_serial_number=point.charge_box_serial_number or None,
            firmware_version=point.firmware_version or None, iccid=point.iccid or None, imsi=point.imsi or None,
            meter_type=point.meter_type or None, meter_serial_number=point.meter_serial_number or None,
        )

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the connection and changes of the heartbeat interval."""
        return {CsmsConnected: self._connected, CsmsLost: self._lost, SettingChanged: self._setting_changed}

    def deadline(self, key: Key, step: Step) -> None:
        """Time for the next BootNotification, or a Heartbeat, if it is accepted (HB-3)."""
        if key[1] == "register":
            self.register(step)
        elif self._central_system.online:
            self.beat(step)

    def register(self, step: Step, *, triggered: bool = False) -> None:
        """Send BootNotification, unless one is already on its way, which then is the one that was asked for (TRG-5)."""
        if not self._asked and self._central_system.connected:
            self._asked = True
            self._agenda.cancel(self.name, "register")
            self._central_system.ask(self.request, self._answered, self._failed, boot=True, triggered=triggered)

    def beat(self, step: Step, *, triggered: bool = False) -> None:
        """Send a Heartbeat and set the next one off (HB-1); pongs do not replace it (WS-13)."""
        self._arm_heartbeat(step)
        self._central_system.ask(HeartbeatReq(), self._heartbeat_answered, _nothing, triggered=triggered)

    def _connected(self, _event: CsmsConnected, step: Step) -> None:
        """Boot once per start; a mere reconnect is none (BOOT-1, WS-7). An interval goes on over reconnects (BOOT-4)."""
        accepted = self._central_system.registration is RegistrationStatus.Accepted
        csms = self._configuration.csms
        if accepted and not (csms.boot_on_reconnect or csms.compat):
            self._arm_heartbeat(step)
            return
        if step.at.monotonic_s >= self._not_before_s:
            self.register(step)
        else:
            self._agenda.set(self.name, "register", at_s=self._not_before_s)

    def _lost(self, _event: CsmsLost, _step: Step) -> None:
        self._asked = False
        self._agenda.cancel(self.name, "register")
        self._agenda.cancel(self.name, "heartbeat")

    def _setting_changed(self, event: SettingChanged, step: Step) -> None:
        """A new interval counts from now (HB-2)."""
        if event.name == "HeartbeatInterval" and self._central_system.online:
            self._arm_heartbeat(step)

    def _answered(self, response: Response, step: Step) -> None:
        if not isinstance(response, BootNotificationConf):
            return
        self._asked = False
        self._take_time(response, step)
        if response.status is RegistrationStatus.Accepted:
            self._accepted(response.interval, step)
        else:
            self._register_later(self._wait_s(response.interval), step)
        step.derive(RegistrationChanged(response.status))

    def _accepted(self, interval_s: int, step: Step) -> None:
        """The heartbeat interval is the central system's; 0 leaves ours (BOOT-2)."""
        self._not_before_s = 0.0
        if interval_s > 0:
            self._settings.overwrite("HeartbeatInterval", str(min(interval_s, LONGEST_WAIT_S)), step.remember)
        if not self._ever_accepted:
            self._ever_accepted = True
            step.remember(PutNote(ACCEPTED_NOTE, step.at.utc.isoformat()))
        self._arm_heartbeat(step)

    def _wait_s(self, interval_s: int) -> float:
        """How long Pending and Rejected keep the next BootNotification back; 0 leaves that to us (BOOT-4)."""
        if interval_s <= 0:
            return self._configuration.csms.boot_retry_s
        return float(min(interval_s, LONGEST_WAIT_S))

    def _failed(self, failure: CallFailed, step: Step) -> None:
        """No answer, or a CALLERROR: try again (BOOT-8)."""
        self._asked = False
        if failure.code != LOST:
            self._register_later(self._configuration.csms.boot_retry_s, step)

    def _register_later(self, wait_s: float, step: Step) -> None:
        self._not_before_s = step.at.monotonic_s + wait_s
        self._agenda.set(self.name, "register", at_s=self._not_before_s)

    def _arm_heartbeat(self, step: Step) -> None:
        interval_s = self._settings.integer("HeartbeatInterval")
        self._agenda.set(self.name, "heartbeat", at_s=step.at.monotonic_s + interval_s)

    def _heartbeat_answered(self, response: Response, step: Step) -> None:
        if isinstance(response, HeartbeatConf):
            self._take_time(response, step)

    def _take_time(self, response: BootNotificationConf | HeartbeatConf, step: Step) -> None:
        told = response.current_time
        if not _credible(told):
            # Nobody knows better than this machine: what it owes is not kept back for ever.
            if not step.at.trusted and _credible(step.at.utc):
                step.set_clock(step.at.utc)
        elif not step.at.trusted or abs((told - step.at.utc).total_seconds()) > CLOCK_TOLERANCE_S:
            step.set_clock(told)

    def is_silent(self, _call: CallReceived) -> bool:
        """Rejected: CALLs of the central system are not answered (BOOT-7)."""
        return self._central_system.registration is RegistrationStatus.Rejected


def _credible(utc: datetime) -> bool:
    return CREDIBLE_FROM <= utc < CREDIBLE_UNTIL


def _nothing(_failure: CallFailed, _step: Step) -> None:
    """A Heartbeat that failed is followed by the next one."""
