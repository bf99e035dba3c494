"""Tells the service manager that we are ready and alive, over its socket; does nothing where there is none."""

import os
import socket


class ServiceManager:
    """The other end of `sd_notify`."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(watchdog_us) / 1e6 if watchdog_us.isdigit() else 0.0
        """How often at least it wants to hear of us; 0 when it does not watch."""

    def tell(self, state: str) -> None:
        """Send a state such as `READY=1`."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            try:
                notify.sendto(state.encode(), address)
            except OSError:
                self._address = ""  # nobody listens any more
