"""What every form of the link between guard and controller promises, and the whole guard over each of them.

The forms: in memory; a connected pair of sockets, as a child process inherits one; a socket file at which the guard listens.
"""

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import LinkClosed
from controller.faults import FaultKind
from controller.guard import link_codec
from controller.guard.link import (
    ControllerEnd,
    GuardEnd,
    MemoryGuardEnd,
    SocketControllerEnd,
    SocketGuardEnd,
    connect,
    listen,
    memory_link,
    socket_pair,
)
from controller.guard.messages import ClearLatch, Measured, Offer, Pilot, Report, SetLatch, SetLock, ToGuard, Withdraw
from controller.guard.pilot import duty_for
from drivers.protocols import LockState
from tests.unit.guard.workbench import Workbench

MEMORY, PAIR, LISTENER = "in memory", "socket pair", "socket file"
OFFERS = [Offer(1, float(amperes), 10.0) for amperes in range(6, 40)]
REPORT = Report(1, Pilot.B, 1.0, 0.0, False, False, LockState.UNLOCKED, frozenset(), 32.0)


class Link:
    """Both ends of one form."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.folder = Path(tempfile.mkdtemp(prefix="evcp-l"))
        self.path = self.folder / "run" / "guard.sock"
        self.sockets: list[socket.socket] = []
        self.controller: ControllerEnd
        self.guard: GuardEnd
        if form == MEMORY:
            self.controller, self.guard = memory_link()
        elif form == PAIR:
            ours, theirs = socket_pair()
            self.sockets += [ours, theirs]
            self.controller, self.guard = SocketControllerEnd(ours), SocketGuardEnd(connection=theirs)
        else:
            self.sockets.append(listen(str(self.path)))
            self.guard = SocketGuardEnd(listener=self.sockets[0])
            self.controller = self.dial()

    def dial(self) -> ControllerEnd:
        """One more controller at the socket file."""
        end = connect(str(self.path))
        self.sockets.append(end._connection)
        return end

    def raw(self) -> socket.socket:
        """The controller's socket, to say on it what no controller says."""
        assert isinstance(self.controller, SocketControllerEnd)
        return self.controller._connection

    def close(self) -> None:
        for end in self.sockets:
            end.close()
        if isinstance(self.guard, SocketGuardEnd):
            self.guard._lose()
        shutil.rmtree(self.folder)


@pytest.fixture(params=[MEMORY, PAIR, LISTENER])
def link(request) -> Iterator[Link]:
    made = Link(request.param)
    yield made
    made.close()


@pytest.fixture(params=[PAIR, LISTENER])
def sockets(request) -> Iterator[Link]:
    made = Link(request.param)
    yield made
    made.close()


@pytest.fixture
def listening() -> Iterator[Link]:
    made = Link(LISTENER)
    yield made
    made.close()


class TestLink:
    """Every form keeps these promises."""

    def test_what_the_controller_says_arrives_in_order(self, link):
        """The last offer is the one that counts, so order is kept; each message arrives once."""
        for offer in OFFERS:
            link.controller.send(offer)
        assert link.guard.receive() == OFFERS
        assert link.guard.receive() == []

    @pytest.mark.parametrize("message", [
        Offer(1, 13.3, 9.9), Withdraw(2), Measured(1, (0.1, 0.2, 0.3), (229.9, 230.1, 230.3)), SetLock(1, True),
        SetLock(1, False), SetLatch(1, FaultKind.CONTACTOR_WELDED), ClearLatch(1, FaultKind.RCD),
    ], ids=lambda message: type(message).__name__)
    def test_every_message_arrives_as_it_was_said(self, link, message: ToGuard):
        """T-RPC: to the last bit; 13.3 A do not become a little more."""
        link.controller.send(message)
        assert link.guard.receive() == [message]

    def test_reports_arrive_in_order(self, link):
        """The last report is the newest."""
        said = [Report(1, Pilot.C, 0.266666, 16.0, True, True, LockState.LOCKED, frozenset({FaultKind.DIODE}), 32.0, number)
                for number in range(20)]
        link.guard.receive()
        for report in said:
            link.guard.send(report)
        assert link.controller.receive() == said
        assert link.controller.receive() == []

    def test_nothing_said_is_nothing_heard(self, link):
        """Neither end ever waits for the other."""
        assert link.guard.receive() == []
        assert link.controller.receive() == []

    def test_a_controller_that_does_not_listen_costs_the_guard_no_time(self, link):
        """T-RPC: full buffers never block the guard nor raise; the oldest reports that fitted are still in order."""
        link.guard.receive()
        for number in range(3000):
            link.guard.send(Report(1, Pilot.B, 1.0, 0.0, False, False, LockState.UNLOCKED, frozenset(), 32.0, number))
        heard = [report.late_ticks for report in link.controller.receive()]
        assert heard[:10] == list(range(10))
        assert heard == sorted(set(heard))
        link.controller.send(OFFERS[0])
        assert link.guard.receive() == [OFFERS[0]], "and the other direction still works"

    def test_a_controller_that_hangs_up_is_noticed(self, link):
        """The guard goes on without it, and says nothing to nobody; a form that cannot be dialled again is closed."""
        link.controller.send(OFFERS[0])
        link.controller.close()
        assert link.guard.receive() == [OFFERS[0]], "what it still said counts"
        link.guard.receive()
        link.guard.send(REPORT)
        assert link.guard.closed is (link.form != LISTENER)
        with pytest.raises(LinkClosed):
            link.controller.send(OFFERS[0])
        with pytest.raises(LinkClosed):
            link.controller.receive()

    def test_the_last_word_of_a_controller_that_dies_counts(self, link):
        """F-KILL: also when it dies with reports unread, which the kernel tells the guard first, as an error."""
        link.guard.receive()
        link.guard.send(REPORT)
        link.controller.send(Withdraw(1))
        link.controller.close()
        assert link.guard.receive() == [Withdraw(1)]

    def test_an_open_link_is_not_closed(self, link):
        """Silence is no farewell."""
        link.guard.receive()
        link.guard.send(REPORT)
        assert not link.guard.closed


class TestMemory:
    """What only the form in memory does: wake whoever runs the other end."""

    def test_each_message_wakes_the_other_end(self):
        """A runner in virtual time, and the controller's loop, sleep until something arrives."""
        controller, guard = memory_link()
        woken: list[str] = []
        controller.send(OFFERS[0])
        guard.send(REPORT)
        guard.on_message = lambda: woken.append("guard")
        controller.on_message = lambda: woken.append("controller")
        controller.send(OFFERS[1])
        assert woken == ["guard"]
        guard.send(REPORT)
        assert woken == ["guard", "controller"]
        assert guard.receive() == OFFERS[:2], "what came before anybody listened is there"
        assert controller.receive() == [REPORT, REPORT]

    def test_a_controller_that_has_hung_up_is_not_woken(self):
        """Nobody is there to hear."""
        controller, guard = memory_link()
        woken: list[str] = []
        controller.on_message = lambda: woken.append("controller")
        controller.close()
        guard.send(REPORT)
        assert woken == []

    def test_a_guard_may_speak_before_there_is_a_controller(self):
        """Rule 2: the guard needs nobody to run."""
        guard = MemoryGuardEnd()
        guard.send(REPORT)
        assert (guard.receive(), guard.closed) == ([], False)


class TestSockets:
    """What only sockets can do: break, fill, carry garbage."""

    @pytest.mark.parametrize("garbage", [
        b"x", b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 65, b"\0" * 4000, link_codec.encode(OFFERS[0], 1)[:-1],
        link_codec.encode(OFFERS[0], 1) + b"\0", link_codec.encode(REPORT, 1),
        link_codec.encode(Offer(1, float("nan"), 10.0), 1), link_codec.encode(Offer(1, 16.0, 1e9), 1),
    ], ids=lambda garbage: garbage[:16].hex())
    def test_garbage_is_counted_and_ignored(self, sockets, garbage):
        """T-RPC: what is not exactly a message to the guard, a report among it, changes nothing."""
        sockets.raw().send(garbage)
        sockets.controller.send(OFFERS[0])
        assert sockets.guard.bad_messages == 0
        assert sockets.guard.receive() == [OFFERS[0]]
        assert sockets.guard.bad_messages == 1

    @pytest.mark.parametrize("garbage", [
        b"x", b"\0" * 64, b"\0" * 65, link_codec.encode(OFFERS[0], 1), link_codec.encode(REPORT, 1) + b"\0",
    ], ids=["short", "zeros", "long", "an offer", "a report and more"])
    def test_the_controller_ignores_garbage_too(self, sockets, garbage):
        """T-RPC: the guard's word is checked like the controller's."""
        sockets.guard.receive()
        sockets.guard._connection.send(garbage)
        sockets.guard.send(REPORT)
        assert sockets.controller.bad_messages == 0
        assert sockets.controller.receive() == [REPORT]
        assert sockets.controller.bad_messages == 1

    def test_a_flood_takes_its_turn(self, sockets):
        """F-FLOOD: one cycle takes a hundred messages at most; the rest waits, in order."""
        sent = 0
        with pytest.raises(BlockingIOError):
            while sent < 10_000:
                sockets.raw().send(link_codec.encode(Offer(1, 16.0, sent / 1000), sent))
                sent += 1
        heard = sockets.guard.receive()
        assert len(heard) == min(100, sent)
        while part := sockets.guard.receive():
            heard += part
        assert [offer.valid_for_s for offer in heard] == [number / 1000 for number in range(sent)]

    def test_a_guard_that_hangs_costs_the_controller_no_time(self, sockets):
        """The guard's silence is noticed elsewhere; here nothing blocks and nothing is raised."""
        for _ in range(3000):
            sockets.controller.send(OFFERS[0])
        assert sockets.guard.receive()[0] == OFFERS[0]

    def test_every_message_is_numbered_by_its_end(self, sockets):
        """T-RPC: each end counts what it says from 1."""
        for number in (1, 2, 3):
            sockets.controller.send(OFFERS[0])
            sockets.guard._accept()
            assert sockets.guard._connection.recv(64)[8:12] == number.to_bytes(4, "little")
            sockets.guard.send(REPORT)
            assert sockets.raw().recv(64)[8:12] == number.to_bytes(4, "little")

    def test_a_guard_that_is_gone_is_noticed(self, sockets):
        """The controller hears what was still said, and then that the link is closed."""
        sockets.guard.receive()
        sockets.guard.send(REPORT)
        sockets.guard._lose()
        assert sockets.controller.receive() == [REPORT]
        with pytest.raises(LinkClosed, match="closed the link"):
            sockets.controller.receive()
        with pytest.raises(LinkClosed, match="the guard is gone"):
            sockets.controller.send(OFFERS[0])

    def test_the_last_word_of_a_guard_that_dies_counts(self, sockets):
        """F-SAFEKILL: what it reported last is heard, and then that it is gone, also when it left something unread."""
        sockets.guard.receive()
        sockets.controller.send(OFFERS[0])
        sockets.guard.send(REPORT)
        sockets.guard._lose()
        assert sockets.controller.receive() == [REPORT]
        with pytest.raises(LinkClosed):
            sockets.controller.receive()

    def test_a_controller_that_died_while_the_guard_spoke_is_noticed(self, sockets):
        """A reset connection is a hang-up, not an error of the guard."""
        sockets.guard.receive()
        sockets.raw().close()
        sockets.guard.send(REPORT)
        sockets.guard.send(REPORT)
        assert sockets.guard._connection is None
        assert sockets.guard.receive() == []
        assert sockets.guard.closed is (sockets.form == PAIR)

    def test_an_error_of_the_socket_is_a_hang_up(self, sockets):
        """Never an exception in the guard's cycle."""
        sockets.guard.receive()
        sockets.guard._connection.close()
        assert sockets.guard.receive() == []
        assert sockets.guard._connection is None

    def test_an_error_of_the_socket_ends_the_controllers_link(self, sockets):
        """LinkClosed is the one word for it."""
        sockets.raw().close()
        with pytest.raises(LinkClosed, match="the guard is gone"):
            sockets.controller.receive()

    def test_the_event_loop_can_watch_the_controllers_end(self, sockets):
        """Its file descriptor is that of the socket."""
        assert sockets.controller.fileno() == sockets.raw().fileno()


class TestListener:
    """What only a socket file can do: be dialled again."""

    def test_a_second_controller_replaces_the_first(self, listening):
        """The one that has just started is the one that lives; what the first still says is not heard."""
        first = listening.controller
        listening.guard.receive()
        second = listening.dial()
        first.send(Offer(1, 32.0, 10.0))
        second.send(Offer(1, 16.0, 10.0))
        assert listening.guard.receive() == [Offer(1, 16.0, 10.0)]
        with pytest.raises(LinkClosed):
            first.receive()
        listening.guard.send(REPORT)
        assert second.receive() == [REPORT]

    def test_a_controller_may_come_back(self, listening):
        """F-KILL: a controller that is back soon goes on; until then reports go nowhere."""
        listening.guard.receive()
        listening.controller.close()
        listening.guard.receive()
        listening.guard.send(REPORT)
        again = listening.dial()
        again.send(OFFERS[0])
        assert listening.guard.receive() == [OFFERS[0]]
        listening.guard.send(REPORT)
        assert again.receive() == [REPORT]

    def test_only_its_group_may_dial(self, listening):
        """T-PRIV: the socket file is 0660."""
        assert stat.S_IMODE(os.stat(listening.path).st_mode) == 0o660

    @pytest.mark.parametrize("left_over", ["socket", "file", "dangling link"])
    def test_a_left_over_file_is_replaced(self, tmp_path, left_over):
        """Contract 1: what a killed guard leaves behind is no obstacle."""
        path = tmp_path / "guard.sock"
        if left_over == "socket":
            listen(str(path)).close()
        elif left_over == "file":
            path.write_text("old")
        else:
            path.symlink_to(tmp_path / "nowhere")
        with listen(str(path)) as listener:
            connect(str(path)).close()
            assert listener.type == socket.SOCK_SEQPACKET

    def test_a_missing_folder_is_made(self, tmp_path, monkeypatch):
        """Contract 2: missing directories for sockets are made; a bare name needs none."""
        listen(str(tmp_path / "a" / "b" / "guard.sock")).close()
        listen(str(tmp_path / "a" / "b" / "guard.sock")).close()
        monkeypatch.chdir(tmp_path)
        listen("guard.sock").close()
        assert (tmp_path / "guard.sock").is_socket()

    def test_where_no_guard_listens_the_link_is_closed(self, tmp_path):
        """The message names the place and the reason, and nothing leaks."""
        with pytest.raises(LinkClosed, match=r"no guard listens at .*/none\.sock: No such file or directory"):
            connect(str(tmp_path / "none.sock"))


class TestWholeGuard:
    """The guard behaves the same over every form."""

    @pytest.fixture
    def bench(self, link) -> Workbench:
        return Workbench(ends=(link.controller, link.guard))

    def test_a_car_charges_and_stops(self, bench):
        """2.1, 4, 8.1, 9: an offer, a request, power; no offer, steady pilot, no power."""
        bench.charge(16.0)
        assert bench.duty == duty_for(16.0)
        assert (bench.report.coil, bench.report.contactor_closed, bench.report.offered_a) == (True, True, 16.0)
        bench.withdraw()
        bench.tick()
        assert (bench.duty, bench.coil) == (1.0, True)
        bench.car("B")
        bench.until(lambda: not bench.coil, 0.1)

    def test_contactor_opens_when_the_controller_falls_silent(self, bench):
        """F-KILL, rule 2: pilot steady when the offer's validity ends, contactor open at most 6 s later."""
        bench.charge(16.0)
        bench.offer(16.0, valid_for_s=10.0, renew=False)
        bench.run(9.99)
        assert (bench.duty, bench.coil) == (duty_for(16.0), True)
        bench.until(lambda: bench.duty == 1.0, 0.03)
        bench.run(5.9)
        assert bench.coil, "the car has its time to obey"
        bench.until(lambda: not bench.coil, 0.2)

    def test_contactor_opens_when_the_controller_hangs_up(self, bench, link):
        """F-KILL: a hang-up is silence, no more; the offer lives out its time."""
        bench.charge(16.0)
        bench.offer(16.0, valid_for_s=2.0, renew=False)
        bench.tick()
        link.controller.close()
        bench.controller = memory_link()[0]  # nobody listens any more
        bench.run(1.9)
        assert bench.coil
        bench.until(lambda: bench.duty == 1.0, 0.2)
        bench.until(lambda: not bench.coil, 6.05)

    def test_no_offer_passes_the_ceiling(self, link):
        """T-OVERPWR: the ceiling is what the guard itself read."""
        bench = Workbench(ends=(link.controller, link.guard), ceiling_a=20.0)
        bench.charge(1000.0)
        assert bench.duty == duty_for(20.0)

    def test_a_latch_is_handed_over_and_reset(self, bench):
        """F-WELD: set before the first offer, held until a person resets it."""
        bench.say(SetLatch(1, FaultKind.CONTACTOR_WELDED))
        bench.run(0.1)
        assert bench.report.faults == {FaultKind.CONTACTOR_WELDED}
        bench.car("B")
        bench.offer(16.0)
        bench.run(1.0)
        assert bench.duty == 1.0
        bench.say(ClearLatch(1, FaultKind.CONTACTOR_WELDED))
        bench.until(lambda: bench.duty == duty_for(16.0), 0.1)
