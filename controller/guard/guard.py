"""The guard: one cycle of every connector after the other, and the link to the controller.

Called every 10 ms, in a process of its own or not.
"""

import math
from collections.abc import Sequence

from controller.guard.cycle import Channel
from controller.guard.link import GuardEnd
from controller.guard.messages import Report

TICK_S = 0.010
LATE_S = 0.020
TOO_LATE_S = 0.060
REPORT_EVERY_S = 0.5


class Guard:
    """All connectors, and the link to the controller."""

    def __init__(self, channels: Sequence[Channel], end: GuardEnd, *, count_late_only: bool = False) -> None:
        self._channels = {channel.limits.connector_id: channel for channel in channels}
        self._end = end
        self._count_late_only = count_late_only
        self._told: dict[int, tuple[Report, float]] = {}
        """The last report of each connector, and when it was sent."""
        self.late_ticks = 0

    def step(self, now_s: float, *, expected_s: float | None = None) -> None:
        """One cycle; `expected_s` is when it should have been."""
        late_s = 0.0 if expected_s is None else now_s - expected_s
        if late_s > LATE_S:
            self.late_ticks += 1
        for message in self._end.receive():
            channel = self._channels.get(message.connector_id)
            if channel is not None:
                channel.hear(message, now_s)
        too_late = late_s > TOO_LATE_S and not self._count_late_only
        for channel in self._channels.values():
            channel.step(now_s, too_late=too_late)
            self._report(channel, now_s)
        for channel in self._channels.values():
            channel.kick()

    def _report(self, channel: Channel, now_s: float) -> None:
        connector_id = channel.limits.connector_id
        report = channel.report(self.late_ticks)
        told = self._told.get(connector_id)
        if told is None or report != told[0] or now_s - told[1] >= REPORT_EVERY_S:
            self._told[connector_id] = report, now_s
            self._end.send(report)

    def restless(self, now_s: float) -> bool:
        """Some connector times something: the next cycle must come in 10 ms, also in virtual time."""
        return any(channel.restless(now_s) for channel in self._channels.values())

    def next_expiry_s(self) -> float:
        """When the first offer runs out."""
        return min((channel.offer_until_s for channel in self._channels.values()), default=math.inf)

    def withdraw(self) -> None:
        """Offer nothing any more: a controlled stop on every connector."""
        for channel in self._channels.values():
            channel.withdraw()

    @property
    def energised(self) -> bool:
        """Some coil is on."""
        return any(channel.energised for channel in self._channels.values())

    @property
    def orphaned(self) -> bool:
        """The controller is gone for good."""
        return self._end.closed

    def close(self) -> None:
        """Everything off."""
        for channel in self._channels.values():
            channel.close()
