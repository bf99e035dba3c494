"""A station and its connection, as the control socket looks at them; nobody dials."""

from controller.config import Configuration
from controller.ocpp.connection import Connection, Lost, Transport
from controller.ocpp.session import Session
from controller.records import Durable
from controller.shell.ocpp_view import Wire
from controller.shell.system_clock import SystemClock
from controller.station.station import Station


async def nobody(_target: object) -> Transport:
    """There is no network."""
    raise Lost("no network")


async def nothing(_event: object) -> None:
    """What is emitted is of no interest."""


def wire(known: Configuration, durable: Durable | None = None) -> Wire:
    """What the control socket shows of the connection."""
    station = Station(known, durable or Durable(), boot_id="boot-1", new_id=lambda: "id")
    connection = Connection(url=known.csms.url, identity=known.charge_point.identity, session=Session(), clock=SystemClock(),
                            post=lambda _event: None, emit=nothing, dial=nobody)
    return Wire(connection, station.central_system, station.settings)
