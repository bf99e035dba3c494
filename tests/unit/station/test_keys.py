"""Every configuration key as the reference gives it: one row of a table, and what must hold for each row.

The rows are in `key_oracle.py`; `tests/scenarios/test_configuration_keys.py` plays them over the wire.
"""

from pathlib import Path

import msgspec
import pytest

from controller.commands import Reply
from controller.events import CallReceived
from controller.ocpp.messages import KeyValue
from controller.ocpp.messages.core import (
    ChangeConfigurationConf,
    ChangeConfigurationReq,
    GetConfigurationConf,
    GetConfigurationReq,
)
from controller.ocpp.types import ConfigurationStatus
from controller.records import PutSetting
from controller.station.keys import keys_for
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, configuration
from tests.unit.station.key_oracle import ABSENT, EVERY, LISTED, REGISTER, Row

ACCEPTED, REJECTED = ConfigurationStatus.Accepted, ConfigurationStatus.Rejected
REQUIRED = {
    "AuthorizeRemoteTxRequests": "R or RW", "ClockAlignedDataInterval": "RW", "ConnectionTimeOut": "RW",
    "ConnectorPhaseRotation": "RW", "GetConfigurationMaxKeys": "R", "HeartbeatInterval": "RW", "LocalAuthorizeOffline": "RW",
    "LocalPreAuthorize": "RW", "MeterValuesAlignedData": "RW", "MeterValuesSampledData": "RW",
    "MeterValueSampleInterval": "RW", "NumberOfConnectors": "R", "ResetRetries": "RW", "StopTransactionOnInvalidId": "RW",
    "StopTxnAlignedData": "RW", "StopTxnSampledData": "RW", "SupportedFeatureProfiles": "R",
    "TransactionMessageAttempts": "RW", "TransactionMessageRetryInterval": "RW",
    "UnlockConnectorOnEVSideDisconnect": "R or RW", "LocalAuthListEnabled": "RW", "LocalAuthListMaxLength": "R",
    "SendLocalListMaxLength": "R",
}
"""What the conformance tool asks for of the profiles that are there (TC_019)."""


def shown(conversation: Conversation, *names: str) -> list[KeyValue]:
    """What GetConfiguration shows of these keys; of all without names."""
    conf = conversation.call(GetConfigurationReq(key=list(names) or None))
    assert isinstance(conf, GetConfigurationConf)
    return conf.configuration_key or []


def value(conversation: Conversation, name: str) -> str | None:
    """The value that GetConfiguration shows of one key."""
    (row,) = shown(conversation, name)
    return row.value


def change(conversation: Conversation, name: str, text: str) -> ConfigurationStatus:
    """What ChangeConfiguration is answered."""
    conf = conversation.call(ChangeConfigurationReq(key=name, value=text))
    assert isinstance(conf, ChangeConfigurationConf)
    return conf.status


WRITABLE = [row for row in EVERY if row.good]


def test_the_full_list_is_exactly_the_keys_of_what_is_there(conversation: Conversation) -> None:
    """Every key of the reference whose function exists is listed, and no other; AuthorizationKey is kept back (CFG-1, CFG-4)."""
    assert {row.key for row in shown(conversation)} == {row.name for row in LISTED}


@pytest.mark.parametrize("row", LISTED, ids=[row.name for row in LISTED])
def test_a_key_is_listed_with_its_access_and_its_default(conversation: Conversation, row: Row) -> None:
    """Access and first-start value of every key; a value is always sent, "" when it is empty (CFG-1, CFG-3)."""
    assert shown(conversation, row.name) == [KeyValue(key=row.name, readonly=row.access == "R", value=row.default)]


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
def test_a_key_has_the_profile_type_and_unit_of_the_reference(conversation: Conversation, row: Row) -> None:
    """What people read of a key, in the documentation and in `evcp ocpp`, is what the standard says of it (CFG-1)."""
    key = keys_for(conversation.config)[row.name]
    assert (key.profile, key.access.value, key.kind, key.unit) == (row.profile, row.access, row.kind, row.unit)
    assert row.access == "W" or key.check(key.default) == key.default, "the default is a value that may be set"


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
def test_key_names_compare_without_regard_to_case(conversation: Conversation, row: Row) -> None:
    """Found in any case, answered in the exact spelling (CFG-6)."""
    assert [key.key for key in shown(conversation, row.name.upper())] == [row.name]
    assert change(conversation, row.name.lower(), "@") is REJECTED


@pytest.mark.parametrize("row", WRITABLE, ids=[row.name for row in WRITABLE])
def test_a_good_value_is_accepted_and_stored_before_it_is_answered(conversation: Conversation, row: Row) -> None:
    """Accepted promises to remember: the record enters in the step of the answer (CFG-5, CFG-7)."""
    for text in row.good:
        before = conversation.station.settings.text(row.name)
        call = CallReceived("the-call", ChangeConfigurationReq(key=row.name, value=text))
        outcome = conversation.station.handle(call, conversation.at)
        after = conversation.station.settings.text(row.name)
        replies = [command.response for command in outcome.commands if isinstance(command, Reply)]
        assert replies == [ChangeConfigurationConf(status=ACCEPTED)], text
        stored = [record for record in outcome.records if isinstance(record, PutSetting)]
        assert stored == ([PutSetting(row.name, after)] if after != before else []), text
        assert after == (text if row.access == "W" else row.reads_back(text))


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
def test_a_bad_value_is_rejected_and_nothing_changes(conversation: Conversation, row: Row) -> None:
    """Out of range, malformed, read-only: Rejected, the old value stays, and nothing is stored or done (CFG-5, CFG-7)."""
    before = conversation.station.settings.text(row.name)
    stored = conversation.store.load().settings
    for text in row.bad:
        conversation.forget()
        assert change(conversation, row.name, text) is REJECTED, text
        assert conversation.station.settings.text(row.name) == before, text
        assert conversation.store.load().settings == stored, text
        assert len(conversation.orders) == 1, "an answer, and nothing besides"


@pytest.mark.parametrize("row", WRITABLE, ids=[row.name for row in WRITABLE])
def test_a_change_outlives_a_restart(conversation: Conversation, row: Row) -> None:
    """What was accepted is there after a power cut (CFG-7, PWR-6)."""
    text = next(text for text in row.good if text.lower() != row.default)
    assert change(conversation, row.name, text) is ACCEPTED
    kept = conversation.station.settings.text(row.name)
    conversation.restart()
    assert conversation.station.settings.text(row.name) == kept


@pytest.mark.parametrize("name", ABSENT)
def test_a_key_without_its_function_is_unknown(conversation: Conversation, name: str) -> None:
    """Keys of absent profiles and lights: unknown to GetConfiguration, NotSupported on change (CFG-1, CFG-4, CFG-5)."""
    conf = conversation.call(GetConfigurationReq(key=[name]))
    assert conf == GetConfigurationConf(unknown_key=[name])
    assert change(conversation, name, "true") is ConfigurationStatus.NotSupported


@pytest.mark.parametrize("name", ["LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength",
                                  "ReserveConnectorZeroSupported"])
def test_the_keys_of_a_profile_that_is_left_out_are_not_there(talk: Talk, name: str) -> None:
    """SupportedFeatureProfiles without it: its keys are unknown, as where it never was (CFG-4)."""
    conversation = talk(ocpp='SupportedFeatureProfiles = "Core,RemoteTrigger"\nLocalAuthListEnabled = true')
    assert conversation.call(GetConfigurationReq(key=[name])) == GetConfigurationConf(unknown_key=[name])
    assert change(conversation, name, "true") is ConfigurationStatus.NotSupported
    assert value(conversation, "SupportedFeatureProfiles") == "Core,RemoteTrigger"


@pytest.mark.parametrize(("name", "access"), REQUIRED.items(), ids=list(REQUIRED))
def test_the_conformance_tool_finds_every_required_key_with_its_access(conversation: Conversation, name: str, access: str
                                                                      ) -> None:
    """TC_019: all required keys are in the list without names, read-only or not as the standard says (CFG-1)."""
    (row,) = [row for row in shown(conversation) if row.key == name]
    assert access in {"R or RW", "R" if row.readonly else "RW"}


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
def test_values_have_five_hundred_characters_at_most(conversation: Conversation, row: Row) -> None:
    """A list that fills them is taken whole; with one more it is refused, also where the `[ocpp]` table gives it (CFG-6)."""
    assert len(row.longest) == 500
    assert change(conversation, row.name, row.longest) is (ACCEPTED if row.takes_blanks else REJECTED)
    assert not row.takes_blanks or value(conversation, row.name) == row.longest
    assert change(conversation, row.name, row.longest + " ") is REJECTED


def test_the_number_of_connectors_is_that_of_the_hardware(talk: Talk) -> None:
    """NumberOfConnectors and the phase rotation follow the configured connectors (STAT-1, MTR-16, CFG-1)."""
    conversation = talk(connectors=3)
    assert value(conversation, "NumberOfConnectors") == "3"
    assert value(conversation, "ConnectorPhaseRotation") == "1.RST,2.RST,3.RST"
    assert value(conversation, "ConnectorPhaseRotationMaxLength") == "4"
    assert change(conversation, "ConnectorPhaseRotation", "0.RST,3.TRS") is ACCEPTED
    assert change(conversation, "ConnectorPhaseRotation", "4.RST") is REJECTED


def test_a_single_phase_connector_has_no_phase_rotation(tmp_path: Path) -> None:
    """With one phase there is no order of phases to tell (MTR-16)."""
    plain = configuration(tmp_path)
    row = msgspec.structs.replace(plain.connector[0], phases=1)
    conversation = Conversation(msgspec.structs.replace(plain, connector=(row,)))
    assert value(conversation, "ConnectorPhaseRotation") == "1.NotApplicable"
    assert change(conversation, "MeterValuesSampledData", "Voltage.L1") is ACCEPTED
    assert change(conversation, "MeterValuesSampledData", "Voltage.L2") is REJECTED


def test_a_fixed_cable_refuses_to_unlock_at_the_charge_point(talk: Talk) -> None:
    """Without a lock UnlockConnectorOnEVSideDisconnect reads false, and changes are refused (TXN-16)."""
    conversation = talk(cable="tethered", lock="none")
    assert shown(conversation, "UnlockConnectorOnEVSideDisconnect") == [
        KeyValue(key="UnlockConnectorOnEVSideDisconnect", readonly=True, value="false")]
    assert change(conversation, "UnlockConnectorOnEVSideDisconnect", "true") is REJECTED


def test_the_ocpp_table_gives_first_values_and_later_changes_win(tmp_path: Path) -> None:
    """First-start values come from the file; what ChangeConfiguration set wins over it at every later start (CFG-7)."""
    config = configuration(tmp_path, ocpp="HeartbeatInterval = 111\nConnectionTimeOut = 55")
    conversation = Conversation(config)
    assert value(conversation, "ConnectionTimeOut") == "55"
    assert change(conversation, "ConnectionTimeOut", "66") is ACCEPTED
    conversation.restart()
    assert value(conversation, "ConnectionTimeOut") == "66"
    assert value(conversation, "HeartbeatInterval") == "111"


def test_a_stored_value_that_is_no_longer_allowed_gives_way_to_the_default(conversation: Conversation) -> None:
    """An update may narrow a range: a value from before it must not come back (CFG-5)."""
    conversation.store.commit([PutSetting("ResetRetries", "99"), PutSetting("NumberOfConnectors", "7")])
    conversation.restart()
    assert value(conversation, "ResetRetries") == "3"
    assert value(conversation, "NumberOfConnectors") == "1"


def test_limits_of_ours_can_be_lowered_and_then_hold(talk: Talk) -> None:
    """A list with more items than its MaxLength key says is Rejected, also where the file has lowered that (MTR-10)."""
    conversation = talk(ocpp="MeterValuesSampledDataMaxLength = 2\nConnectorPhaseRotationMaxLength = 1")
    assert change(conversation, "MeterValuesSampledData", f"{REGISTER},Voltage") is ACCEPTED
    assert change(conversation, "MeterValuesSampledData", f"{REGISTER},Voltage,Current.Import") is REJECTED
    assert value(conversation, "MeterValuesSampledData") == f"{REGISTER},Voltage"
    assert change(conversation, "ConnectorPhaseRotation", "0.RST,1.RST") is REJECTED
