"""Tells the service manager that we are ready and alive, over its socket; does nothing where there is none.

Used by both halves: the controller's loop kicks the watchdog, and so does every completed cycle of the guard. Never waits.
"""

import os
import socket


class ServiceManager:
    """The other end of `sd_notify`."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")
        meant = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.watchdog_s = int(watchdog_us) / 1e6 if watchdog_us.isdigit() and meant else 0.0
        """How often at least it wants to hear of us; 0 when it does not watch, or watches another process."""

    def tell(self, state: str) -> None:
        """Send a state such as `READY=1`; one that the manager does not take at once is lost, and the next comes soon."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.setblocking(False)
            try:
                notify.sendto(state.encode(), address)
            except BlockingIOError:
                return
            except OSError:
                self._address = ""  # nobody listens any more
