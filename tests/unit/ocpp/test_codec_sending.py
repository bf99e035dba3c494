"""What leaves: shortened to what the schema allows, without nulls, and nothing but printable ASCII in a CiString."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from controller.ocpp import codec
from controller.ocpp.messages import FROM_CHARGE_POINT, REQUESTS, core
from controller.ocpp.messages.local_auth_list import AuthorizationData, SendLocalListReq
from controller.ocpp.messages.security import SecurityEventNotificationReq, SignCertificateReq
from controller.ocpp.types import (
    AuthorizationStatus,
    ChargePointErrorCode,
    ChargePointStatus,
    DataTransferStatus,
    UpdateType,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_an_over_long_string_is_cut_to_its_maximum():
    """A model of 30 characters is shortened to 20, not sent as it is and not refused (RPC-13)."""
    boot = core.BootNotificationReq(charge_point_vendor="v" * 21, charge_point_model="m" * 30, firmware_version="f" * 51)
    fitting = codec.shortened(boot)
    assert fitting == core.BootNotificationReq(charge_point_vendor="v" * 20, charge_point_model="m" * 20,
                                               firmware_version="f" * 50)


def test_what_fits_is_left_alone():
    """Nothing is copied where nothing is to be changed (RPC-13)."""
    boot = core.BootNotificationReq(charge_point_vendor="Example", charge_point_model="m" * 20)
    assert codec.shortened(boot) is boot


def test_strings_in_lists_are_cut():
    """GetConfiguration echoes unknown keys, each with its own maximum (RPC-13)."""
    answer = codec.shortened(core.GetConfigurationConf(unknown_key=["fine", "k" * 51]))
    assert answer.unknown_key == ["fine", "k" * 50]


def test_strings_in_objects_in_lists_are_cut():
    """A configuration value of more than 500 characters is cut where it stands (RPC-13)."""
    rows = [core.KeyValue(key="k" * 60, readonly=True, value="v" * 501), core.KeyValue(key="a", readonly=False)]
    answer = codec.shortened(core.GetConfigurationConf(configuration_key=rows))
    assert answer.configuration_key == [core.KeyValue(key="k" * 50, readonly=True, value="v" * 500), rows[1]]


def test_strings_two_objects_deep_are_cut():
    """The depth of nesting does not matter (RPC-13)."""
    info = core.IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag="p" * 21)
    sent = SendLocalListReq(list_version=1, update_type=UpdateType.Full,
                            local_authorization_list=[AuthorizationData(id_tag="t" * 25, id_tag_info=info)])
    rows = codec.shortened(sent).local_authorization_list
    assert rows is not None
    assert rows[0].id_tag == "t" * 20
    assert rows[0].id_tag_info is not None
    assert rows[0].id_tag_info.parent_id_tag == "p" * 20


def test_a_cistring_is_printable_ascii():
    """Umlauts, line ends and control characters become question marks in a CiString (ocpp16-messages.md, fact 2; WS-9)."""
    status = core.StatusNotificationReq(connector_id=1, error_code=ChargePointErrorCode.NoError,
                                        status=ChargePointStatus.Available, info="Tür offen\n\x00\U0001f525")
    assert codec.shortened(status).info == "T?r offen???"


def test_a_certificate_request_keeps_its_line_ends():
    """PEM is no CiString: a changed character would make it worthless (SignCertificate, RPC-13)."""
    csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
    assert codec.shortened(SignCertificateReq(csr=csr)).csr == csr


def test_text_without_a_maximum_is_left_as_it_is():
    """`data` of DataTransfer is whatever the vendors agreed on, of any length (ocpp16-messages.md, DataTransfer)."""
    answer = core.DataTransferConf(status=DataTransferStatus.Accepted, data="ü" * 5000)
    assert codec.shortened(answer) is answer


@pytest.mark.parametrize("action", sorted(FROM_CHARGE_POINT))
def test_every_limited_string_that_we_send_is_cut(action):
    """No message of ours can leave with an over-long string on its top level (RPC-13)."""
    kind = REQUESTS[action]
    limits = codec._limits(kind)
    strings = {name: "x" * (meta.max_length or 0) + "tail" for name, meta in limits.items()}
    others = {name: None for name in kind.__struct_fields__ if name not in strings}
    fitting = codec.shortened(kind(**strings, **others))
    assert {name: len(getattr(fitting, name)) for name in limits} == {name: m.max_length for name, m in limits.items()}


def test_what_has_no_value_is_left_out():
    """Optional fields are omitted, never null (ocpp16-messages.md, fact 1)."""
    assert codec.encode(core.AuthorizeReq(id_tag="A")) == b'{"idTag":"A"}'
    assert codec.encode(core.StopTransactionConf()) == b"{}"


def test_an_empty_payload_is_an_empty_object():
    """`{}`, not null and not an array (RPC-8)."""
    assert codec.encode(core.HeartbeatReq()) == b"{}"


def test_times_leave_with_their_zone():
    """UTC is written with a Z, an offset as it is (TIME-1)."""
    event = SecurityEventNotificationReq(type="StartupOfTheDevice", timestamp=NOON)
    assert codec.encode(event) == b'{"type":"StartupOfTheDevice","timestamp":"2026-03-01T12:00:00Z"}'
    late = core.HeartbeatConf(current_time=NOON.astimezone(timezone(timedelta(hours=1))) + timedelta(milliseconds=5))
    assert codec.encode(late) == b'{"currentTime":"2026-03-01T13:00:00.005000+01:00"}'
