"""evcp's brain: guard, station, wire, store and the shells around them.

`guard` keeps people safe and knows nothing of OCPP. `station` and `ocpp` are pure: no clock, socket,
database or await. `store`, `shell` and `cli` touch the world. `app` alone knows everybody.
Must never be imported by `drivers`.
"""

__version__ = "0.1.0"
