"""The simulated car: a resistor, a diode and a habit.

With `auto` it behaves as `contract.md` section 3 says: asks for power `request_after_s` after an offer, draws what it may,
lets go 0.3 s after the pilot went steady, and asks again after the next offer. A car forced to a state ignores the pilot.
"""

LETS_GO_AFTER_S = 0.3
FOLLOWS_WITHIN_S = 0.5
"""How long the car takes to follow another offer; 5 s are allowed (IEC 61851-1), 1 s is promised."""


class Car:
    """One car at one outlet."""

    __slots__ = ("_asks_at_s", "_draws_a", "_follows_at_s", "_lets_go_at_s", "auto", "current_a", "offered_a", "phases",
                 "request_after_s", "state")

    def __init__(self, *, auto: bool = True, request_after_s: float = 1.0, current_a: float = 32.0, phases: int = 3) -> None:
        self.auto = auto
        self.request_after_s = request_after_s
        self.current_a = current_a
        self.phases = phases
        self.state = "B"
        self.offered_a = 0.0
        self._draws_a = 0.0
        self._asks_at_s: float | None = None
        self._lets_go_at_s: float | None = None
        self._follows_at_s: float | None = None

    @property
    def asks(self) -> bool:
        """S2 is closed."""
        return self.state in ("C", "D")

    @property
    def draws_a(self) -> float:
        """What flows per phase once the contactor is closed; a forced car goes on with what it was last offered."""
        return min(self._draws_a, self.current_a)

    def sees(self, offered_a: float, now_s: float) -> None:
        """The pilot changed: 0 for steady, state F or nothing, else the current that the duty cycle allows."""
        if offered_a == self.offered_a:
            return
        began, ended = offered_a > 0 and self.offered_a == 0, offered_a == 0
        self.offered_a = offered_a
        if self.auto and began:
            self._lets_go_at_s = None
            self._asks_at_s = now_s + self.request_after_s if not self.asks else None
        elif self.auto and ended:
            self._asks_at_s = None
            self._lets_go_at_s = now_s + LETS_GO_AFTER_S if self.asks else None
        if offered_a > 0:
            if self.asks and self._draws_a > 0:
                if self._follows_at_s is None:  # a row of changes does not put it off
                    self._follows_at_s = now_s + FOLLOWS_WITHIN_S
            else:
                self._draws_a = offered_a

    def lets_go(self, now_s: float) -> None:
        """Something is wrong at the station (a contact that does not open): open S2 and stay away."""
        if self.auto and self.asks:
            self._lets_go_at_s = now_s + LETS_GO_AFTER_S
            self._asks_at_s = None

    def force(self, state: str) -> None:
        """From now on this state, whatever the pilot says."""
        self.auto = False
        self.state = state
        self._asks_at_s = self._lets_go_at_s = None
        if self._draws_a == 0:
            self._draws_a = self.current_a

    def next_s(self) -> float | None:
        """When it will do something by itself."""
        plans = [at_s for at_s in (self._asks_at_s, self._lets_go_at_s, self._follows_at_s) if at_s is not None]
        return min(plans, default=None)

    def act(self, now_s: float) -> None:
        """Do what has fallen due."""
        if self._asks_at_s is not None and now_s >= self._asks_at_s:
            self._asks_at_s = None
            self.state, self._draws_a = "C", self.offered_a
        if self._lets_go_at_s is not None and now_s >= self._lets_go_at_s:
            self._lets_go_at_s = None
            self.state = "B"
        if self._follows_at_s is not None and now_s >= self._follows_at_s:
            self._follows_at_s = None
            if self.offered_a > 0:
                self._draws_a = self.offered_a
