"""PN532 card readers through pn532pi, with the work-arounds that make it dependable (hardware-drivers.md section 6).

`transports.py` mends the library's three interfaces, `card.py` makes idTags of UIDs, `reader.py` polls and reports.
"""

from drivers.rfid.pn532.reader import ALLOWED, Options, check, fixed_pins, reader

__all__ = ["ALLOWED", "Options", "check", "fixed_pins", "reader"]
