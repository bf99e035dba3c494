"""`/sim/v1` as a whole: cards go to the desk, the network to the connection, everything else to the world."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from controller.events import Event, FaultReset
from controller.ocpp.connection import Connection
from drivers import registry
from drivers.sim_port import SimError, SimPort


class SimVerbs:
    """Carries verbs out in order of arrival."""

    def __init__(self, port: SimPort, desk: Any, connection: Connection | None, post: Callable[[Event], None],
                 status: Callable[[], dict[str, Any]]) -> None:
        self._port = port
        self._desk = desk
        self._connection = connection
        self._post = post
        self._status = status
        self._turn = asyncio.Lock()

    async def call(self, verb: str, body: Mapping[str, object]) -> dict[str, object]:
        """One POST. Raises SimError with an HTTP status."""
        async with self._turn:
            match verb:
                case "swipe":
                    return dict(self._desk.swipe(body))
                case "link":
                    return self._link(body)
                case "fault":
                    return await self._fault(body)
                case "plug" | "unplug" | "ev_state" | "site" | "meter":
                    return await self._port.call(verb, body)
                case _:
                    raise SimError(404, f"unknown verb {verb!r}")

    def _link(self, body: Mapping[str, object]) -> dict[str, object]:
        up = body.get("up")
        if set(body) != {"up"} or not isinstance(up, bool):
            raise SimError(400, 'allowed: {"up": true} or {"up": false}')
        if self._connection is not None:
            self._connection.set_link(up=up)
        return {}

    async def _fault(self, body: Mapping[str, object]) -> dict[str, object]:
        """In the simulation an inactive fault is cause gone and reset."""
        if body.get("kind") == "rfid":
            fault = registry.simulated_world().parsed(body, registry.simulated_world().Fault)
            return dict(self._desk.set_fault(fault.connector, fault.active))
        answer = await self._port.call("fault", body)
        connector = body.get("connector")
        if body.get("active") is False and isinstance(connector, int):
            self._post(FaultReset(connector))
        return answer

    async def state(self) -> dict[str, object]:
        """`GET /sim/v1/state`: what is, beside what the daemon makes of it."""
        snapshot = await self._port.call("snapshot", {})
        held = {row["id"]: row for row in self._status()["connectors"]}
        connectors = snapshot["connectors"]
        assert isinstance(connectors, list)
        for row in connectors:
            known = held.get(row["id"], {})
            fault = known.get("fault")
            row["ocpp"] = known.get("status")
            row["fault"] = fault if fault in registry.simulated_world().FAULT_KINDS else None  # what a verb can play
        online = self._connection is not None and self._connection.connected
        return {"online": online, "connectors": connectors}
