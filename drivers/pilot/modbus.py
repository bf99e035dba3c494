"""Control-pilot controllers over Modbus RTU: the board drives and measures the pilot, we tell it the current.

SimpleEVSE (EVSE-DIN, EVSE-WB) and Phoenix EV-CC boards. A board answers in 50 ms where the guard has 2, so a thread talks to
it and the guard reads what it last said; an answer older than 60 ms is no measurement for a pilot of our own, but such a
board opens its own relay on its own measurements, so here its newest answer counts for `answer_valid_s`.
The board must be set to 0 A at power-on: else a dead Pi leaves it charging (hardware-drivers.md section 7).
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from drivers.errors import Disconnected, DriverError, Misconfigured
from drivers.protocols import PilotSample
from drivers.registry import Context

LEVELS_V: dict[str, float] = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0, "F": -12.0}
EVERY_S = 0.1
BOARDS_WANT_S = 0.1
"""These boards want so much silence before each request."""
SIMPLE_EVSE_STATES = {1: "A", 2: "B", 3: "C", 4: "D", 5: "E"}
ALLOWED = {
    "board": '"simple_evse" or "phoenix_ev_cc"', "port": 'a serial port, e.g. "/dev/evcp-pilot"',
    "address": "a whole number, 1 to 247", "baud_rate": "1200 to 115200", "answer_valid_s": "0.2 to 3",
}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    board: Literal["simple_evse", "phoenix_ev_cc"]
    port: str
    address: int = 1
    baud_rate: int = 9600
    answer_valid_s: float = 1.0


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    if not options.port:
        raise Misconfigured("port", f"is empty; allowed: {ALLOWED['port']}")
    for name, lowest, highest in (("address", 1, 247), ("baud_rate", 1200, 115_200), ("answer_valid_s", 0.2, 3.0)):
        value = getattr(options, name)
        if not lowest <= value <= highest:
            raise Misconfigured(name, f"{value} is out of range; allowed: {ALLOWED[name]}")


def amperes(duty: float) -> float:
    """What a duty cycle offers, for a board that takes amperes: 0 for steady levels (iec61851.md 3.1)."""
    if not 0.08 <= duty <= 0.97:
        return 0.0
    return max(6.0, duty * 60) if duty <= 0.85 else min(80.0, (duty * 100 - 64) * 2.5)


class SimpleEvse:
    """Holding registers: 1000 current, 1002 vehicle state."""

    def __init__(self, instrument: Any) -> None:
        self._instrument = instrument

    def offer(self, current_a: float) -> None:
        """Whole amperes, rounded down; 0 is off."""
        self._instrument.write_register(1000, int(current_a), 0, 6)

    def state(self) -> str:
        """A to E; the board's own failure is E."""
        return SIMPLE_EVSE_STATES.get(int(self._instrument.read_register(1002, 0, 3)), "E")


class PhoenixEvCc:
    """Coil 20000 enable, holding 22000 current, input 24000 the state as a letter in the high byte."""

    def __init__(self, instrument: Any) -> None:
        self._instrument = instrument

    def offer(self, current_a: float) -> None:
        """Current first, then leave; below 6 A only the coil goes off."""
        if current_a >= 6:
            self._instrument.write_register(22_000, int(current_a), 0, 6)
        self._instrument.write_bit(20_000, int(current_a >= 6))

    def state(self) -> str:
        """A to F."""
        letter = chr(int(self._instrument.read_register(24_000, 0, 4)) >> 8 & 0x7F)
        return letter if letter in LEVELS_V else "E"


BOARDS: dict[str, type[SimpleEvse | PhoenixEvCc]] = {"simple_evse": SimpleEvse, "phoenix_ev_cc": PhoenixEvCc}


def open_instrument(options: Options) -> Any:
    """The board behind minimalmodbus, its port opened exclusively. Raises Disconnected."""
    import minimalmodbus
    import serial

    try:
        port = serial.Serial(options.port, baudrate=options.baud_rate, timeout=0.3, exclusive=True)
    except (OSError, ValueError) as error:
        raise Disconnected(f"{options.port} cannot be opened: {error}") from error
    return minimalmodbus.Instrument(port, options.address)


class ModbusPilot:
    """What the guard sees of such a board."""

    def __init__(self, options: Options, *, opener: Callable[[Options], Any] = open_instrument,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._options, self._opener, self._clock = options, opener, clock
        self._board: SimpleEvse | PhoenixEvCc | None = None
        self._instrument: Any = None
        self._wish_a = 0.0
        self._told_a: float | None = None
        self._answer: tuple[float, str] | None = None
        self._failure = "has not answered yet"
        self._wake = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None

    def set_x1(self) -> None:
        """Offer nothing."""
        self._wish(0.0)

    def set_pwm(self, duty: float) -> None:
        """Offer what this duty cycle offers."""
        self._wish(amperes(duty))

    def set_f(self) -> None:
        """Offer nothing: such a board shows state F by itself."""
        self._wish(0.0)

    def _wish(self, current_a: float) -> None:
        self._wish_a = current_a
        self._wake.set()
        self._begin()

    def read(self) -> PilotSample:
        """The vehicle's state as the board sees it, in the volts that stand for it; its diode check is the board's own.

        Raises Disconnected when the board's last answer is too old.
        """
        self._begin()
        answer, now_s = self._answer, self._clock()
        if answer is None or now_s - answer[0] > self._options.answer_valid_s:
            raise Disconnected(f"{self._options.board} at address {self._options.address} on {self._options.port}: {self._failure}")
        return PilotSample(now_s, LEVELS_V[answer[1]], -12.0 if self._told_a else None)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="evcp-pilot", daemon=True)
            self._thread.start()

    # -- in the thread -----------------------------------------------------------------------------------------------

    def exchange(self) -> None:
        """Tell the board what it should offer, if that is new, and ask for the vehicle's state."""
        try:
            board = self._opened()
            wish_a = self._wish_a
            if wish_a != self._told_a:
                board.offer(wish_a)
                self._told_a = wish_a
            self._answer = (self._clock(), board.state())
        except (OSError, DriverError, ValueError) as error:
            self._failure = str(error).split(" The response is")[0]
            self._drop()

    def _opened(self) -> SimpleEvse | PhoenixEvCc:
        board = self._board
        if board is None:
            self._instrument = self._opener(self._options)
            board = self._board = BOARDS[self._options.board](self._instrument)
        return board

    def _drop(self) -> None:
        """The next exchange opens the port anew and tells the current again."""
        instrument, self._instrument, self._board, self._told_a = self._instrument, None, None, None
        if instrument is not None:
            instrument.serial.close()

    def _run(self) -> None:
        while not self._ending:
            self.exchange()
            self._wake.wait(EVERY_S)
            self._wake.clear()
            time.sleep(BOARDS_WANT_S)

    def close(self) -> None:
        """Have the board offer nothing, then let go of it."""
        self._wish_a = 0.0
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2.0)
        self.exchange()
        self._drop()


def pilot(options: Options, _context: Context) -> ModbusPilot:
    """The driver."""
    check(options)
    return ModbusPilot(options)
