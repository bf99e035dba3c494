"""`python3 dev.py virtual-pi`: the whole story on the virtual Pi. Exit 0 if all of it was seen, 1 if not, 3 if it cannot run here."""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from controller.csms.embedded import CALL, EmbeddedCentralSystem
from tests.virtual_pi.image import ROOT, Image, Impossible
from tests.virtual_pi.machine import BOOT_WITHIN_S, Machine, folder_for

CARD = "04A1B2C3"
LINE_LOW_WITHIN_S = 0.5
"""F-SAFEKILL: a killed guard's contactor line is low so soon."""


class CentralSystem:
    """The embedded central system in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._csms = EmbeddedCentralSystem()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._csms.start(), self._loop).result(10)
        self.port = self._csms.port

    def calls(self, action: str) -> list[dict[str, Any]]:
        """Everything received of one action, in order."""
        return [f.payload for f in list(self._csms.frames) if f.kind == CALL and f.action == action and not f.outward]

    def statuses(self) -> list[str]:
        """Statuses of connector 1, in order."""
        return [str(p["status"]) for p in self.calls("StatusNotification") if p["connectorId"] == 1]


class Story:
    """Boot, session, power cut, recovery, killed guard."""

    def __init__(self, machine: Machine, csms: CentralSystem) -> None:
        self._machine, self._csms = machine, csms
        self._began_s = time.monotonic()

    def say(self, text: str) -> None:
        """One line with the time."""
        print(f"{time.monotonic() - self._began_s:6.1f} s  {text}", flush=True)

    def _until(self, what: str, happened: Callable[[], Any], within_s: float = 60.0) -> Any:
        value = self._machine.until(what, happened, within_s)
        self.say(what)
        return value

    def _state(self) -> dict[str, Any]:
        return dict(self._machine.board("/state"))

    def boot(self, number: int) -> None:
        """Switch on; the central system hears of it, and the contactor line is low."""
        self.say("power on")
        self._machine.boot()
        self._until("BootNotification", lambda: len(self._csms.calls("BootNotification")) >= number, BOOT_WITHIN_S)
        self._until("the API answers", lambda: self._machine.daemon("/api/v1/status")["online"])
        assert not self._state()["coil"], "the contactor line is high after the boot"

    def session(self) -> None:
        """A car, a card, and current through the relay on the gpiochip."""
        before = len(self._csms.calls("StartTransaction"))
        self._machine.daemon("/sim/v1/plug", {"connector": 1})
        self._until("Preparing", lambda: self._csms.statuses()[-1] in ("Preparing", "Finishing"))
        self._machine.board("/card", {"uid": CARD})
        self._until("StartTransaction", lambda: len(self._csms.calls("StartTransaction")) > before)
        self._machine.board("/card", {})
        assert self._csms.calls("StartTransaction")[-1]["idTag"] == CARD
        self._until("the contactor line is high and its contact closed", lambda: self._state()["closed"])
        self._until("Charging", lambda: self._csms.statuses()[-1] == "Charging")
        samples = len(self._csms.calls("MeterValues"))
        self._until("MeterValues", lambda: len(self._csms.calls("MeterValues")) >= samples + 2)
        edges = self._state()["keep_alive_edges"]
        self._until("keep-alive edges", lambda: self._state()["keep_alive_edges"] > edges + 20)

    def power_cut(self) -> None:
        """In the middle of the session; the next boot tells the truth about it, once."""
        energy_wh = self._state()["energy_wh"]
        self._machine.cut_power()
        self.say(f"the power is cut at {energy_wh:.0f} Wh")
        boots = len(self._csms.calls("BootNotification"))
        self.boot(boots + 1)
        self._until("StopTransaction", lambda: len(self._csms.calls("StopTransaction")) == 1)
        (stop,), start = self._csms.calls("StopTransaction"), self._csms.calls("StartTransaction")[-1]
        assert stop["reason"] == "PowerLoss", stop
        assert stop["meterStop"] >= start["meterStart"], (start, stop)
        self.say(f"reason PowerLoss, {stop['meterStop'] - start['meterStart']} Wh")

    def killed_guard(self) -> None:
        """SIGKILL to the guard under load: the line drops, the daemon tells, and charging is possible again."""
        self.session()
        killed_s = self._machine.board("/kill-guard", {})["killed_s"]
        self._until("the contactor line is low", lambda: not self._state()["coil"])
        low_s = next(at_s for at_s, level in self._state()["edges"] if at_s >= killed_s and not level)
        self.say(f"line low {(low_s - killed_s) * 1000:.0f} ms after the kill")
        assert low_s - killed_s <= LINE_LOW_WITHIN_S, f"{low_s - killed_s:.3f} s"
        self._until("the daemon sees a guard again", lambda: self._machine.daemon("/api/v1/status")["connectors"][0]["pilot"] is not None)

    def play(self) -> None:
        """All of it."""
        self.boot(1)
        self.session()
        self.power_cut()
        self.killed_guard()


def main() -> int:
    """Make the image, play the story."""
    parser = argparse.ArgumentParser(prog="dev.py virtual-pi", description="a session on real kernel interfaces, under qemu")
    parser.add_argument("--cache", metavar="DIR", help="where kernel and disk are kept (default: .virtual-pi in the repository)")
    arguments = parser.parse_args()
    image = Image(folder_for(arguments.cache, ROOT))
    machine: Machine | None = None
    try:
        csms = CentralSystem()
        image.make(central_system_port=csms.port)
        machine = Machine(image)
        Story(machine, csms).play()
    except Impossible as error:
        print(f"virtual Pi: impossible here: {error}", file=sys.stderr)
        return 3
    except AssertionError as error:
        print(f"FAIL: {error}")
        return 1
    finally:
        if machine is not None:
            machine.cut_power()
    print("OK: everything expected was seen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
