"""The LocalAuthListManagement profile."""

from typing import ClassVar

from controller.ocpp.messages.base import Part, Request, Response
from controller.ocpp.messages.core import IdTagInfo
from controller.ocpp.types import (
    IdToken,
    Integer,
    UpdateStatus,
    UpdateType,
)


class AuthorizationData(Part, frozen=True):
    """One entry; without `id_tag_info` a differential update deletes it."""

    id_tag: IdToken
    id_tag_info: IdTagInfo | None = None


class GetLocalListVersionConf(Response, frozen=True):
    """The version; 0 for an empty list, -1 without lists."""

    list_version: Integer


class GetLocalListVersionReq(Request, frozen=True):
    """Which version of the list is there?"""

    action: ClassVar[str] = "GetLocalListVersion"
    response: ClassVar[type[Response]] = GetLocalListVersionConf


class SendLocalListConf(Response, frozen=True):
    """What became of it."""

    status: UpdateStatus


class SendLocalListReq(Request, frozen=True):
    """Replace or amend the list."""

    action: ClassVar[str] = "SendLocalList"
    response: ClassVar[type[Response]] = SendLocalListConf
    list_version: Integer
    update_type: UpdateType
    local_authorization_list: list[AuthorizationData] | None = None
