"""The demo is a check as well: whatever does not happen is named, and the last line says FAIL (`contract.md` section 1)."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli.demo_narrator import Narrator
from controller.cli.demo_story import Story
from controller.csms.embedded import EmbeddedCentralSystem

PATIENCE_S = 1.0
"""Real time: the demo plays on real sockets. What is missing need not be waited for as long as in a real run."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> Iterator[None]:
    """Give up soon, and leave the log as it was."""
    until = Story._until

    async def soon(self: Story, what: str, happened: Callable[[], bool], within_s: float = 8.0) -> None:
        await until(self, what, happened, PATIENCE_S)

    monkeypatch.setattr(Story, "_until", soon)
    level = logging.getLogger("evcp").level
    yield
    logging.getLogger("evcp").setLevel(level)


def misbehaving(monkeypatch, action: str, payload: dict[str, Any]) -> None:
    """A central system that answers this action so."""
    answer = EmbeddedCentralSystem._answer

    def wrong(self: EmbeddedCentralSystem, asked: str) -> dict[str, Any]:
        return payload if asked == action else answer(self, asked)

    monkeypatch.setattr(EmbeddedCentralSystem, "_answer", wrong)


@pytest.mark.parametrize(("action", "payload", "missing"), [
    ("BootNotification", {"status": "Rejected", "currentTime": "2026-01-01T00:00:00Z", "interval": 300},
     "boot and status of both connectors"),
    ("Authorize", {"idTagInfo": {"status": "Blocked"}}, "StartTransaction"),
], ids=["boot rejected", "card blocked"])
def test_what_was_not_seen_is_listed_and_the_last_line_is_fail(monkeypatch, capsys, action, payload, missing):
    """Exit 1, a line per missing thing, nothing else after FAIL."""
    misbehaving(monkeypatch, action, payload)
    assert main(["demo"]) == 1
    *told, last = capsys.readouterr().out.splitlines()
    assert last.startswith("FAIL")
    listed = [line for line in told if line.startswith("missing: ")]
    assert f"missing: {missing}" in listed
    assert "missing: exactly one StartTransaction and one StopTransaction" in listed
    assert last == f"FAIL: {len(listed)} expected things were not seen"


def test_a_demo_that_breaks_says_fail_instead_of_a_traceback(monkeypatch, capsys):
    """An error nobody thought of, a port that cannot be had: FAIL with its words, exit 1."""
    async def refuse(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(EmbeddedCentralSystem, "start", refuse)
    assert main(["demo"]) == 1
    *told, last = capsys.readouterr().out.splitlines()
    assert last.startswith("FAIL")
    assert any("Address already in use" in line for line in told)


def test_a_daemon_that_fails_under_the_demo_is_named():
    """The daemon's own error is among what is missing."""
    story = Story(Narrator())

    async def broken(*_: object) -> None:
        raise RuntimeError("meter on fire")

    async def play() -> list[str]:
        async def acts() -> None:
            story._stage.app.pump.run = broken
            await asyncio.sleep(0.1)

        story._acts = acts
        return await story.play()

    assert any("meter on fire" in missing for missing in asyncio.run(play()))
