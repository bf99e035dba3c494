"""The station: one step takes an event through every feature, in one visible order, and tells what to do.

    event -> features react, derived events within the same step -> derived state settles -> Outcome(records, commands)

The order matters twice. Reactions: facts first (hardware, connection), then what judges them, then what acts on them.
Settling: what is offered, then what is told about it, then what leaves on the wire.
"""

from collections.abc import Callable

from controller.clock import Instant
from controller.config import Configuration
from controller.events import CallReceived, DeadlineCame, Event
from controller.ocpp.messages import Request
from controller.records import Durable
from controller.station.absent import Absent
from controller.station.answering import refuse
from controller.station.authorization import Authorization
from controller.station.availability import Availability
from controller.station.boot import Boot
from controller.station.cards import Cards
from controller.station.central_system import CentralSystem
from controller.station.configuration import ConfigurationKeys
from controller.station.connections import Connections
from controller.station.connector import Connector
from controller.station.credentials import Credentials
from controller.station.dating import Dating
from controller.station.fault_board import FaultBoard
from controller.station.keys import chosen_profiles, keys_for
from controller.station.local_list import LocalList
from controller.station.metering import Metering
from controller.station.overview import Overview
from controller.station.power import Power
from controller.station.recovery import Recovery
from controller.station.remote_control import RemoteControl
from controller.station.reservation_book import ReservationBook
from controller.station.reservations import Reservations
from controller.station.reset import Reset
from controller.station.retention import Retention
from controller.station.set_aside import SetAside
from controller.station.settings import Settings
from controller.station.status_notifications import StatusNotifications
from controller.station.step import Agenda, Feature, Outcome, Reaction, Step
from controller.station.tags import Tags
from controller.station.tamper import Tamper
from controller.station.transactions import Transactions
from controller.station.trigger import Trigger
from controller.station.wear import Wear


class Station:
    """The whole charge point as OCPP sees it, without clock, socket, database or await."""

    def __init__(self, configuration: Configuration, durable: Durable, *, boot_id: str, new_id: Callable[[], str]) -> None:
        self._boot_id = boot_id
        self._dating = Dating()
        self._agenda = Agenda()
        self.settings = Settings(keys_for(configuration, chosen_profiles(configuration)), configuration.ocpp, durable.settings)
        self._compose(configuration, durable, self.settings, new_id)
        self._reactions: dict[type, list[Reaction]] = {}
        self._answers: dict[type[Request], Reaction] = {}
        for feature in self._features:
            for event_type, reaction in feature.reactions().items():
                self._reactions.setdefault(event_type, []).append(reaction)
            self._answers.update(feature.answers())
        self._by_name = {feature.name: feature for feature in self._features}

    def _compose(self, configuration: Configuration, durable: Durable, settings: Settings, new_id: Callable[[], str]
                 ) -> None:
        """Make the features in their order; each is given those it reads."""
        agenda = self._agenda
        connectors = self.connectors = [
            Connector(row.id, has_lock=row.lock["driver"] != "none", ceiling_a=configuration.ceiling_a(row.id),
                      phases=row.phases)
            for row in configuration.connector
        ]
        hardware = Connections(connectors)
        central_system = CentralSystem(durable, settings, agenda, new_id, stand_alone=not configuration.csms.url)
        boot = self._boot = Boot(configuration, durable, settings, agenda, central_system)
        stop_on_meter_loss = configuration.charging.on_meter_loss == "stop"
        faults = FaultBoard(connectors, durable, agenda, stop_on_meter_loss=stop_on_meter_loss)
        local_list = LocalList(durable, settings)
        tags = Tags(durable.tags, agenda)
        authorization = self._authorization = Authorization(durable.cache, settings, central_system, local_list, tags)
        book = ReservationBook(connectors, durable.reservations)
        transactions = Transactions(connectors, configuration, settings, agenda, central_system, boot, faults, book, new_id)
        recovery = Recovery(connectors, durable, configuration, agenda, transactions)
        cards = Cards(connectors, authorization, transactions, tags, book)
        remote = RemoteControl(connectors, settings, agenda, central_system, authorization, transactions, book)
        availability = Availability(connectors, durable.availability, transactions)
        reservations = Reservations(connectors, settings, agenda, book, availability)
        metering = Metering(connectors, durable, configuration, settings, agenda, central_system, transactions)
        power = Power(connectors, configuration, faults)
        set_aside = SetAside(durable)
        status = StatusNotifications(connectors, settings, agenda, central_system, availability, faults, transactions, set_aside)
        trigger = Trigger(connectors, settings, central_system, boot, metering, status)
        reset = Reset(connectors, settings, agenda, central_system, transactions, faults)
        tamper, wear = Tamper(durable), Wear(durable)
        self._features: tuple[Feature, ...] = (
            Absent(), hardware, central_system, boot, faults, tamper, wear, set_aside, recovery, transactions, tags, cards, remote, availability,
            reservations, local_list, authorization, metering, ConfigurationKeys(settings),
            Credentials(durable, settings, agenda, central_system), trigger, reset, Retention(configuration, agenda), power, status,
        )
        self._settling: tuple[Feature, ...] = (reservations, power, status, reset, central_system)
        self.central_system = central_system
        self._overview = Overview(connectors, settings, central_system, faults, status, tamper, set_aside, book, wear)

    def handle(self, event: Event, at: Instant) -> Outcome:
        """Take one event; everything that follows from it follows within this step."""
        step = Step(at, self._boot_id)
        self._dating.look(event, step)
        step.pending.append(event)
        while step.pending:
            self._react(step)
            for feature in self._settling:
                feature.settle(step)
        return step.outcome

    def _react(self, step: Step) -> None:
        while step.pending:
            event = step.pending.popleft()
            if isinstance(event, CallReceived):
                self._answer(event, step)
            elif isinstance(event, DeadlineCame):
                self._by_name[str(event.key[0])].deadline(event.key, step)
            else:
                for reaction in self._reactions.get(type(event), ()):
                    reaction(event, step)

    def _answer(self, call: CallReceived, step: Step) -> None:
        if self._boot.is_silent(call):
            return
        reaction = self._answers.get(type(call.request))
        if reaction is None:
            refuse(call, "NotSupported", f"{call.request.action} is not for a charge point to answer", step)
        else:
            reaction(call, step)

    def next_deadline_s(self) -> float | None:
        """When the station wants to be woken, on the monotonic clock; None if nothing is planned."""
        return self._agenda.next_s()

    def due(self, at: Instant) -> list[DeadlineCame]:
        """The deadlines that have come, to be handled one by one."""
        return self._agenda.due(at.monotonic_s)

    def status(self) -> dict[str, object]:
        """The station's part of `GET /api/v1/status`."""
        return self._overview.as_object()

    def tags(self, at: Instant) -> dict[str, object]:
        """`GET /api/v1/tags`."""
        return self._authorization.overview(at.utc)

    def status_of(self, connector_id: int) -> str:
        """What the lamp of a connector shows: its ChargePointStatus."""
        return self._overview.status_of(connector_id)
