"""How often the controller looks at what does not speak by itself. A test of a long day may look less often."""

import msgspec


class Pace(msgspec.Struct, frozen=True):
    """Seconds between two looks."""

    poll_idle_s: float = 1.0
    """Between two readings of a meter through which nothing flows."""
    poll_charging_s: float = 0.5
    registers_every_s: float = 0.5
    """Between two times that the registers of simulated meters are stored; a second at most (`contract.md` section 3)."""


NORMAL = Pace()
