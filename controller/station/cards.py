"""What a card at a reader means (`contract.md` section 2, TXN-7, TXN-13, AUTH-3).

One that a technician waits for is learned and means nothing else. Any other, in this order: it stops the transaction that the same tag started; it takes back what the same tag asked for; it stops
the transaction of its group; it starts at the connector that is reserved for it; it starts at a plugged connector that waits, the last plugged first; it starts at the free
connector with the lowest id, from where the waiting moves to whichever of the reader's connectors is plugged first.
"""

from collections.abc import Mapping, Sequence

from controller.commands import Show
from controller.events import CardPresented
from controller.ocpp.types import AuthorizationStatus, Reason
from controller.station.authorization import Authorization, Verdict, same_group, same_tag
from controller.station.connector import Connector, Waiting
from controller.station.derived import Plugged, StartAnswered
from controller.station.reservation_book import ReservationBook
from controller.station.step import Feature, Reaction, Step
from controller.station.tags import Tags
from controller.station.transactions import Transactions


class Cards(Feature):
    """Turns cards into stops, cancellations and starts."""

    name = "cards"

    def __init__(self, connectors: Sequence[Connector], authorization: Authorization, transactions: Transactions, tags: Tags,
                 book: ReservationBook) -> None:
        self._connectors = list(connectors)
        self._authorization = authorization
        self._transactions = transactions
        self._tags = tags
        self._book = book
        self._asking: set[str] = set()
        self._by_card: dict[int, tuple[Waiting | None, tuple[int, ...]]] = {}
        """What a card had begun on a connector, and which connectors its reader serves."""

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears cards, the plug for a card shown before, and the verdict that comes only with the start."""
        return {CardPresented: self._presented, Plugged: self._plugged, StartAnswered: self._start_answered}

    def _presented(self, event: CardPresented, step: Step) -> None:
        served = [c for c in self._connectors if c.connector_id in event.connector_ids]
        step.order(Show(event.connector_ids, "presented"))
        if self._tags.learns(event, step):
            return
        if (self._stops_own(served, event, step) or self._takes_back(served, event, step)
                or self._frees_cable(served, event, step)):
            step.order(Show(event.connector_ids, "accepted"))
        else:
            self._ask(served, event, step)

    def _start_answered(self, event: StartAnswered, step: Step) -> None:
        """Taken for good at the reader, and refused by the central system after all (AUTH-20)."""
        if event.id_tag_info is None or event.id_tag_info.status is AuthorizationStatus.Accepted:
            return
        for connector in self._connectors:
            if connector.transaction is not None and connector.transaction.local_id == event.local_id:
                step.order(Show((connector.connector_id,), "refused"))

    def _stops_own(self, served: list[Connector], event: CardPresented, step: Step) -> bool:
        """Who started stops, and nobody is asked (AUTH-3, AUTH-4)."""
        for connector in served:
            if connector.transaction is not None and same_tag(event.id_tag, connector.transaction.id_tag):
                self._transactions.stop(connector, Reason.Local, step, id_tag=event.id_tag)
                return True
        return False

    def _stops_for_group(self, served: list[Connector], event: CardPresented, verdict: Verdict, step: Step) -> bool:
        for connector in served:
            running = connector.transaction
            if running is not None and same_group(verdict.parent_id_tag, running.parent_id_tag):
                self._transactions.stop(connector, Reason.Local, step, id_tag=event.id_tag)
                return True
        return False

    def _takes_back(self, served: list[Connector], event: CardPresented, step: Step) -> bool:
        for connector in served:
            if connector.waiting is not None and same_tag(event.id_tag, connector.waiting.id_tag):
                if not connector.plugged:
                    self._transactions.cancel(connector, step)
                return True
        return False

    def _frees_cable(self, served: list[Connector], event: CardPresented, step: Step) -> bool:
        """The bolt was kept in for this tag, and the car is gone (AUTH-20, TXN-16)."""
        for connector in served:
            if connector.cable_kept and connector.held_for and same_tag(event.id_tag, connector.held_for.id_tag):
                self._transactions.release_held(connector, step)
                return True
        return False

    def _ask(self, served: list[Connector], event: CardPresented, step: Step) -> None:
        """A foreign card where nothing could start and no group is known means nothing at all (TXN-13)."""
        grouped = any((c.transaction is not None and c.transaction.parent_id_tag is not None) or c.held_for is not None
                      for c in served)
        if event.id_tag.upper() in self._asking:
            return
        if not (grouped or self._could_begin(served, event.id_tag, step)):
            step.order(Show(event.connector_ids, "refused"))
            return
        self._asking.add(event.id_tag.upper())

        def decided(verdict: Verdict, later: Step) -> None:
            self._asking.discard(event.id_tag.upper())
            taken = self._decided(served, event, verdict, later)
            later.order(Show(event.connector_ids, "accepted" if taken else "refused"))

        self._authorization.authorize(event.id_tag, decided, step)

    def _decided(self, served: list[Connector], event: CardPresented, verdict: Verdict, step: Step) -> bool:
        """Whether the card has brought about anything; who is refused begins nothing (AUTH-12)."""
        if self._frees_for_group(served, event, verdict, step):
            return True
        if (verdict.accepted or verdict.may_stop) and self._stops_for_group(served, event, verdict, step):
            return True
        if not verdict.accepted:
            return False
        target = self._target(served, event.id_tag, verdict.parent_id_tag)
        if target is not None:
            self._transactions.wait_for_plug(target, event.id_tag, verdict.parent_id_tag, step)
            self._by_card[target.connector_id] = (target.waiting, event.connector_ids)
        return target is not None

    def _frees_for_group(self, served: list[Connector], event: CardPresented, verdict: Verdict, step: Step) -> bool:
        """The bolt was kept in for this tag or its group; one that may charge begins anew where a car is plugged."""
        for connector in served:
            keeper = connector.held_for
            if keeper is None or (connector.plugged and verdict.accepted):
                continue
            if same_tag(event.id_tag, keeper.id_tag) or same_group(verdict.parent_id_tag, keeper.parent_id_tag):
                self._transactions.release_held(connector, step)
                return True
        return False

    def _could_begin(self, served: list[Connector], id_tag: str, step: Step) -> bool:
        """Whether the tag may begin somewhere, or may be in a group that may (RES-7)."""
        known = self._authorization.known(id_tag, step.at.utc)
        parent_id_tag = known.parent_id_tag if known is not None else None
        return any(self._transactions.may_begin(c) and self._book.could_admit(c, id_tag, parent_id_tag) for c in served)

    def _target(self, served: list[Connector], id_tag: str, parent_id_tag: str | None) -> Connector | None:
        able = self._book.open_to([c for c in served if self._transactions.may_begin(c)], id_tag, parent_id_tag)
        plugged = [c for c in able if c.plugged]
        if plugged:
            return max(plugged, key=lambda c: c.plugged_at_s or 0.0)
        return min(able, key=lambda c: c.connector_id, default=None)

    def _plugged(self, event: Plugged, step: Step) -> None:
        """A car came to another connector of the reader than the one the card was taken to mean: move there.

        Not from a connector that is reserved for the card to one that is not: the first was meant, and the car is somebody else's.
        """
        here = next(c for c in self._connectors if c.connector_id == event.connector_id)
        if not self._transactions.may_begin(here):
            return
        for there in self._connectors:
            waiting = there.waiting
            begun, reader = self._by_card.get(there.connector_id, (None, ()))
            if waiting is None or waiting is not begun or there.plugged or here.connector_id not in reader:
                continue
            meant = self._book.of(there) is not None and self._book.of(here) is None
            if not meant and self._book.admits(here, waiting.id_tag, waiting.parent_id_tag, leaving=there):
                self._transactions.cancel(there, step)
                self._transactions.wait_for_plug(here, waiting.id_tag, waiting.parent_id_tag, step)
                self._by_card[here.connector_id] = (here.waiting, reader)
                return
