"""What the status LED and the buzzer say: one row per meaning. Pure; `docs/reference/signals.md` is made from it."""

from typing import NamedTuple


class Pattern(NamedTuple):
    """A colour and a rhythm: on and off times in seconds, repeated; no off time: steady."""

    colour: tuple[int, int, int]
    """Red, green, blue: 0 or 1 each. A plain LED is on when any of them is."""
    rhythm_s: tuple[float, ...]
    meaning: str


RED, GREEN, BLUE, YELLOW, CYAN, WHITE, DARK = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 1, 1), (0, 0, 0)
PATTERNS: dict[str, Pattern] = {
    "Available": Pattern(GREEN, (), "free: plug in or show a card"),
    "Preparing": Pattern(BLUE, (0.5, 0.5), "waiting: for a card, or for the plug"),
    "Charging": Pattern(BLUE, (1.5, 0.5), "energy flows"),
    "SuspendedEV": Pattern(BLUE, (), "ready; the car does not ask"),
    "SuspendedEVSE": Pattern(CYAN, (0.2, 1.8), "no power to give now; it goes on by itself"),
    "Finishing": Pattern(WHITE, (0.5, 0.5), "finished: please unplug"),
    "Reserved": Pattern(YELLOW, (), "reserved for somebody"),
    "Unavailable": Pattern(YELLOW, (0.2, 1.8), "out of service"),
    "Faulted": Pattern(RED, (0.2, 0.2), "a fault: see the display or evcp status"),
    "Dark": Pattern(DARK, (), "the daemon does not run"),
}
BEEPS: dict[str, tuple[float, ...]] = {
    "accepted": (0.1,), "refused": (0.1, 0.1, 0.1, 0.1, 0.4), "presented": (0.03,),
}
"""Buzzer: on, off, on ... in seconds."""


def lit(pattern: Pattern, at_s: float) -> bool:
    """Whether the lamp is on at this point of its rhythm."""
    if not pattern.rhythm_s:
        return any(pattern.colour)
    rest_s = at_s % sum(pattern.rhythm_s)
    for index, length_s in enumerate(pattern.rhythm_s):
        if rest_s < length_s:
            return index % 2 == 0 and any(pattern.colour)
        rest_s -= length_s
    return False
