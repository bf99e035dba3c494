"""The way to a simulated world that lives in the guard's process: the same answers as beside it (`contract.md` section 3)."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from drivers.sim import port as port_module
from drivers.sim.port import LocalPort, PortServer, RemotePort, listen
from drivers.sim.world import OutletSpec, World
from drivers.sim_port import SimError

POLL_EVERY_S = 0.001


def new_world() -> World:
    """One connector, everything simulated, at a standstill."""
    return World(lambda: 100.0, [OutletSpec(1, 32.0, 3, True, frozenset({"pilot", "contactor", "lock", "meter"}))])


@asynccontextmanager
async def served(path: str, world: World) -> AsyncIterator[None]:
    """The guard's loop: polls for ever, and takes its socket along when it dies."""
    listener = listen(path)
    server = PortServer(world, listener)

    async def poll() -> None:
        while True:
            world.poll()
            await asyncio.sleep(POLL_EVERY_S)

    polling = asyncio.ensure_future(poll())
    try:
        yield
    finally:
        polling.cancel()
        listener.close()
        for peer in server._peers:
            peer.connection.close()


def talk(tmp_path, monkeypatch, conversation: Callable[[RemotePort, World], Awaitable[None]]) -> None:
    """Hold a conversation with a world behind a socket."""
    monkeypatch.chdir(tmp_path)

    async def run() -> None:
        world, port = new_world(), RemotePort("w.sock")
        async with served("w.sock", world):
            await conversation(port, world)
            await port.close()

    asyncio.run(run())


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("plug", {"connector": 1}), ("snapshot", {}), ("plug", {"connector": 2}), ("plug", {"connector": 1, "x": '\x01"ü'}),
    ("explode", {}), ("meter", {"connector": 1, "energy_wh": 12.5}), ("reading", {"connector": 1}), ("site", {"fail": True}),
]


async def answer(port: LocalPort | RemotePort, verb: str, body: dict[str, Any]) -> object:
    """What comes back, refusals included."""
    try:
        return json.loads(json.dumps(await port.call(verb, body)))
    except SimError as error:
        return error.status, str(error)


def test_a_world_answers_alike_near_and_far(tmp_path, monkeypatch):
    """Answers, refusals and their words are the same through the socket."""
    async def conversation(remote: RemotePort, _world: World) -> None:
        local = LocalPort(new_world())
        for verb, body in QUESTIONS:
            assert await answer(remote, verb, body) == await answer(local, verb, body)

    talk(tmp_path, monkeypatch, conversation)


def test_a_body_of_64_kib_and_its_refusal_pass(tmp_path, monkeypatch):
    """However it is escaped: the control socket's bound is the only one that a client meets."""
    async def conversation(remote: RemotePort, _world: World) -> None:
        for letter in ("x", '"', "\x01"):
            with pytest.raises(SimError) as refused:
                await remote.call("unplug", {"connector": 1, letter * 65_000: 1})
            assert refused.value.status == 400

    talk(tmp_path, monkeypatch, conversation)


def test_the_next_world_is_asked_after_the_first_has_died_and_is_greeted_before(tmp_path, monkeypatch):
    """The guard died and was started anew: the verb is carried out there, after its register was given back."""
    monkeypatch.chdir(tmp_path)

    async def run() -> None:
        port = RemotePort("w.sock")
        port.greet(lambda: [("seed", {"connector": 1, "energy_wh": 777.0})])
        async with served("w.sock", new_world()):
            await port.call("plug", {"connector": 1})
        second = new_world()
        async with served("w.sock", second):
            await port.call("plug", {"connector": 1})
            assert second.outlet(1).state == "B"
            assert second.outlet(1).energy_wh == 777.0
            await port.close()

    asyncio.run(run())


def test_a_world_that_lived_on_keeps_its_register(tmp_path, monkeypatch):
    """Greeted a second time, by a controller that was started anew: the seed is not taken twice."""
    async def conversation(remote: RemotePort, world: World) -> None:
        for register_wh in (100.0, 50.0):
            remote.greet(lambda wh=register_wh: [("seed", {"connector": 1, "energy_wh": wh})])  # type: ignore[misc]  # bound now
            await remote.call("snapshot", {})
            await remote.close()
        assert world.outlet(1).energy_wh == 100.0

    talk(tmp_path, monkeypatch, conversation)


def test_nobody_there_is_409_with_words(tmp_path, monkeypatch):
    """An interlock, not a bad request: try again when the guard is back."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SimError, match="not there") as refused:
        asyncio.run(RemotePort("nobody.sock").call("snapshot", {}))
    assert refused.value.status == 409


def test_a_world_that_hangs_is_given_up_and_its_late_answer_is_not_taken_for_another(tmp_path, monkeypatch):
    """The next question gets its own answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(port_module, "ANSWERS_WITHIN_S", 0.02)

    async def run() -> None:
        world, port = new_world(), RemotePort("w.sock")
        listener = listen("w.sock")
        server = PortServer(world, listener)
        with pytest.raises(SimError, match="not there"):
            await port.call("plug", {"connector": 1})
        asking = asyncio.ensure_future(port.call("reading", {"connector": 1}))
        while not asking.done():
            server.poll()
            await asyncio.sleep(POLL_EVERY_S)
        assert "reading" in asking.result()
        await port.close()
        listener.close()
        for peer in server._peers:
            peer.connection.close()

    asyncio.run(run())


def test_a_question_that_was_cancelled_leaves_no_answer_behind(tmp_path, monkeypatch):
    """A meter's time-out in the middle of an exchange must not shift all later answers by one."""
    async def conversation(remote: RemotePort, _world: World) -> None:
        asking = asyncio.ensure_future(remote.call("snapshot", {}))
        while remote._streams is None:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert "reading" in await remote.call("reading", {"connector": 1})

    talk(tmp_path, monkeypatch, conversation)


@pytest.mark.parametrize("line", [b"what?\n", b"[]\n", b'["plug"]\n', b'["plug", []]\n', b"[" * 5000 + b"\n", b"\xff\n"])
def test_a_line_that_is_no_question_is_400(line):
    """The guard never falls over what comes from outside (T-PARSE)."""
    with socket.socket(socket.AF_UNIX) as listener:
        assert PortServer(new_world(), listener)._answer(line)["status"] == 400


def test_the_socket_of_a_world_is_for_owner_and_group(tmp_path, monkeypatch):
    """Guard and controller run as two users of one group (T-PRIV)."""
    monkeypatch.chdir(tmp_path)
    listen("w.sock").close()
    assert stat.S_IMODE(os.stat("w.sock").st_mode) == 0o660


@pytest.mark.parametrize(("uid", "answered"), [(os.getuid(), True), (os.getuid() + 1, False)], ids=["ours", "another user"])
def test_a_world_without_a_file_speaks_with_its_own_user_only(monkeypatch, uid, answered):
    """An abstract socket has no permissions that would keep others out (A6)."""
    monkeypatch.setattr(port_module, "_user_of", lambda _connection: uid)
    name = f"\0evcp-test-{os.getpid()}-{uid}"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(name)
        listener.listen()
        world = new_world()
        server = PortServer(world, listener)
        client.connect(name)
        client.sendall(b'["plug", {"connector": 1}]\n')
        server.poll()
        assert (world.outlet(1).state == "B") is answered
        for peer in server._peers:
            peer.connection.close()


def test_the_kernel_tells_who_is_there():
    """SO_PEERCRED of a pair of our own."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert port_module._user_of(ours) == os.getuid()
