"""A station in conversation: the test speaks for the car, the guard, the meter, the disk and the central system.

Time is a number that `pass_time` moves from deadline to deadline. What the station orders is carried out at once by
small doubles, so that a test reads as a story; what it sends is kept in `sent`, in order.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from controller import commands, events
from controller.clock import Instant
from controller.config import Configuration, load
from controller.faults import FaultKind
from controller.guard.messages import Pilot, Report
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ChargePointStatus, RegistrationStatus
from controller.station.station import Station
from controller.store.memory import MemoryStore
from drivers.protocols import LockState, MeterReading

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BOOT_ID = "boot-1"
R = TypeVar("R", bound=Request)
C = TypeVar("C", bound=commands.Command)


def configuration(folder: Path, *, connectors: int = 1, ocpp: str = "", charging: str = "", lock: str = "sim",
                  cable: str = "socket", csms: str = "", priorities: Sequence[int] = ()) -> Configuration:
    """A configuration as an installer would write it, all simulated."""
    blocks = "".join(
        f'[[connector]]\nid = {number}\ncable = "{cable}"\ncontactor = {{ driver = "sim" }}\npilot = {{ driver = "sim" }}\n'
        f'lock = {{ driver = "{lock}" }}\nmeter = {{ driver = "sim" }}\n'
        f'priority = {priorities[number - 1] if priorities else 0}\n'
        for number in range(1, connectors + 1)
    )
    file = folder / "evcp.toml"
    file.write_text(
        '[charge_point]\nidentity = "CP1"\nvendor = "Example"\nmodel = "Pi"\n'
        f'[csms]\nurl = "ws://127.0.0.1:9000/ocpp"\n{csms}\n[ocpp]\n{ocpp}\n[charging]\n{charging}\n{blocks}'
        f'[[reader]]\ndriver = "sim"\nconnectors = {list(range(1, connectors + 1))}\n')
    return load(file)


class Plug:
    """One connector's hardware as the guard reports it: follows offers, pilot and bolt at once."""

    def __init__(self, connector_id: int) -> None:
        self.connector_id = connector_id
        self.pilot = Pilot.A
        self.offered_a = 0.0
        self.lock = LockState.UNLOCKED
        self.faults: frozenset[FaultKind] = frozenset()
        self.energy_wh = 1000.0
        self.current_a = 16.0
        self.bolt_works = True
        self.bolt_wish = LockState.UNLOCKED
        """What the guard was told last."""
        self.meter_works = True
        self.meter_is_prompt = True
        """It answers at once when it is asked, not only when it is polled."""
        self.welded = False
        self.closures = 0
        self.rests = False
        """The guard keeps power back for a while."""
        self.obeys = True
        """False: once charging, the car draws on without an offer, and the contactor stays closed."""

    @property
    def closed(self) -> bool:
        """The contactor: closed while the car asks, power is offered and nothing is wrong."""
        opening = any(kind is not FaultKind.LOCK_STUCK for kind in self.faults)
        return self.welded or (self.pilot is Pilot.C and (self.offered_a > 0 or not self.obeys) and not opening)

    @property
    def power_w(self) -> float:
        """Three phases at 230 V."""
        return 690.0 * self.current_a if self.closed else 0.0

    def report(self) -> Report:
        """What the guard would say now."""
        duty = self.offered_a / 60.0 if self.offered_a else 1.0
        return Report(self.connector_id, self.pilot, duty, self.offered_a, self.closed, self.closed, self.lock,
                      self.faults, 32.0, closures=self.closures, rests=self.rests)

    def reading(self, at_s: float) -> MeterReading:
        """What the meter would say now."""
        amperes = self.current_a if self.closed else 0.0
        return MeterReading(at_s, self.energy_wh, self.power_w, (amperes,) * 3, (230.0,) * 3, (self.power_w / 3,) * 3, 50.0)

    def metered(self, at_s: float) -> events.MeterRead | events.MeterFailed:
        """What comes of asking the meter now."""
        if self.meter_works:
            return events.MeterRead(self.connector_id, self.reading(at_s))
        return events.MeterFailed(self.connector_id, "no answer")


class Conversation:
    """The story-teller."""

    def __init__(self, config: Configuration, store: MemoryStore | None = None, at: datetime = START) -> None:
        self.config = config
        self.store = store if store is not None else MemoryStore()
        self.monotonic_s = 1000.0
        self.utc = at
        self.plugs = {row.id: Plug(row.id) for row in config.connector}
        self.sent: list[tuple[datetime, Request]] = []
        self.replies: list[Response | tuple[str, str]] = []
        self.orders: list[commands.Command] = []
        self.in_flight: list[tuple[str, Request]] = []
        self.calls: list[tuple[str, Request]] = []
        """Every CALL with its message id, never forgotten."""
        self.clock_trusted = True
        self.clock_set_by_s: list[float] = []
        """How far off each SetClock said that our clock is."""
        self.boot_id = BOOT_ID
        self.guard_speaks = True
        """False: no report reaches the station."""
        self.answers: dict[type[Request], Response | str | Callable[[Request], Response | str | None] | None] = {}
        self.next_transaction_id = 1
        self.connected = False
        self._ids = 0
        self._calls = 0
        self._inbox: deque[events.Event] = deque()
        self._busy = False
        self._start()

    def _start(self) -> None:
        self.station = Station(self.config, self.store.load(), boot_id=self.boot_id, new_id=self._new_id)
        self.say(events.Started())
        for plug in self.plugs.values():
            self._report(plug)
            self.say(plug.metered(self.monotonic_s))

    def restart(self, *, after_s: float = 30.0, offers_survive: bool = False, power_cut: bool = False) -> None:
        """The process dies without a word and comes back; the guard keeps its offers only for a short absence.

        With `power_cut` the guard starts anew too: nothing is offered, and no wish of ours holds the bolt.
        """
        self.connected = self._busy = False
        self.in_flight.clear()
        self._inbox.clear()
        if power_cut:
            self._cut_power()
        self._move(after_s)
        if not offers_survive:
            for plug in self.plugs.values():
                plug.offered_a = 0.0
        self._start()

    def _cut_power(self) -> None:
        for plug in self.plugs.values():
            plug.offered_a = 0.0
            plug.lock = plug.bolt_wish = LockState.UNLOCKED

    def _new_id(self) -> str:
        self._ids += 1
        return f"id-{id(self.store) % 1000}-{self._ids}"

    # -- time --------------------------------------------------------------------------------------------------------

    @property
    def at(self) -> Instant:
        """Now."""
        return Instant(self.monotonic_s, self.utc, self.clock_trusted)

    def _move(self, by_s: float) -> None:
        for plug in self.plugs.values():
            plug.energy_wh += plug.power_w * by_s / 3600
        self.monotonic_s += by_s
        self.utc += timedelta(seconds=by_s)

    def pass_time(self, seconds: float) -> None:
        """Let time pass: the meters are read every second, the station is woken at its deadlines."""
        end_s = self.monotonic_s + seconds
        while self.monotonic_s < end_s:
            wish_s = self.station.next_deadline_s()
            until_s = min(end_s, self.monotonic_s + 1.0, wish_s if wish_s is not None else end_s)
            self._move(max(until_s - self.monotonic_s, 0.0))
            for plug in self.plugs.values():
                self.say(plug.metered(self.monotonic_s))
            for event in self.station.due(self.at):
                self.say(event)

    # -- what happens ------------------------------------------------------------------------------------------------

    def say(self, event: events.Event) -> None:
        """One event; what the station orders is carried out, and what follows from that is said in turn."""
        self._inbox.append(event)
        if self._busy:
            return
        self._busy = True
        while self._inbox:
            outcome = self.station.handle(self._inbox.popleft(), self.at)
            self.store.commit(outcome.records)
            for command in outcome.commands:
                self.orders.append(command)
                self._carry_out(command)
        self._busy = False

    def lose_guard(self) -> None:
        """The guard dies: everything opens, and nothing is heard of it."""
        self._cut_power()
        self.guard_speaks = False
        self.say(events.GuardLost())

    def find_guard(self) -> None:
        """A new guard answers; the shell renews what the station offers."""
        self.guard_speaks = True
        self.say(events.GuardFound())
        for connector in self.station.connectors:
            self.change(connector.connector_id, offered_a=connector.offer_a or 0.0)

    def _carry_out(self, command: commands.Command) -> None:
        to_guard = isinstance(command, commands.OfferCurrent | commands.WithdrawOffer | commands.SetLock)
        if to_guard and not self.guard_speaks:
            return
        match command:
            case commands.SendCall(message_id, request):
                assert not self.in_flight, "RPC-5: never two CALLs in flight"
                self.sent.append((self.utc, request))
                self.calls.append((message_id, request))
                self.in_flight.append((message_id, request))
                self._answer_by_default(message_id, request)
            case commands.Reply(_, response):
                self.replies.append(response)
            case commands.ReplyError(_, code, description):
                self.replies.append((code, description))
            case commands.OfferCurrent(connector_id, max_current_a):
                self.change(connector_id, offered_a=max_current_a)
            case commands.WithdrawOffer(connector_id):
                self.change(connector_id, offered_a=0.0)
            case commands.SetLock(connector_id, locked):
                plug = self.plugs[connector_id]
                plug.bolt_wish = LockState.LOCKED if locked else LockState.UNLOCKED
                if plug.bolt_works:
                    self.change(connector_id, lock=plug.bolt_wish)
            case commands.SetClock(utc):
                self.clock_set_by_s.append((utc - self.utc).total_seconds())
                before, self.utc, self.clock_trusted = self.utc, utc, True
                self.say(events.ClockWasSet(before))
            case commands.ReadMeter(connector_id) if self.plugs[connector_id].meter_is_prompt:
                self.say(self.plugs[connector_id].metered(self.monotonic_s))
            case _:
                pass

    def change(self, connector_id: int = 1, **facts: object) -> None:
        """Change hardware facts (`pilot`, `faults`, `lock`, `offered_a` ...) and have the guard report them."""
        plug = self.plugs[connector_id]
        for name, value in facts.items():
            setattr(plug, name, value)
        self._report(plug)

    def _report(self, plug: Plug) -> None:
        if self.guard_speaks:
            self.say(events.ConnectorReported(plug.report()))

    def plug_in(self, connector_id: int = 1) -> None:
        """A car is plugged in."""
        self.change(connector_id, pilot=Pilot.B)

    def request_power(self, connector_id: int = 1) -> None:
        """The car closes S2."""
        self.change(connector_id, pilot=Pilot.C)

    def unplug(self, connector_id: int = 1) -> None:
        """The car is gone."""
        self.change(connector_id, pilot=Pilot.A)

    def card(self, id_tag: str = "TAG1", connector_ids: tuple[int, ...] = ()) -> None:
        """A card at the reader for all connectors, or for those named."""
        self.say(events.CardPresented(connector_ids or tuple(self.plugs), id_tag))

    # -- the central system ------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """The websocket opens."""
        self.connected = True
        self.say(events.CsmsConnected())

    def disconnect(self) -> None:
        """The websocket is gone."""
        self.connected = False
        self.in_flight.clear()
        self.say(events.CsmsLost("the network is gone"))

    def call(self, request: Request) -> Response | tuple[str, str] | None:
        """The central system calls; its answer, a (code, description) for a CALLERROR, None for silence."""
        self._calls += 1
        before = len(self.replies)
        self.say(events.CallReceived(f"cs-{self._calls}", request))
        return self.replies[before] if len(self.replies) > before else None

    def answer(self, response: Response) -> None:
        """Answer the CALL in flight."""
        message_id, _ = self.in_flight.pop()
        self.say(events.CallAnswered(message_id, response))

    def fail(self, code: str = "InternalError") -> None:
        """Answer the CALL in flight with CALLERROR; `TimedOut` for no answer at all."""
        message_id, _ = self.in_flight.pop()
        self.say(events.CallFailed(message_id, code, "said by the test"))

    def answer_late(self, message_id: str, response: Response) -> None:
        """An answer to a CALL that is no longer waited for."""
        self.say(events.CallAnswered(message_id, response))

    def _answer_by_default(self, message_id: str, request: Request) -> None:
        wanted = self.answers.get(type(request), self._friendly)
        response = wanted(request) if callable(wanted) else wanted
        if response is None:
            return
        self.in_flight.remove((message_id, request))
        if isinstance(response, str):
            self.say(events.CallFailed(message_id, response, "said by the test"))
        else:
            self.say(events.CallAnswered(message_id, response))

    def _friendly(self, request: Request) -> Response:
        accepted = m.IdTagInfo(status=AuthorizationStatus.Accepted)
        match request:
            case m.BootNotificationReq():
                return m.BootNotificationConf(status=RegistrationStatus.Accepted, current_time=self.utc, interval=300)
            case m.HeartbeatReq():
                return m.HeartbeatConf(current_time=self.utc)
            case m.AuthorizeReq():
                return m.AuthorizeConf(id_tag_info=accepted)
            case m.StartTransactionReq():
                self.next_transaction_id += 1
                return m.StartTransactionConf(id_tag_info=accepted, transaction_id=self.next_transaction_id - 1)
            case m.StopTransactionReq():
                return m.StopTransactionConf()
            case _:
                return type(request).response()

    # -- what was seen -----------------------------------------------------------------------------------------------

    def of(self, kind: type[R]) -> list[R]:
        """Everything sent of one message type, in order."""
        return [request for _, request in self.sent if isinstance(request, kind)]

    @property
    def actions(self) -> list[str]:
        """The actions sent, in order."""
        return [request.action for _, request in self.sent]

    def ids_of(self, kind: type[Request]) -> list[str]:
        """The message ids under which one type of message went out, in order."""
        return [message_id for message_id, request in self.calls if isinstance(request, kind)]

    def ordered(self, kind: type[C]) -> list[C]:
        """Every order of one kind, in order."""
        return [command for command in self.orders if isinstance(command, kind)]

    def moments_of(self, kind: type[Request]) -> list[float]:
        """When messages of one type went out, in seconds since the first of them."""
        moments = [at for at, request in self.sent if isinstance(request, kind)]
        return [(at - moments[0]).total_seconds() for at in moments]

    def statuses(self, connector_id: int = 1) -> list[ChargePointStatus]:
        """The statuses told of one connector, in order."""
        return [n.status for n in self.of(m.StatusNotificationReq) if n.connector_id == connector_id]

    @property
    def status(self) -> ChargePointStatus:
        """The last status told of connector 1."""
        return self.statuses()[-1]

    def forget(self) -> None:
        """Look only at what comes from here on."""
        self.sent.clear()
        self.replies.clear()
        self.orders.clear()

    def billing(self) -> Iterator[Request]:
        """StartTransaction and StopTransaction as the central system saw them."""
        return (r for _, r in self.sent if isinstance(r, m.StartTransactionReq | m.StopTransactionReq))

    @property
    def closed(self) -> bool:
        """The contactor of connector 1."""
        return self.plugs[1].closed


def invalid(status: AuthorizationStatus = AuthorizationStatus.Invalid) -> m.IdTagInfo:
    """A verdict that is not Accepted."""
    return m.IdTagInfo(status=status)


