"""Conversations with a station, ready to begin."""

from pathlib import Path
from typing import Protocol

import pytest

from tests.unit.station.conversation import Conversation, configuration


class Talk(Protocol):
    """Begins a conversation; the settings are those of `conversation.configuration`."""

    def __call__(self, *, online: bool = True, **settings: str | int) -> Conversation:
        """A station that is on line and accepted, nothing said yet; with `online=False` it has never had a connection."""


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    """`talk()` is a booted station on line and accepted, its past forgotten; `talk(online=False)` one that just started."""

    def begin(*, online: bool = True, **settings: str | int) -> Conversation:
        conversation = Conversation(configuration(tmp_path, **settings))  # type: ignore[arg-type]  # str | int per keyword
        if online:
            conversation.connect()
            conversation.pass_time(5)
            assert not conversation.in_flight
            conversation.forget()
        return conversation

    return begin


@pytest.fixture
def conversation(talk: Talk) -> Conversation:
    """One connector, on line, accepted, available; nothing said yet."""
    return talk()


