"""The whole session with every real driver: it is the session of the simulated one, frame by frame."""

import asyncio

from controller.cli.demo_narrator import Narrator
from controller.cli.demo_story import Story

CHANGING = {"timestamp", "currentTime", "value", "meterStart", "meterStop"}
"""What may differ from run to run: times, and the energy that flowed."""


class Silent(Narrator):
    """Keeps what it is told to itself."""

    def _show(self, who, line):
        """Nothing."""


def shape(payload):
    """A payload without what changes from run to run."""
    if isinstance(payload, dict):
        return {name: shape(value) for name, value in payload.items() if name not in CHANGING}
    if isinstance(payload, list):
        return [shape(item) for item in payload]
    return payload


def conversation(story):
    """Every frame but the samples, whose number depends on the second in which the network came back."""
    return [(f.outward, f.kind, f.action, shape({k: v for k, v in f.payload.items() if k != "transactionData"}))
            for f in story.frames if f.action != "MeterValues"]


def samples(story):
    """The shape of every sample."""
    return {repr(shape(f.payload)) for f in story.frames if f.action == "MeterValues" and f.kind == 2}


def test_a_session_over_real_drivers_gives_the_frames_of_the_simulated_one():
    """Kernel PWM, converter, relays, meter and reader on the wire change nothing that the central system sees."""

    async def both():
        simulated, wired = Story(Silent()), Story(Silent(), wired=True)
        return simulated, wired, await asyncio.gather(simulated.play(), wired.play())

    simulated, wired, missing = asyncio.run(both())
    assert missing == [[], []]
    assert conversation(wired) == conversation(simulated)
    assert samples(wired) == samples(simulated)
