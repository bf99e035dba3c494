"""A pilot line to play with: volts in, the believed state of the vehicle out."""

from controller.guard.messages import Pilot
from controller.guard.pilot import PilotWatch
from drivers.protocols import PilotSample

A, B, C, D, E, F, UNKNOWN = Pilot.A, Pilot.B, Pilot.C, Pilot.D, Pilot.E, Pilot.F, Pilot.UNKNOWN
LEVEL_V = {A: 12.0, B: 9.0, C: 6.0, D: 3.0, E: 0.0, F: -12.0}


class Line:
    """A pilot line that is sampled every 10 ms; time begins at 0."""

    def __init__(self, state: Pilot | None = None, *, pwm: bool = True, ventilation: bool = False) -> None:
        self.watch = PilotWatch(ventilation=ventilation)
        self.pwm = pwm
        self.tick = 0
        if state is not None:
            self.show(state, 0.6)
            assert self.watch.state is state

    @property
    def now_s(self) -> float:
        return self.tick / 100

    def sample(self, high_v: float | None, low_v: float | None, *, at_s: float | None = None) -> Pilot:
        """One sample, 10 ms after the last; the state that now stands."""
        self.tick += 1
        taken_s = self.now_s if at_s is None else at_s
        self.watch.look(PilotSample(taken_s, high_v, low_v), pwm=self.pwm, now_s=self.now_s)
        return self.watch.state

    def one(self, state: Pilot) -> Pilot:
        """A clean sample of a car in this state."""
        return self.sample(LEVEL_V[state], -12.0 if self.pwm else None)

    def show(self, state: Pilot, seconds: float) -> None:
        """Clean samples for a while."""
        for _ in range(round(seconds * 100)):
            self.one(state)

    def until(self, state: Pilot, *, instead: Pilot) -> int:
        """Clean samples until the state is believed; how many that took."""
        for count in range(1, 1000):
            believed = self.one(state)
            if believed is state:
                return count
            assert believed is instead
            assert self.watch.undecided
        raise AssertionError(f"{state} is never believed")

    def nothing(self, times: int = 1) -> None:
        """The converter does not answer."""
        for _ in range(times):
            self.tick += 1
            self.watch.look(None, pwm=self.pwm, now_s=self.now_s)
