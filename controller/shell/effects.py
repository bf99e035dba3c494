"""Who does which command."""

import asyncio
from collections.abc import Callable
from typing import assert_never

from controller import commands as c
from controller.clock import Clock
from controller.events import ClockWasSet
from controller.guard import messages as g
from controller.ocpp.connection import Connection
from controller.shell.guard_link import GuardLink
from controller.shell.inbox import Inbox
from controller.shell.offers import Offers


class Effects:
    """Hands every command to the part that carries it out; nothing here waits."""

    def __init__(self, connection: Connection, offers: Offers, link: GuardLink, clock: Clock, inbox: Inbox,
                 read_meter: Callable[[int], None], sound: Callable[[tuple[int, ...], str], None],
                 tell: Callable[[c.TellAsker], None]) -> None:
        self._connection = connection
        self._offers = offers
        self._link = link
        self._clock = clock
        self._inbox = inbox
        self._read_meter = read_meter
        self._sound = sound
        self._tell = tell
        self.restart = asyncio.Event()
        """Set when the process is to end and be started anew."""

    def is_urgent(self, command: c.Command) -> bool:
        """An offer that ends or falls does not wait for the disk, and a time that is told is right only at once."""
        match command:
            case c.WithdrawOffer() | c.SetClock():
                return True
            case c.OfferCurrent(connector_id, max_current_a, _):
                now_a = self._offers.current_a(connector_id)
                return now_a is not None and max_current_a < now_a
            case _:
                return False

    def start(self, command: c.Command) -> None:
        """Carry out one command."""
        match command:
            case c.SendCall(message_id, request, timeout_s):
                self._connection.call(message_id, request, timeout_s)
            case c.Reply(message_id, response):
                self._connection.reply(message_id, response)
            case c.ReplyError(message_id, code, description):
                self._connection.reply_error(message_id, code, description)
            case c.OfferCurrent(connector_id, max_current_a, phases):
                self._offers.offer(connector_id, max_current_a, phases)
            case c.WithdrawOffer(connector_id):
                self._offers.withdraw(connector_id)
            case c.SetLock(connector_id, locked):
                self._link.send(g.SetLock(connector_id, locked))
            case c.ReadMeter(connector_id):
                self._read_meter(connector_id)
            case c.HandLatch(connector_id, kind):
                self._link.send(g.SetLatch(connector_id, kind))
            case c.ClearLatch(connector_id, kind):
                self._link.send(g.ClearLatch(connector_id, kind))
            case c.SetClock(utc):
                before = self._clock.now().utc
                self._clock.set_utc(utc)
                self._inbox.post(ClockWasSet(before))
            case c.SetPingInterval(interval_s):
                self._connection.set_ping_interval(interval_s)
            case c.Redial(authorization_key, security_profile):
                self._connection.redial(authorization_key, security_profile)
            case c.Show(connector_ids, what):
                self._sound(connector_ids, what)
            case c.TellAsker():
                self._tell(command)
            case c.Restart():
                self.restart.set()
            case _:
                assert_never(command)
