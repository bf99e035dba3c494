"""Facts that follow from events within a step; features tell each other by these."""

from typing import TypeAlias

import msgspec

from controller.ocpp.messages import IdTagInfo
from controller.ocpp.types import RegistrationStatus


class RegistrationChanged(msgspec.Struct, frozen=True):
    """BootNotification was answered."""

    status: RegistrationStatus


class Plugged(msgspec.Struct, frozen=True):
    """A car was plugged in."""

    connector_id: int


class Unplugged(msgspec.Struct, frozen=True):
    """The car is gone."""

    connector_id: int


class FaultsChanged(msgspec.Struct, frozen=True):
    """The set of standing faults of a connector is another one."""

    connector_id: int


class TransactionStarted(msgspec.Struct, frozen=True):
    """Authorised and connected, and the start is on its way to the disk; or found open at a start, and going on."""

    connector_id: int
    resumed: bool = False


class TransactionEnding(msgspec.Struct, frozen=True):
    """The final meter value is known; StopTransaction is about to be written."""

    connector_id: int


class TransactionEnded(msgspec.Struct, frozen=True):
    """StopTransaction is written."""

    connector_id: int


class IdTagInfoReceived(msgspec.Struct, frozen=True):
    """The central system gave its verdict on an idTag, in whichever message (CACHE-2)."""

    id_tag: str
    id_tag_info: IdTagInfo
    answered: str
    """The action of the message whose answer brought it."""


class ListContradicted(msgspec.Struct, frozen=True):
    """The central system's verdict on a tag is not what the Local Authorization List says of it (LIST-9)."""

    id_tag: str
    listed: str
    """The status in the list."""


class ResetFailed(msgspec.Struct, frozen=True):
    """A reset was given up: the charge point goes on as it is (RST-5)."""


class LocalListChanged(msgspec.Struct, frozen=True):
    """The Local Authorization List was sent anew or amended, or is used again."""


class StartAnswered(msgspec.Struct, frozen=True):
    """StartTransaction was answered for good: `transaction_id` and verdict, or None when it was given up (TXN-21)."""

    local_id: str
    transaction_id: int | None
    id_tag_info: IdTagInfo | None


class SettingChanged(msgspec.Struct, frozen=True):
    """A configuration key has a new value, which acts from now on."""

    name: str


Derived: TypeAlias = (
    RegistrationChanged | Plugged | Unplugged | FaultsChanged | TransactionStarted | TransactionEnding | TransactionEnded
    | IdTagInfoReceived | StartAnswered | SettingChanged | ListContradicted | ResetFailed | LocalListChanged
)
