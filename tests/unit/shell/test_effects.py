"""Who does which command; and which commands may not wait for the disk."""

from datetime import timedelta
from typing import Any

import pytest

from controller import commands as c
from controller.events import ClockWasSet
from controller.faults import FaultKind
from controller.guard import messages as g
from controller.ocpp.messages.core import ClearCacheConf, HeartbeatReq
from controller.ocpp.types import ClearCacheStatus
from controller.shell.effects import Effects
from controller.shell.inbox import Inbox
from tests.rig.clock import NOON
from tests.unit.shell.doubles import clock

CONF = ClearCacheConf(status=ClearCacheStatus.Accepted)


class Remembering:
    """Stands for connection, link and offers alike: every call becomes a line."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.offered: dict[int, float] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> None:
            self.calls.append((name, *arguments))
        return call

    def current_a(self, connector_id: int) -> float | None:
        """What is offered now."""
        return self.offered.get(connector_id)


class Bench:
    """Effects between its doubles."""

    def __init__(self) -> None:
        self.all = Remembering()
        self.clock, self.inbox = clock(), Inbox()
        parts: Any = self.all
        self.effects = Effects(parts, parts, parts, self.clock, self.inbox, lambda number: self.all.calls.append(("read", number)),
                               lambda *heard: self.all.calls.append(("sound", *heard)),
                               lambda told: self.all.calls.append(("tell", told)))


@pytest.mark.parametrize(("command", "call"), [
    (c.SendCall("m1", HeartbeatReq(), 30.0), ("call", "m1", HeartbeatReq(), 30.0)),
    (c.Reply("m1", CONF), ("reply", "m1", CONF)),
    (c.ReplyError("m1", "InternalError", "why"), ("reply_error", "m1", "InternalError", "why")),
    (c.OfferCurrent(1, 16.0), ("offer", 1, 16.0, 3)), (c.WithdrawOffer(1), ("withdraw", 1)),
    (c.SetLock(1, True), ("send", g.SetLock(1, True))), (c.ReadMeter(2), ("read", 2)),
    (c.HandLatch(1, FaultKind.RCD), ("send", g.SetLatch(1, FaultKind.RCD))),
    (c.ClearLatch(1, FaultKind.RCD), ("send", g.ClearLatch(1, FaultKind.RCD))),
    (c.Show((1, 2), "refused"), ("sound", (1, 2), "refused")),
    (c.TellAsker("7", {"tag": None}), ("tell", c.TellAsker("7", {"tag": None}))),
    (c.SetPingInterval(30), ("set_ping_interval", 30)), (c.Redial("00" * 16, 2), ("redial", "00" * 16, 2)),
], ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else "")
async def test_every_command_reaches_the_part_that_carries_it_out(command, call):
    """With everything it says, the new security profile of a redial included (contract section 3)."""
    bench = Bench()
    bench.effects.start(command)
    assert bench.all.calls == [call]


async def test_a_clock_that_is_set_tells_what_time_it_was():
    """Whoever keeps stamps hears of the step, and from where (F-1970, F-STEP)."""
    bench = Bench()
    before = bench.clock.now().utc
    bench.effects.start(c.SetClock(NOON + timedelta(hours=1)))
    assert bench.clock.now().utc == NOON + timedelta(hours=1)
    assert bench.inbox.take() == ClockWasSet(before)


async def test_a_restart_sets_the_flag():
    """The process ends when the station orders it (RST-1)."""
    bench = Bench()
    assert not bench.effects.restart.is_set()
    bench.effects.start(c.Restart("SoftReset"))
    assert bench.effects.restart.is_set()


@pytest.mark.parametrize(("command", "urgent"), [
    (c.WithdrawOffer(1), True), (c.WithdrawOffer(2), True), (c.OfferCurrent(1, 15.9), True), (c.OfferCurrent(1, 16.0), False),
    (c.OfferCurrent(1, 32.0), False), (c.OfferCurrent(2, 6.0), False), (c.Reply("m1", CONF), False), (c.SetLock(1, True), False),
    (c.SetClock(NOON), True),
])
async def test_what_makes_things_safer_is_urgent(command, urgent):
    """An end or a fall of an offer, never an offer where there was none (rule 3 of the faults); a time, right only now (F-1970)."""
    bench = Bench()
    bench.all.offered[1] = 16.0
    assert bench.effects.is_urgent(command) is urgent
