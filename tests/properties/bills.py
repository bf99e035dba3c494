"""What a charge point promised on its disk, what it told over the wire, and what the outlets really delivered: all must agree.

The disk says only which message belongs to which session. Everything else is taken from the frames and from the simulated outlets,
and judged by the standard.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from controller.records import Bury, Enqueue, Record, UpdateQueued
from controller.store.memory import MemoryStore
from tests.rig.clock import TrueTime
from tests.rig.loop import START_S, virtual_loop
from tests.rig.rules import Rule, Said

START, VALUES, STOP = "StartTransaction", "MeterValues", "StopTransaction"
OWED = (START, VALUES, STOP)
LOST_WITH_THE_PROCESS_S = 0.1
"""An answer that came so shortly before the process died may not have reached the disk: the message is then told once more."""
PUNCTUAL = timedelta(seconds=12)
"""A start or an end is dated to when it happened; the guard takes up to eight seconds to open, the last reading two."""
SAVED_S = 1800.0
"""How often a running session is stored in these stories."""
STORED_EVERY = timedelta(seconds=SAVED_S + 5)
"""What a power cut ended is dated to the last moment that is on the disk (PWR-2)."""


class Debt(msgspec.Struct, eq=False):
    """One transaction message, from the commit that promised it on."""

    local_id: str
    connector_id: int
    action: str
    payload: Any
    at_s: float
    buried: str | None = None


class Ledger(MemoryStore):
    """A disk that keeps every promise in order, and under which message ids it was to be kept."""

    def __init__(self) -> None:
        super().__init__()
        self.debts: list[Debt] = []
        self.by_id: dict[str, Debt] = {}

    def commit(self, records: Sequence[Record]) -> str | None:
        """As the disk does."""
        shortage = super().commit(records)
        for record in records:
            match record:
                case Enqueue(message):
                    payload = json.loads(message.payload)
                    debt = Debt(message.local_id, message.connector_id, message.action, payload, virtual_loop().time())
                    self.debts.append(debt)
                    self.by_id[message.message_id] = debt
                case UpdateQueued(message_id, message):
                    debt = self.by_id[message.message_id] = self.by_id[message_id]
                    debt.payload = json.loads(message.payload)
                case Bury(message_id, why):
                    self.by_id[message_id].buried = why
        return shortage


class Told(Rule):
    """Every transaction message as it left first, its first answer, and that none is told again after that (RPC-4, QUE-2)."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self.first: dict[Debt, Said] = {}
        """The CALL as it left for the first time, in this order."""
        self.answers: dict[Debt, tuple[float, Any]] = {}
        """When the CALLRESULT was taken, and what it said."""
        self._doubtful: set[Debt] = set()
        """Answered, but the process died so soon that it may not know."""

    def died(self) -> None:
        """The process has just died."""
        since_s = virtual_loop().time() - LOST_WITH_THE_PROCESS_S
        self._doubtful = {debt for debt, answer in self.answers.items() if answer[0] >= since_s}

    def call_out(self, said: Said) -> None:
        if said.action not in OWED or _is_triggered(said):
            return
        debt = self._ledger.by_id.get(said.message_id)
        if debt is None:
            self.note(f"{said.text} was never promised on the disk (QUE-2)")
        elif debt in self.answers and debt not in self._doubtful:
            self.note(f"{said.text} is told again after its answer (QUE-2, RPC-4)")
        else:
            self.first.setdefault(debt, said)

    def answer_in(self, said: Said, payload: Any) -> None:
        debt = self._ledger.by_id.get(said.message_id) if said.action in OWED else None
        if debt is not None:
            self._doubtful.discard(debt)
            self.answers.setdefault(debt, (virtual_loop().time(), payload))


def _is_triggered(said: Said) -> bool:
    """Asked for by TriggerMessage, and owed to nobody (QUE-1)."""
    return any(value["context"] == "Trigger" for element in said.payload.get("meterValue", ()) for value in element["sampledValue"])


class Happened:
    """What people, network and central system did, as far as a bill shows it."""

    def __init__(self, true_time: TrueTime) -> None:
        self._true_time = true_time
        self.reasons: list[tuple[float, int, str]] = []
        """When, at which connector, and the reason that a session may have ended for."""
        self.deaths_s: list[float] = []
        """When a process ended, on purpose or not: what it leaves open is dated to the last moment that it knew."""
        self.calendar_moved = False
        """A clock was set, or a date was not known: what is told of time cannot be held against the true time."""
        self._silent: list[tuple[int, float, float]] = []
        self._silent_since_s: dict[int, float] = {}

    def may_end(self, connectors: Iterable[int], reason: str) -> None:
        """Something happens for which a session ends."""
        self.reasons += [(virtual_loop().time(), connector, reason) for connector in connectors]

    def died(self) -> None:
        """The process ends now."""
        self.deaths_s.append(virtual_loop().time())

    def meter(self, connector: int, *, fails: bool) -> None:
        """A meter falls silent, or speaks again."""
        since_s = self._silent_since_s.pop(connector, None)
        if fails:
            self._silent_since_s[connector] = virtual_loop().time() if since_s is None else since_s
        elif since_s is not None:
            self._silent.append((connector, since_s, virtual_loop().time()))

    def was_silent(self, connector: int, from_s: float, until_s: float) -> bool:
        """The meter did not answer at some time in between."""
        return any(place == connector and began_s <= until_s and ended_s >= from_s for place, began_s, ended_s in self._silent)

    def date(self, at_s: float) -> datetime:
        """By a good watch."""
        return self._true_time.now() + timedelta(seconds=at_s - virtual_loop().time())


class Session(msgspec.Struct):
    """Everything that is owed of one session."""

    start: Debt
    stop: Debt
    values: list[Debt]

    def __str__(self) -> str:
        return f"session {self.start.local_id} of connector {self.start.connector_id} {self.start.payload} {self.stop.payload}"


class Bills:
    """The judgement, when nothing is owed any more. Raises AssertionError."""

    def __init__(self, ledger: Ledger, told: Told, happened: Happened, registers_wh: dict[int, float]) -> None:
        self._debts = ledger.debts
        self._told = told
        self._happened = happened
        self._registers_wh = registers_wh

    def judge(self) -> list[Session]:
        """All of it; gives the sessions."""
        self._nothing_vanished()
        self._told_in_order()
        sessions = self._sessions()
        for session in sessions:
            self._is_told_under_its_id(session)
            self._ended_for_a_reason(session)
            self._is_dated(session)
        for connector in self._registers_wh:
            self._energy_was_billed_once(connector, [s for s in sessions if s.start.connector_id == connector])
        return sessions

    def _nothing_vanished(self) -> None:
        """Each promise was answered, or given up with a reason (QUE-2, QUE-12)."""
        for debt in self._debts:
            assert debt in self._told.answers or debt.buried, f"vanished: {debt} (QUE-2)"

    def _told_in_order(self) -> None:
        """One queue for all: what was promised first leaves first (QUE-3)."""
        place = {debt: number for number, debt in enumerate(self._debts)}
        for before, after in itertools.pairwise(self._told.first):
            assert place[before] < place[after], f"{after} left after {before} (QUE-3)"

    def _sessions(self) -> list[Session]:
        """One start, then values, then one end of each (TXN-1, TXN-11)."""
        by_id: dict[str, list[Debt]] = {}
        for debt in self._debts:
            if debt.local_id:
                by_id.setdefault(debt.local_id, []).append(debt)
        for debts in by_id.values():
            actions = [debt.action for debt in debts]
            assert actions == [START, *[VALUES] * (len(debts) - 2), STOP], f"a session of {actions}: {debts[0]}"
            assert len({debt.connector_id for debt in debts}) == 1, f"a session at two connectors: {debts[0]}"
        return [Session(debts[0], debts[-1], debts[1:-1]) for debts in by_id.values()]

    def _is_told_under_its_id(self, session: Session) -> None:
        """The id that the central system gave, or -1 where it never took the start (TXN-10, TXN-21, MTR-4)."""
        answer = self._told.answers.get(session.start)
        given = answer[1]["transactionId"] if answer is not None and not session.start.buried else -1
        for debt in (*session.values, session.stop):
            said = self._told.first.get(debt)
            assert said is None or said.payload["transactionId"] == given, f"{said}, but the id is {given}: {session}"
            assert said is None or said.payload.get("connectorId", debt.connector_id) == session.start.connector_id

    def _ended_for_a_reason(self, session: Session) -> None:
        """One that something that happened in the session can cause (TXN-12)."""
        reason = session.stop.payload.get("reason", "Local")
        answer = self._told.answers.get(session.start)
        if reason == "DeAuthorized":
            assert answer is not None, session
            assert answer[1]["idTagInfo"]["status"] != "Accepted", session
            return
        begun_s, ended_s, connector = session.start.at_s, session.stop.at_s, session.start.connector_id
        causes = [why for at_s, place, why in self._happened.reasons if place == connector and begun_s - 1 <= at_s <= ended_s]
        assert reason in causes, f"{reason}, but there happened only {causes}: {session} (TXN-12)"

    def _is_dated(self, session: Session) -> None:
        """When it began and when it ended, by a good watch, unless somebody meddled with clocks (QUE-11, PWR-4)."""
        if self._happened.calendar_moved:
            return
        began, ended = (datetime.fromisoformat(debt.payload["timestamp"]) for debt in (session.start, session.stop))
        written = self._happened.date(session.stop.at_s)
        assert abs(began - self._happened.date(session.start.at_s)) <= PUNCTUAL, session
        deaths_s = [at_s for at_s in self._happened.deaths_s if session.start.at_s - 1 <= at_s <= session.stop.at_s]
        earliest = self._happened.date(deaths_s[0]) - STORED_EVERY if deaths_s else written - PUNCTUAL
        latest = self._happened.date(deaths_s[-1]) if session.stop.payload.get("reason") in ("PowerLoss", "Reboot") else written
        assert earliest <= ended <= latest + PUNCTUAL, session
        assert began <= ended, session

    def _energy_was_billed_once(self, connector: int, sessions: list[Session]) -> None:
        """The register from the first watt-hour to the last, each in one session: the end of one is the start of the next (MTR-9)."""
        reached_wh, reached_s = 0, START_S
        for session in sessions:
            begun_wh, ended_wh = session.start.payload["meterStart"], session.stop.payload["meterStop"]
            self._nothing_lies_between(connector, reached_wh, begun_wh, reached_s, session.start.at_s, session)
            assert begun_wh <= ended_wh, session
            reached_wh, reached_s = ended_wh, session.start.at_s
        self._nothing_lies_between(connector, reached_wh, int(self._registers_wh[connector]), reached_s, virtual_loop().time(), sessions[-1:])

    def _nothing_lies_between(self, connector: int, reached_wh: int, next_wh: int, from_s: float, until_s: float, where: object) -> None:
        assert next_wh >= reached_wh, f"{reached_wh - next_wh} Wh are billed twice: {where} (MTR-9)"
        if not self._happened.was_silent(connector, from_s, until_s):
            assert next_wh == reached_wh, f"{next_wh - reached_wh} Wh flowed and nobody is billed for them: {where} (MTR-9)"
