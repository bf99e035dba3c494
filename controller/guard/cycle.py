"""The cycle of one connector: read everything, judge it, decide, write, report."""

import math
from collections.abc import Callable, Mapping

import msgspec

from controller.faults import CATALOGUE, FaultKind, Reaction
from controller.guard.complaints import Complaints, nobody
from controller.guard.decide import OPEN_UNDER_LOAD_AFTER_S, Memory, Outputs, Seen, decide
from controller.guard.fault_watch import FaultWatch
from controller.guard.messages import ClearLatch, Measured, Offer, Pilot, Report, SetLatch, SetLock, ToGuard, Withdraw
from controller.guard.phases import PAUSE_S, PhaseWatch
from controller.guard.pilot import PilotWatch
from controller.guard.self_test import SelfTest
from controller.guard.supervision import (
    FLAP_WINDOW_S,
    FLAPS,
    MEASUREMENT_MAX_AGE_S,
    CableWatch,
    ContactorWatch,
    CurrentWatch,
    LockWatch,
    TemperatureWatch,
    VoltageWatch,
)
from controller.guard.wake_up import Kind, WakeUp
from drivers.protocols import (
    ConnectorLock,
    Contactor,
    ControlPilot,
    FaultInput,
    LockState,
    PhaseSwitch,
    PilotSample,
    ProximityPilot,
    ResidualMonitor,
    TemperatureSensor,
)

TEMPERATURE_EVERY_S = 1.0
VOLTAGE_PATIENCE_S = 0.45
"""A supply out of range is left within 2 s of its beginning, obeying car or not (`contract.md`, fault kinds)."""
OPENS_WITHIN_S = 0.150
"""Where no feedback is wired the contact is taken for open so long after the coil was released (iec61851.md 7)."""
SHOWS_F = frozenset(kind for kind, row in CATALOGUE.items() if row.reaction is Reaction.OPEN and row.faulted)
STAYS_OPEN = frozenset({FaultKind.VENTILATION})
"""The car may still choose to charge without ventilation, so the offer stands (iec61851.md 5)."""
OPENS = frozenset(kind for kind, row in CATALOGUE.items() if row.reaction in (Reaction.OPEN, Reaction.NEVER_CLOSE)) - STAYS_OPEN
STOPS = frozenset(kind for kind, row in CATALOGUE.items() if row.reaction is Reaction.STOP)
VOLTAGE = frozenset({FaultKind.UNDERVOLTAGE, FaultKind.OVERVOLTAGE})


class Devices(msgspec.Struct, frozen=True):
    """The hardware of one connector that belongs to the guard. `inputs` maps a fault to the wire that tells of it."""

    pilot: ControlPilot
    contactor: Contactor
    lock: ConnectorLock
    inputs: Mapping[FaultKind, FaultInput] = {}
    residual: ResidualMonitor | None = None
    """The monitor behind `inputs[FaultKind.RCD]`, where it can be tested."""
    temperature: TemperatureSensor | None = None
    proximity: ProximityPilot | None = None
    phase_switch: PhaseSwitch | None = None


class Limits(msgspec.Struct, frozen=True):
    """What the guard itself read from the configuration; nothing that arrives can raise it (T-OVERPWR)."""

    connector_id: int
    ceiling_a: float
    rating_a: float
    nominal_voltage_v: float
    ventilation: bool = False
    derate_from_c: float = 60.0
    derate_to_c: float = 75.0
    stop_c: float = 80.0
    wake_up: Kind = "off"
    phase_pause_s: float = PAUSE_S


class Channel:
    """One connector: its devices, what is watched, and what was decided last."""

    def __init__(self, devices: Devices, limits: Limits, tell: Callable[[str], None] = nobody) -> None:
        self.limits = limits
        self._devices = devices
        self._pilot = PilotWatch(ventilation=limits.ventilation)
        self._contactor = ContactorWatch()
        self._lock = LockWatch()
        self._current = CurrentWatch(limits.rating_a)
        self._voltage = VoltageWatch(limits.nominal_voltage_v)
        self._temperature = TemperatureWatch(derate_from_c=limits.derate_from_c, derate_to_c=limits.derate_to_c,
                                             stop_c=limits.stop_c)
        self.faults = FaultWatch()
        self._memory = Memory()
        self._outputs = Outputs(1.0, coil=False, offered_a=None)
        self._written: tuple[float, bool] | None = None
        self._offer: tuple[float, float] | None = None
        """Amperes, and until when they are offered."""
        self._measured: tuple[float, float] | None = None
        """The highest phase current in amperes, and when it was measured."""
        self._hot_limit_a = limits.ceiling_a
        self._temperature_at_s = -math.inf
        self._temperature_c: float | None = None
        self._cable = CableWatch()
        self._wake_up = WakeUp(limits.wake_up)
        self._wake_level: float | None = None
        self._self_test = SelfTest() if devices.residual is not None else None
        self._test_driven = False
        self._phases = PhaseWatch(limits.phase_pause_s) if devices.phase_switch is not None else None
        self._was_plugged = False
        self._ending = self._rests = False
        self._feedback: bool | None = None
        self._feedback_known = False
        self._lock_state = LockState.MOVING
        self._gone_wrong: set[FaultKind] = set()
        """Devices that did not do what was asked since the last judgement."""
        self._errors: list[Exception] = []
        """What they said to that."""
        self._complaints = Complaints(limits.connector_id, tell)

    # -- what the controller says ------------------------------------------------------------------------------------

    def hear(self, message: ToGuard, now_s: float) -> None:
        """Take one message; numbers that are none are taken as no offer and no measurement."""
        match message:
            case Offer():
                sane = math.isfinite(message.max_current_a) and math.isfinite(message.valid_for_s)
                accepted = sane and not self._ending
                self._offer = (message.max_current_a, now_s + message.valid_for_s) if accepted else None
                if self._phases is not None and accepted:
                    self._phases.wish(message.phases)
            case Withdraw():
                self._offer = None
            case Measured():
                if all(map(math.isfinite, (*message.current_a, *message.voltage_v))):
                    self._measured = max(message.current_a), now_s
                    self._voltage.look(message.voltage_v, now_s)
            case SetLock():
                self._lock.wish(locked=message.locked)
            case SetLatch():
                self.faults.latch(message.kind)
            case ClearLatch():
                self.faults.reset(message.kind, now_s)
                if self._self_test is not None and message.kind is FaultKind.RCD:
                    self._self_test.reset()

    def withdraw(self) -> None:
        """The guard is told to end: nothing is offered any more, whatever the controller says."""
        self._ending = True
        self._offer = None

    # -- one cycle ---------------------------------------------------------------------------------------------------

    def step(self, now_s: float, *, too_late: bool) -> None:
        """Read, judge, decide, write. Never raises: a device that does not do what it should is a fault."""
        self._write()  # what could not be written yet; at the very first: everything off
        outputs = self._outputs
        self._read_contactor()
        self._read_pilot(now_s)
        self._notice_plug(now_s)
        self._read_temperature(now_s)
        if self._measured is not None and now_s - self._measured[1] >= MEASUREMENT_MAX_AGE_S:
            self._measured = None
        if self._feedback_known:
            self._look_at_contactor(outputs.coil, now_s)
        self._current.look(offered_a=outputs.offered_a, measured=self._measured, now_s=now_s)
        self._lock_state = self._move_bolt(now_s)
        if self._phases is not None and self._devices.phase_switch is not None:
            self._look_at_phases(self._phases, self._devices.phase_switch, now_s)
        self.faults.look(self._causes(now_s), unplugged=self._pilot.state is Pilot.A, now_s=now_s)
        self._gone_wrong.clear()
        self._wake_level = self._wake_up.look(self._pilot.state, offered=self._memory.offered_a is not None, now_s=now_s)
        self._outputs, self._memory = decide(self._seen(now_s, too_late=too_late), self._memory, now_s)
        self._rests = self._keeps_back(now_s)
        self._write()
        if self._errors:
            self._tell_errors(now_s)

    def _tell_errors(self, now_s: float) -> None:
        for error in self._errors:
            self._complaints.take(error, now_s)
        self._errors.clear()

    def _read_contactor(self) -> None:
        self._feedback_known = False
        try:
            self._feedback = self._devices.contactor.feedback()
            self._feedback_known = True
        except Exception as error:  # noqa: BLE001 - a driver that breaks its promise must not take the guard with it
            self._errors.append(error)
            self._feedback = None
            self._gone_wrong.add(FaultKind.CONTACTOR)

    def _look_at_contactor(self, coil: bool, now_s: float) -> None:
        lockout_s = self._contactor.look(coil=coil, feedback=self._feedback, measured=self._measured, now_s=now_s)
        if lockout_s > 0:
            self._complaints.say(f"EV oscillates: more than {FLAPS} closures in {FLAP_WINDOW_S:g} s; no power for {lockout_s:g} s, or "
                                 "until it is unplugged", now_s)

    def _drive(self, kind: FaultKind, act: Callable[..., None], *values: float) -> bool:
        """Whether a device did what it was told; when it raised, that is the fault `kind`."""
        try:
            act(*values)
        except Exception as error:  # noqa: BLE001 - as above
            self._errors.append(error)
            self._gone_wrong.add(kind)
            return False
        return True

    def _read_pilot(self, now_s: float) -> None:
        if self._outputs.duty == 0.0:
            self._pilot.forget(now_s)
            return
        sample: PilotSample | None
        try:
            sample = self._devices.pilot.read()
        except Exception as error:  # noqa: BLE001 - as above; a single miss is no fault yet
            self._errors.append(error)
            sample = None
        self._pilot.look(sample, pwm=self._outputs.offered_a is not None, now_s=now_s)

    def _notice_plug(self, now_s: float) -> None:
        """A new car begins with a clean slate; its cable is asked what it carries before anything is offered."""
        plugged = self._pilot.state.plugged
        if self._pilot.state is Pilot.A and self._was_plugged:
            self._contactor.unplugged()
            self._current.unplugged()
            self._cable.unplugged()
            self._lock.unplugged()
            if self._self_test is not None:
                self._self_test.unplugged()
        if plugged or self._pilot.state is Pilot.A:
            self._was_plugged = plugged
        proximity = self._devices.proximity
        if proximity is not None and plugged and self._cable.due(now_s):
            try:
                self._cable.look(proximity.cable_a(), now_s)
            except Exception as error:  # noqa: BLE001 - as above; what cannot be read is no code
                self._errors.append(error)
                self._cable.look(None, now_s)

    def _read_temperature(self, now_s: float) -> None:
        sensor, ceiling_a = self._devices.temperature, self.limits.ceiling_a
        if sensor is None or now_s - self._temperature_at_s < TEMPERATURE_EVERY_S:
            return
        self._temperature_at_s = now_s
        try:
            temperature_c = sensor.read_c()
            self._hot_limit_a = self._temperature.limit_a(temperature_c, ceiling_a)
            self._temperature_c = round(2 * temperature_c) / 2  # finer than that is noise, and every change is told
        except Exception as error:  # noqa: BLE001 - as above
            self._errors.append(error)
            self._temperature_c = None
            self._hot_limit_a = self._temperature.unknown_a(ceiling_a)

    def _move_bolt(self, now_s: float) -> LockState:
        """Where the bolt is, and MOVING from the moment it is told to move; nobody knows of one that does not answer."""
        lock = self._devices.lock
        try:
            state = lock.state()
        except Exception as error:  # noqa: BLE001 - as above
            self._errors.append(error)
            self._gone_wrong.add(FaultKind.LOCK)
            return LockState.MOVING
        move = self._lock.look(state, may_unlock=self._known_open(now_s), now_s=now_s)
        if move is None:
            return state
        self._drive(FaultKind.LOCK, lock.lock if move else lock.unlock)
        return LockState.MOVING

    def _known_open(self, now_s: float) -> bool:
        """Nothing can be under power behind the bolt: only then may it open (iec61851.md 6 and 7)."""
        if self._outputs.coil or self._contactor.welded or not self._feedback_known:
            return False
        return self._feedback is False or (self._feedback is None and self._contactor.off_for_s(now_s) >= OPENS_WITHIN_S)

    def _look_at_phases(self, phases: PhaseWatch, switch: PhaseSwitch, now_s: float) -> None:
        """Switch when it may be, and see that the contact follows."""
        if self._pilot.state is Pilot.A:
            phases.unplugged()
        shown: int | None = None
        try:
            shown = switch.phases()
        except Exception as error:  # noqa: BLE001 - as above; a contact that cannot be read is not where it should be
            self._errors.append(error)
        wanted = phases.look(shown, opened=self._known_open(now_s), offered=self._memory.offered_a is not None,
                             asks=self._pilot.state in (Pilot.C, Pilot.D), now_s=now_s)
        if wanted is not None and self._drive(FaultKind.PHASE_SWITCH, switch.set_phases, wanted):
            phases.switched(wanted, now_s)

    def _causes(self, now_s: float) -> set[FaultKind]:
        """Everything that is wrong in this cycle."""
        causes = self._gone_wrong.copy()
        for kind, wire in self._devices.inputs.items():
            if self._active(wire) and self._active(wire):  # twice, for a spike is no fault
                causes.add(kind)
        if self._self_test is not None:
            self._test_monitor(self._self_test, causes, now_s)
        for wrong, kind in (
            (self._pilot.broken or self._pilot.state in (Pilot.E, Pilot.F), FaultKind.PILOT),
            (self._pilot.diode_missing, FaultKind.DIODE),
            (self._pilot.state is Pilot.D and not self.limits.ventilation, FaultKind.VENTILATION),
            (self._contactor.welded, FaultKind.CONTACTOR_WELDED), (self._contactor.failed, FaultKind.CONTACTOR),
            (self._lock.not_locked, FaultKind.LOCK), (self._lock.not_unlocked, FaultKind.LOCK_STUCK),
            (self._temperature.too_hot, FaultKind.TEMPERATURE), (self._current.tripped, FaultKind.OVERCURRENT),
            (self._voltage.under, FaultKind.UNDERVOLTAGE), (self._voltage.over, FaultKind.OVERVOLTAGE),
            (self._cable.missing, FaultKind.PROXIMITY),
            (self._phases is not None and self._phases.failed, FaultKind.PHASE_SWITCH),
        ):
            if wrong:
                causes.add(kind)
        return causes

    def _test_monitor(self, test: SelfTest, causes: set[FaultKind], now_s: float) -> None:
        """While the monitor is tested, what it says is its answer; afterwards the verdict is the cause."""
        tripped = FaultKind.RCD in causes
        if test.running:
            causes.discard(FaultKind.RCD)
        known = test.failure
        driven = test.look(tripped=tripped, may_begin=self._memory.offered_a is None and self._known_open(now_s), now_s=now_s)
        if driven is not self._test_driven:
            self._drive_test(driven, causes)
        if test.failure is not None:
            causes.add(FaultKind.RCD)
            if known is None:
                self._complaints.say(test.failure, now_s)

    def _drive_test(self, on: bool, causes: set[FaultKind]) -> None:
        try:
            if self._devices.residual is not None:
                self._devices.residual.test(on)
            self._test_driven = on
        except Exception as error:  # noqa: BLE001 - as above
            self._errors.append(error)
            causes.add(FaultKind.RCD)

    def _active(self, wire: FaultInput) -> bool:
        """Whether a wire tells of its fault; one that cannot be read does."""
        try:
            return wire.active()
        except Exception as error:  # noqa: BLE001 - as above
            self._errors.append(error)
            return True

    def _seen(self, now_s: float, *, too_late: bool) -> Seen:
        standing = self.faults.standing
        return Seen(
            pilot=self._pilot.state, diode_fresh=self._pilot.diode_fresh(now_s), offer_a=self._offer_a(now_s),
            ventilation=self.limits.ventilation, locked=self._lock_state in (LockState.LOCKED, LockState.NONE),
            may_close=(self._contactor.may_close(now_s) and self._lock.wish_locked is not False
                       and not self._pilot.undecided),  # what opens needs two samples; what closes has none against it
            must_release=self._contactor.must_release, must_open=too_late or bool(standing & OPENS),
            shows_f=bool(standing & SHOWS_F), must_stop=bool(standing & STOPS), stays_open=bool(standing & STAYS_OPEN),
            patience_s=VOLTAGE_PATIENCE_S if standing & VOLTAGE else OPEN_UNDER_LOAD_AFTER_S, wake_up=self._wake_level,
        )

    def _offer_a(self, now_s: float) -> float | None:
        """The live offer within the ceiling, the cable, the warmth, and what an over-drawing car may still have."""
        if self._offer is None or now_s >= self._offer[1] or not self._contactor.proved_open:
            return None
        if self._pilot.state in (Pilot.A, Pilot.UNKNOWN) or (self._self_test is not None and self._self_test.holds):
            return None
        if self._phases is not None and self._phases.holds(now_s):
            return None
        amperes = min(self._offer[0], self.limits.ceiling_a, self._hot_limit_a, self._cable_a)
        cap_a = self._current.cap_a
        return amperes if cap_a is None else min(amperes, cap_a)

    def _keeps_back(self, now_s: float) -> bool:
        """Somebody offers, and the car gets nothing for a while."""
        if self._offer is None or now_s >= self._offer[1]:
            return False
        pauses = self._phases is not None and self._phases.pauses(now_s)
        return pauses or (self._contactor.locked_out(now_s) and self._pilot.state in (Pilot.C, Pilot.D))

    @property
    def _cable_a(self) -> float:
        if self._devices.proximity is None:
            return self.limits.ceiling_a
        return self._cable.amperes if self._cable.amperes is not None else 0.0

    def _write(self) -> None:
        """Drive the outputs, less before more: the coil before the pilot when opening, the pilot first when closing."""
        wanted = (self._outputs.duty, self._outputs.coil)
        before = self._written
        was_on = before is not None and before[1]
        coil_off = not self._outputs.coil and (before is None or was_on)
        coil_on = self._outputs.coil and not was_on
        done = not coil_off or self._drive(FaultKind.CONTACTOR, self._devices.contactor.set, False)
        if before is None or before[0] != self._outputs.duty:
            done = self._write_pilot(self._outputs.duty) and done
        if done and coil_on:
            done = self._drive(FaultKind.CONTACTOR, self._devices.contactor.set, True)
        self._written = wanted if done else None
        if not done:
            self._let_go()

    def _write_pilot(self, duty: float) -> bool:
        pilot = self._devices.pilot
        if duty == 1.0:
            return self._drive(FaultKind.OTHER, pilot.set_x1)
        if duty == 0.0:
            return self._drive(FaultKind.OTHER, pilot.set_f)
        return self._drive(FaultKind.OTHER, pilot.set_pwm, duty)

    def _let_go(self) -> None:
        """The outputs are not what was decided: the coil goes off, and the fault that this is keeps it off (F-PWM)."""
        if self._outputs.coil:
            self._drive(FaultKind.CONTACTOR, self._devices.contactor.set, False)
        self._outputs = Outputs(1.0, coil=False, offered_a=None)

    # -- what others see ---------------------------------------------------------------------------------------------

    def report(self, late_ticks: int) -> Report:
        """Everything the controller may know, as this cycle found and left it."""
        outputs = self._outputs
        in_force_a = outputs.offered_a if self._wake_level is None else self._memory.offered_a
        return Report(
            self.limits.connector_id, self._pilot.state, outputs.duty, in_force_a or 0.0, outputs.coil,
            outputs.coil if self._feedback is None else self._feedback, self._lock_state, self.faults.standing,
            self._cable_a, late_ticks, self._contactor.closures,
            (self._phases.commanded or 0) if self._phases is not None else 0, self._rests, self._temperature_c,
        )

    def kick(self) -> None:
        """Every connector's cycle is complete: one edge for the relay stage that lets go without (hardware-drivers.md 3.4)."""
        try:
            self._devices.contactor.kick()
        except Exception as error:  # noqa: BLE001 - as above; without its edges the stage opens by itself, which is the point of it
            self._errors.append(error)

    def restless(self, now_s: float) -> bool:
        """Something is being timed, so the next look must come soon."""
        return (self._pilot.undecided or self._contactor.restless(now_s) or self._lock.restless or self._current.restless or self._wake_up.restless
                or (self._self_test is not None and self._self_test.holds)
                or (self._phases is not None and self._phases.holds(now_s))
                or self._voltage.restless or self.faults.clearing or self._written is None or (self._memory.stopping_since_s is not None
                and self._outputs.coil) or self._outputs.duty == 0.0 or self._rising(now_s))

    def _rising(self, now_s: float) -> bool:
        wish_a = self._offer_a(now_s)
        return wish_a is not None and self._outputs.offered_a is not None and wish_a > self._outputs.offered_a

    @property
    def offer_until_s(self) -> float:
        """When the offer runs out; infinity without one."""
        return self._offer[1] if self._offer is not None else math.inf

    @property
    def energised(self) -> bool:
        """The coil is on."""
        return self._outputs.coil

    def close(self) -> None:
        """Everything off, every line released, whatever a device says to that."""
        devices = self._devices
        every = (devices.contactor, devices.pilot, devices.lock, *devices.inputs.values(), devices.temperature, devices.proximity,
                 devices.phase_switch)
        for device in every:
            if device is not None:
                self._drive(FaultKind.OTHER, device.close)
