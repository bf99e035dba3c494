"""The short cut of a payload that fits leads to the same bytes as the long way."""

from datetime import UTC, datetime

import pytest

from controller.ocpp import codec
from controller.ocpp.messages import IdTagInfo, KeyValue
from controller.ocpp.messages.core import AuthorizeConf, BootNotificationReq, GetConfigurationConf, HeartbeatReq
from controller.ocpp.messages.security import SignCertificateReq
from controller.ocpp.types import AuthorizationStatus

PAYLOADS = {
    "nothing": HeartbeatReq(),
    "fits": BootNotificationReq(charge_point_vendor="evcp", charge_point_model="Pi-AC22"),
    "too long": BootNotificationReq(charge_point_vendor="v" * 21, charge_point_model="m" * 300),
    "not printable": BootNotificationReq(charge_point_vendor="a\nb", charge_point_model="\x7f\x01"),
    "not ASCII": BootNotificationReq(charge_point_vendor="Z\u00fcrich", charge_point_model="\U0001f50c"),
    "quotes and backslashes": BootNotificationReq(charge_point_vendor='a"b', charge_point_model="a\\b"),
    "line ends that stay": SignCertificateReq(csr="-----BEGIN\nAAAA\n"),
    "too long inside a list": GetConfigurationConf(configuration_key=[KeyValue(key="k" * 51, readonly=False, value="v" * 501)]),
    "an object and a date": AuthorizeConf(id_tag_info=IdTagInfo(
        status=AuthorizationStatus.Accepted, parent_id_tag="p" * 21, expiry_date=datetime(2026, 1, 1, tzinfo=UTC))),
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_what_leaves_by_the_short_cut_is_what_leaves_by_the_long_way(payload):
    """Whether or not something must be shortened or replaced, the bytes are those of the shortened payload (RPC-13)."""
    assert codec.sendable(payload) == codec.encode(codec.shortened(payload))
