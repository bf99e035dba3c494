"""The values of the configuration keys, and the rules by which the central system may change them (CFG-*)."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from controller.ocpp.messages import KeyValue
from controller.ocpp.types import ConfigurationStatus
from controller.records import PutSetting, Record
from controller.station.keys import Access, Key

HIGHEST_PROFILE_NOW = 1
"""Profiles 2 and 3 need certificates, which this program does not manage yet: SEC-3 makes their change Rejected."""


class Change(msgspec.Struct, frozen=True):
    """What a ChangeConfiguration would do: its status, the exact name of the key, and the value in its normal form."""

    status: ConfigurationStatus
    name: str
    value: str = ""


class Settings:
    """Current values: stored ones first, then the `[ocpp]` table's, then the defaults of the rows."""

    def __init__(self, keys: Mapping[str, Key], first: Mapping[str, str], stored: Mapping[str, str]) -> None:
        self._keys = keys
        self._exact = {name.lower(): name for name in keys}
        self._values = {name: row.default for name, row in keys.items()}
        self._values |= {name: value for name, value in first.items() if name in keys}
        self._all: list[KeyValue] | None = None
        """The whole list as GetConfiguration shows it, until a value changes."""
        for name, value in stored.items():
            if name in keys and keys[name].access is not Access.R and _holds(keys[name], value):
                self._values[name] = value

    # -- reading -----------------------------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """The value as it is; "" for a key that this charge point does not have."""
        return self._values.get(name, "")

    def integer(self, name: str) -> int:
        """The value of an integer key."""
        return int(self._values[name])

    def boolean(self, name: str) -> bool:
        """The value of a boolean key."""
        return self._values[name] == "true"

    def csl(self, name: str) -> list[str]:
        """The items of a list key."""
        return [item.strip() for item in self._values[name].split(",") if item.strip()]

    def listing(self, requested: Sequence[str] | None) -> tuple[list[KeyValue], list[str]]:
        """Known and unknown keys for GetConfiguration, in the order asked; none named means all (CFG-1, CFG-3)."""
        if not requested:
            if self._all is None:
                self._all = [self._shown(row) for row in self._keys.values() if row.access is not Access.W]
            return self._all, []
        known, unknown = [], []
        for wanted in requested:
            name = self._exact.get(wanted.lower())
            if name is None:
                unknown.append(wanted)
            else:
                known.append(self._shown(self._keys[name]))
        return known, unknown

    def _shown(self, row: Key) -> KeyValue:
        value = "" if row.access is Access.W else self._values[row.name]
        return KeyValue(key=row.name, readonly=row.access is Access.R, value=value[:500])

    def rows(self) -> list[tuple[Key, str | None]]:
        """Every key with its value, for a person at the charge point; None where nobody may read it (SEC-10)."""
        return [(row, None if row.access is Access.W else self._values[name]) for name, row in self._keys.items()]

    def warnings(self) -> list[str]:
        """Values that are allowed but make no sense together."""
        ping_s = self.integer("WebSocketPingInterval")
        patience_s = self.integer("TransactionMessageAttempts") * self.integer("TransactionMessageRetryInterval")
        if ping_s == 0:
            return ["WebSocketPingInterval is 0: a dead connection is noticed only by time-outs (WS-12)"]
        if patience_s and ping_s >= patience_s:
            return [f"WebSocketPingInterval {ping_s} s is not below TransactionMessageAttempts x RetryInterval (WS-12)"]
        return []

    # -- changing ----------------------------------------------------------------------------------------------------

    def change(self, key: str, value: str) -> Change:
        """Judge a ChangeConfiguration; nothing changes until `apply` (CFG-5)."""
        name = self._exact.get(key.lower())
        if name is None:
            return Change(ConfigurationStatus.NotSupported, key)
        row = self._keys[name]
        rejected = Change(ConfigurationStatus.Rejected, name)
        if row.access is Access.R:
            return rejected
        try:
            normal = row.check(value)
        except ValueError:
            return rejected
        if name == "SecurityProfile" and not self._may_raise(int(normal)):
            return rejected
        if row.kind == "CSL" and not self._fits(name, normal):
            return rejected
        return Change(ConfigurationStatus.Accepted, name, normal)

    def _fits(self, name: str, value: str) -> bool:
        """A list may have as many items as its MaxLength key says, which the `[ocpp]` table may have lowered (MTR-10)."""
        limit = self._values.get(f"{name}MaxLength")
        return limit is None or len(value.split(",")) <= int(limit)

    def _may_raise(self, profile: int) -> bool:
        """Never lowered over OCPP, and only with its prerequisites (SEC-2, SEC-3)."""
        upwards = self.integer("SecurityProfile") < profile <= HIGHEST_PROFILE_NOW
        return upwards and bool(self.text("AuthorizationKey"))

    def apply(self, change: Change) -> None:
        """Take an accepted change."""
        self._values[change.name] = change.value
        self._all = None

    def overwrite(self, name: str, value: str, remember: Callable[[Record], None]) -> None:
        """Take a value that the protocol itself brings (the heartbeat interval), and store it if it is new."""
        if self._values[name] != value:
            self._values[name] = value
            self._all = None
            remember(PutSetting(name, value))


def _holds(row: Key, value: str) -> bool:
    """A stored value is used only if it is still allowed; the table may have changed with an update."""
    try:
        row.check(value)
    except ValueError:
        return False
    return True
