"""Whatever happens around them, reservations are kept, used once and end: a whole charge point, moved by chance, in virtual time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.records import Reservation
from controller.shell.pace import Pace
from tests.rig.charge_point import ChargePoint
from tests.rig.loop import run_virtual

CONNECTORS = (1, 2)
FAMILY = ("ANNA", "BERT")
TAGS = (*FAMILY, "CARL", "DORA")
IDLE = ("Available", "Reserved")
PATIENCE_S = 45.0
"""More than ConnectionTimeOut and everything that follows it."""
Move: TypeAlias = tuple[str, tuple[Any, ...]]


def is_for(row: Reservation, id_tag: str) -> bool:
    """By the tag, or by the group that the central system puts it in (RES-6)."""
    return row.id_tag == id_tag or (row.parent_id_tag == "FAMILY" and id_tag in FAMILY)


class World:
    """The charge point, its people and its central system."""

    def __init__(self, folder: Path) -> None:
        self.charge_point = ChargePoint(folder)
        self.charge_point.pace = Pace(poll_idle_s=10.0, poll_charging_s=10.0, registers_every_s=60.0)

    async def begin(self) -> None:
        """Everything is free; the central system accepts everybody and knows one family."""
        await self.charge_point.start(connectors=2, ocpp="ConnectionTimeOut = 20\nAllowOfflineTxForUnknownId = true")
        self.charge_point.central_system.answers["Authorize"] = lambda payload: {"idTagInfo": {
            "status": "Accepted", **({"parentIdTag": "FAMILY"} if payload["idTag"] in FAMILY else {})}}

    @property
    def rows(self) -> tuple[Reservation, ...]:
        """What is reserved, by the disk."""
        return self.charge_point.memory.load().reservations

    def status(self, connector: int) -> str:
        """What the connector is now."""
        return self.charge_point.status(connector)

    async def _call(self, action: str, **payload: Any) -> dict[str, Any] | None:
        """A CALL, if somebody is there to take it."""
        if not self.charge_point.app.connection.connected:
            return None
        return await self.charge_point.central_system.call(action, **payload)

    # -- moves -------------------------------------------------------------------------------------------------------

    async def reserve(self, connector: int, id_tag: str, number: int, for_s: int, grouped: bool) -> None:
        """Accepted is on the disk, and nothing else changes anything (RES-1, RES-2)."""
        before = self.rows
        until = self.charge_point.true_time.now() + timedelta(seconds=for_s)
        conf = await self._call(
            "ReserveNow", connectorId=connector, idTag=id_tag, reservationId=number,
            expiryDate=until.isoformat(timespec="milliseconds").replace("+00:00", "Z"), **({"parentIdTag": "FAMILY"} if grouped else {}))
        made = [row for row in self.rows if row.reservation_id == number]
        if conf is not None and conf["status"] == "Accepted":
            assert [(row.connector_id, row.id_tag) for row in made] == [(connector, id_tag)]
        else:
            assert set(self.rows) <= set(before)
        assert len(self.rows) <= len(CONNECTORS), "more was promised than there is (RES-5)"

    async def cancel(self, number: int) -> None:
        """Accepted where there was one (RES-11)."""
        known = any(row.reservation_id == number for row in self.rows)
        conf = await self._call("CancelReservation", reservationId=number)
        assert conf is None or (conf["status"] == "Accepted") is known

    async def card(self, id_tag: str, readers: list[int]) -> None:
        """At one reader or the other."""
        await self.charge_point.swipe(id_tag, readers)

    async def remote_start(self, id_tag: str, connector: int | None) -> None:
        """With a connector, or without."""
        await self._call("RemoteStartTransaction", idTag=id_tag, **({"connectorId": connector} if connector else {}))

    async def plug(self, connector: int) -> None:
        """Somebody's car."""
        if not self.charge_point.row(connector)["plugged"]:
            await self.charge_point.plug(connector)

    async def comes_to_charge(self, id_tag: str, connector: int) -> None:
        """The usual way: the cable in, then the card, where nothing runs."""
        if self.charge_point.row(connector)["id_tag"] is None:
            await self.plug(connector)
            await self.charge_point.pass_time(seconds=0.5)
            await self.card(id_tag, [connector])

    async def unplug(self, connector: int) -> None:
        """It leaves."""
        await self.charge_point.unplug(connector)

    async def fault(self, connector: int, active: bool) -> None:
        """The station's own, which clears by itself."""
        await self.charge_point.fault("other", active=active, connector=connector)

    async def availability(self, connector: int, kind: str) -> None:
        """Of one, or of all."""
        await self._call("ChangeAvailability", connectorId=connector, type=kind)

    async def unlock(self, connector: int) -> None:
        """By the central system."""
        if self.charge_point.row(connector)["transaction_id"] is None:
            await self._call("UnlockConnector", connectorId=connector)

    async def restart(self, power_cut: bool) -> None:
        """The process dies, or the power goes."""
        await self.charge_point.restart(power_cut=power_cut, ready=False)
        await self.charge_point.pass_time(seconds=8)

    async def link(self, up: bool) -> None:
        """The network."""
        await self.charge_point.link(up=up)

    async def time(self, seconds: float) -> None:
        """It passes."""
        await self.charge_point.pass_time(seconds=seconds)

    # -- what must hold ----------------------------------------------------------------------------------------------

    async def play(self, move: Move) -> None:
        """One move, and what follows from it within two seconds."""
        name, arguments = move
        before, running = self.rows, self._running()
        act: Callable[..., Awaitable[None]] = getattr(self, name)
        await act(*arguments)
        await self.charge_point.pass_time(seconds=2)
        self._holds([row for row in before if row in self.rows], {c: tag for c, tag in self._running().items() if running.get(c) != tag})

    def _running(self) -> dict[int, str]:
        rows = {connector: self.charge_point.row(connector) for connector in CONNECTORS}
        return {connector: row["id_tag"] for connector, row in rows.items() if row["id_tag"] is not None}

    def _holds(self, standing: Sequence[Reservation], begun: dict[int, str]) -> None:
        """`standing` stood through all of the move, in which sessions have `begun`."""
        own = {row.connector_id for row in standing}
        assert not own & set(begun), f"{begun} began where {standing} stands (RES-6)"
        anywhere = [row for row in standing if row.connector_id == 0]
        waiting = [c for c in self.charge_point.app.station.connectors if c.waiting is not None]
        idle = [connector for connector in CONNECTORS if self.status(connector) in IDLE]
        reserved = {row.connector_id for row in self.rows}
        if begun and not waiting and not any(is_for(row, tag) for row in anywhere for tag in begun.values()):
            assert len([c for c in idle if c not in reserved]) >= len(anywhere), f"{begun} left none for {anywhere} (RES-5)"
        for connector in idle:
            shown = self.status(connector) == "Reserved"
            assert shown if connector in reserved else not shown or 0 in reserved, f"{connector}: {self.status(connector)}, {self.rows}"

    async def all_is_well(self) -> None:
        """Everybody has gone home; what broke is mended; each reservation is still good for one session, and then nothing is left."""
        await self.charge_point.link(up=True)
        await self.charge_point.until(lambda: self.charge_point.app.connection.connected, within_s=20)
        await self.charge_point.pass_time(seconds=5)
        for connector in CONNECTORS:
            await self.fault(connector, active=False)
            await self.unplug(connector)
        await self.availability(0, "Operative")
        await self.charge_point.pass_time(seconds=PATIENCE_S)
        for row in self.rows:
            await self._use_one(row)
        await self.charge_point.pass_time(minutes=16)
        assert self.rows == ()
        assert [self.status(connector) for connector in CONNECTORS] == ["Available", "Available"]

    async def _use_one(self, row: Reservation) -> None:
        """Its card, at its connector; or, of connector 0, at any that nobody else has."""
        if (row.expiry_date - self.charge_point.true_time.now()).total_seconds() < PATIENCE_S:
            return
        taken = {other.connector_id for other in self.rows}
        connector = row.connector_id or next(c for c in CONNECTORS if c not in taken)
        usable = {other.reservation_id for other in self.rows
                  if other == row or (other.connector_id == 0 == row.connector_id and is_for(other, row.id_tag))}
        before = len(self.rows)
        await self.charge_point.charge(row.id_tag, connector)
        assert self.charge_point.central_system.of("StartTransaction")[-1]["reservationId"] in usable
        assert len(self.rows) == before - 1
        await self.unplug(connector)
        await self.charge_point.until(lambda: self.status(connector) in IDLE, within_s=10)


connectors, tags, numbers = st.sampled_from(CONNECTORS), st.sampled_from(TAGS), st.integers(1, 3)


def move(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Move]:
    """One kind of move."""
    return st.tuples(st.just(name), st.tuples(*arguments))


promises = (move("reserve", st.sampled_from([0, *CONNECTORS]), tags, numbers, st.sampled_from([15, 120, 900, 900]), st.booleans())
            | move("cancel", numbers))
people = (move("card", tags, st.sampled_from([[1], [2], [1, 2]])) | move("plug", connectors) | move("unplug", connectors)
          | move("remote_start", tags, st.none() | connectors))
sessions = move("comes_to_charge", tags, connectors)
trouble = (move("fault", connectors, st.booleans()) | move("unlock", connectors) | move("restart", st.booleans())
           | move("availability", st.sampled_from([0, *CONNECTORS]), st.sampled_from(["Inoperative", "Operative", "Operative"]))
           | move("link", st.sampled_from([True, True, False])) | move("time", st.sampled_from([10.0, 30.0, 100.0])))
moves = st.lists(st.sampled_from([promises, promises, promises, people, people, sessions, sessions, trouble]).flatmap(lambda kind: kind),
                 min_size=8, max_size=30)


async def _live(world: World, story: list[Move]) -> None:
    await world.begin()
    for step in story:
        await world.play(step)
    await world.all_is_well()
    await world.charge_point.finish()


@given(story=moves)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_what_was_promised_is_kept_and_nothing_is_kept_for_ever(story: list[Move]) -> None:
    """Invariants of any run (RES-1, RES-2, RES-5, RES-6, RES-8, RES-9, RES-12, STAT-6).

    No session begins where somebody else's reservation stands, or takes the last connector from one of connector 0; what is
    shown is what is on the disk; only defined transitions are told. In the end each reservation that is left is good for one
    session, which names it, and a quarter of an hour later everything is Available.
    """
    with TemporaryDirectory() as folder:
        run_virtual(_live(World(Path(folder)), story))
