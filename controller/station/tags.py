"""The charge point's own cards: learned at its reader, labelled, blocked and removed by a person who is there (decision 11).

They are no part of the Local Authorization List, which the central system alone may change (LIST-1), nor of the cache. What they are
worth beside those is told in `authorization.py`.
"""

from collections.abc import Mapping, Sequence

import msgspec

from controller.commands import Show, TellAsker
from controller.events import AskerLeft, CardPresented, LearningAsked, TagChangeAsked
from controller.ocpp.types import AuthorizationStatus
from controller.records import DropTag, PutTag, Tag
from controller.station.step import Agenda, Feature, Key, Reaction, Step

LIMIT = 1000
"""So many own cards are kept at most."""


class Tags(Feature):
    """Keeps the own cards, and takes the card that is to be learned away from everybody else."""

    name = "tags"

    def __init__(self, tags: Sequence[Tag], agenda: Agenda) -> None:
        self._tags = {tag.id_tag: tag for tag in tags}
        self._agenda = agenda
        self._learning: LearningAsked | None = None

    def find(self, id_tag: str) -> Tag | None:
        """The own card of that tag."""
        return self._tags.get(id_tag.upper())

    def all(self) -> list[Tag]:
        """Every own card, by tag."""
        return [tag for _, tag in sorted(self._tags.items())]

    @property
    def learning(self) -> bool:
        """The next card will be learned."""
        return self._learning is not None

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the person at the charge point."""
        return {TagChangeAsked: self._change_asked, LearningAsked: self._learning_asked, AskerLeft: self._asker_left}

    def deadline(self, key: Key, step: Step) -> None:
        """No card came."""
        learning, self._learning = self._learning, None
        if learning is not None:
            step.order(TellAsker(learning.asked_by, {"tag": None}))

    # -- learning ----------------------------------------------------------------------------------------------------

    def _learning_asked(self, event: LearningAsked, step: Step) -> None:
        if self._learning is not None:
            step.order(TellAsker(event.asked_by, refusal="another card is being learned; wait until that is over"))
            return
        self._learning = event
        self._agenda.set(self.name, "learn", at_s=step.at.monotonic_s + event.within_s)

    def _asker_left(self, event: AskerLeft, _step: Step) -> None:
        if self._learning is not None and self._learning.asked_by == event.asked_by:
            self._learning = None
            self._agenda.cancel(self.name, "learn")

    def learns(self, event: CardPresented, step: Step) -> bool:
        """Whether this card was waited for: it becomes an own one, Accepted, and neither starts nor stops anything."""
        learning, self._learning = self._learning, None
        if learning is None:
            return False
        self._agenda.cancel(self.name, "learn")
        taken = self._put(learning.asked_by, event.id_tag, AuthorizationStatus.Accepted, learning.label, step)
        step.order(Show(event.connector_ids, "accepted" if taken else "refused"))
        return True

    # -- changes -----------------------------------------------------------------------------------------------------

    def _change_asked(self, event: TagChangeAsked, step: Step) -> None:
        tag = self.find(event.id_tag)
        if event.change == "block":
            self._put(event.asked_by, event.id_tag, AuthorizationStatus.Blocked, event.label, step)
        elif tag is None:
            refusal = f"{event.id_tag} is no card of this charge point's own; learn it, or block it, first"
            step.order(TellAsker(event.asked_by, refusal=refusal))
        elif event.change == "label":
            self._put(event.asked_by, tag.id_tag, AuthorizationStatus(tag.status), event.label, step)
        else:
            del self._tags[tag.id_tag]
            step.remember(DropTag(tag.id_tag))
            step.order(TellAsker(event.asked_by, {"tag": shown(tag)}))

    def _put(self, asked_by: str, id_tag: str, status: AuthorizationStatus, label: str | None, step: Step) -> bool:
        """Keep it, with the label it had where none is given; False when there is no room."""
        before = self.find(id_tag)
        if before is None and len(self._tags) >= LIMIT:
            step.order(TellAsker(asked_by, refusal=f"there are {LIMIT} cards already; remove one first"))
            return False
        known = before or Tag(id_tag.upper(), str(status), learned=step.at.utc if step.at.trusted else None)
        tag = msgspec.structs.replace(known, status=str(status), label=known.label if label is None else label)
        self._tags[tag.id_tag] = tag
        step.remember(PutTag(tag))
        step.order(TellAsker(asked_by, {"tag": shown(tag)}))
        return True


def shown(tag: Tag) -> dict[str, object]:
    """An own card as `GET /api/v1/tags` shows it."""
    return {"id_tag": tag.id_tag, "source": "own", "status": tag.status, "label": tag.label, "expiry_date": None,
            "parent_id_tag": None, "learned": tag.learned}
