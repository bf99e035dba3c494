"""Renews the current offers towards the guard, every second, as long as the pump is alive.

The guard lets an offer run out that is not renewed: so a controller that crashes, hangs or loses its mind stops charging.
A disk that stalls is no such thing; the pump may wait for it a while.
"""

import asyncio

from controller.clock import Clock
from controller.guard.messages import Offer, ToGuard, Withdraw
from controller.shell.guard_link import GuardLink
from controller.shell.pump import Pump

RENEW_EVERY_S = 1.0
PUMP_PATIENCE_S = 60.0


class Offers:
    """What is offered on each connector now."""

    def __init__(self, link: GuardLink, clock: Clock, *, valid_for_s: float) -> None:
        self._link = link
        self._clock = clock
        self._valid_for_s = valid_for_s
        self._offered: dict[int, tuple[float, int]] = {}
        """Amperes and phases."""

    def current_a(self, connector_id: int) -> float | None:
        """What is offered; None for nothing."""
        offered = self._offered.get(connector_id)
        return None if offered is None else offered[0]

    def offer(self, connector_id: int, max_current_a: float, phases: int = 3) -> None:
        """Offer this from now on."""
        self._offered[connector_id] = max_current_a, phases
        self._tell(Offer(connector_id, max_current_a, self._valid_for_s, phases))

    def withdraw(self, connector_id: int) -> None:
        """Offer nothing more."""
        self._offered.pop(connector_id, None)
        self._tell(Withdraw(connector_id))

    def withdraw_all(self) -> None:
        """The process ends: every offer does too."""
        for connector_id in list(self._offered):
            self.withdraw(connector_id)

    def _tell(self, message: ToGuard) -> None:
        self._link.send(message)

    async def run(self, pump: Pump) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            if self._clock.now().monotonic_s - pump.turned_s > PUMP_PATIENCE_S:
                continue
            for connector_id, (amperes, phases) in self._offered.items():
                self._tell(Offer(connector_id, amperes, self._valid_for_s, phases))
