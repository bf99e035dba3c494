"""The loop all whole-system tests stand on."""

import asyncio
import socket

import pytest

from tests.rig.loop import START_S, Deadlock, Livelock, run_virtual, virtual_loop


async def test_a_sleep_of_a_day_moves_the_clock_by_exactly_a_day():
    """Time passes by jumping, not by waiting."""
    await asyncio.sleep(86_400)
    assert virtual_loop().time() == START_S + 86_400


async def test_timers_come_in_the_order_of_their_time():
    """Whoever waits less is first, whatever the order of asking."""
    seen = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(seconds)

    await asyncio.gather(wait(3), wait(1), wait(2))
    assert seen == [1, 2, 3]


def test_waiting_for_what_cannot_happen_is_an_error_and_not_a_hang():
    """A test that deadlocks says so at once."""
    async def for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run_virtual(for_ever())


def test_running_in_circles_is_an_error_and_not_a_hang():
    """A task that never lets time pass is found out."""
    async def circle() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        run_virtual(circle())


async def test_work_for_a_thread_is_done_in_place():
    """`to_thread` returns without a thread and without time passing."""
    assert await asyncio.to_thread(lambda: 42) == 42
    assert virtual_loop().time() == START_S


async def test_a_stalling_disk_leaves_the_loop_running():
    """Work beside the loop may take virtual time, during which everything else goes on."""
    virtual_loop().executor_takes_s = 4.5
    ticks = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            ticks.append(virtual_loop().time())

    beside = asyncio.ensure_future(tick())
    assert await asyncio.to_thread(len, "abc") == 3
    beside.cancel()
    assert ticks == [START_S + second for second in (1, 2, 3, 4)]


async def test_what_fails_beside_the_loop_fails_where_it_is_awaited():
    """An exception of the work comes out of the await."""
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 // 0)


async def test_a_socket_pair_within_the_process_carries_bytes():
    """The link between the halves may be a real socket, as both of its ends are here."""
    near, far = socket.socketpair()
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(far.fileno(), lambda: heard.set_result(far.recv(16)))
    near.send(b"offer")
    assert await heard == b"offer"
    asyncio.get_running_loop().remove_reader(far.fileno())
    near.close()
    far.close()
