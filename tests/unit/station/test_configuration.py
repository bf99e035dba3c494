"""GetConfiguration and ChangeConfiguration as operations: order, unknown keys, what acts at once, what cuts the connection."""

import pytest

from controller import commands
from controller.events import CsmsConnected
from controller.ocpp.messages.core import (
    BootNotificationConf,
    BootNotificationReq,
    ChangeConfigurationConf,
    ChangeConfigurationReq,
    GetConfigurationConf,
    GetConfigurationReq,
    HeartbeatReq,
)
from controller.ocpp.types import ConfigurationStatus, RegistrationStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation

KEY = "00112233445566778899AABBCCDDEEFF"
OTHER_KEY = "FFEEDDCCBBAA99887766554433221100"
HOME_ASSISTANT = (
    "Current.Export,Current.Import,Current.Offered,Energy.Active.Export.Register,Energy.Active.Import.Register,"
    "Energy.Reactive.Export.Register,Energy.Reactive.Import.Register,Energy.Active.Export.Interval,"
    "Energy.Active.Import.Interval,Energy.Reactive.Export.Interval,Energy.Reactive.Import.Interval,Frequency,"
    "Power.Active.Export,Power.Active.Import,Power.Factor,Power.Offered,Power.Reactive.Export,Power.Reactive.Import,RPM,SoC,"
    "Temperature,Voltage"
)
EVCC = ("Power.Offered", "Power.Active.Import", "Energy.Active.Import.Register", "Current.Import", "Voltage", "Current.Offered",
        "SoC")


def get(conversation: Conversation, *names: str) -> GetConfigurationConf:
    """Ask for these keys; for all without names."""
    conf = conversation.call(GetConfigurationReq(key=list(names)))
    assert isinstance(conf, GetConfigurationConf)
    return conf


def names(conf: GetConfigurationConf) -> list[str]:
    """The known keys of an answer, in its order."""
    return [row.key for row in conf.configuration_key or []]


def change(conversation: Conversation, name: str, text: str) -> ConfigurationStatus:
    """What ChangeConfiguration is answered."""
    conf = conversation.call(ChangeConfigurationReq(key=name, value=text))
    assert isinstance(conf, ChangeConfigurationConf)
    return conf.status


def orders(conversation: Conversation, kind: type[commands.Command]) -> list[commands.Command]:
    """The orders of one kind, in order."""
    return [command for command in conversation.orders if isinstance(command, kind)]


def test_keys_are_answered_in_the_order_asked_and_strangers_apart(conversation: Conversation) -> None:
    """Known keys with values in the order asked, unknown ones by the name they were asked by (CFG-1)."""
    conf = get(conversation, "resetRETRIES", "Bogus", "ConnectionTimeOut", "AllowOfflineTxForUnknownId", "bogus2")
    assert names(conf) == ["ResetRetries", "ConnectionTimeOut", "AllowOfflineTxForUnknownId"]
    assert conf.unknown_key == ["Bogus", "bogus2"]


def test_an_empty_list_of_keys_means_all(conversation: Conversation) -> None:
    """`{"key": []}` is answered like a request without keys (CFG-1)."""
    without = conversation.call(GetConfigurationReq())
    assert get(conversation) == without
    assert len(names(get(conversation))) > 30


def test_the_full_list_follows_every_change(conversation: Conversation) -> None:
    """What ChangeConfiguration has set, and the interval that the next boot brings, is what the list shows then (CFG-1, BOOT-2)."""
    def listed(name: str) -> str | None:
        return next(row.value for row in get(conversation).configuration_key or [] if row.key == name)

    assert (listed("ConnectionTimeOut"), listed("HeartbeatInterval")) == ("120", "300")
    assert change(conversation, "ConnectionTimeOut", "77") is ConfigurationStatus.Accepted
    assert listed("ConnectionTimeOut") == "77"
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=START, interval=10)
    conversation.restart()
    conversation.connect()
    assert listed("HeartbeatInterval") == "300"
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Accepted, current_time=conversation.utc, interval=444)
    conversation.pass_time(11)
    assert listed("HeartbeatInterval") == "444"


@pytest.mark.parametrize("text", ["TRUE", "True", "true"])
def test_a_boolean_is_taken_in_any_case_and_shown_in_small_letters(conversation: Conversation, text: str) -> None:
    """Stored as `true`, so that it holds whoever reads it (CFG-6)."""
    assert change(conversation, "LocalPreAuthorize", text) is ConfigurationStatus.Accepted
    assert [row.value for row in get(conversation, "LocalPreAuthorize").configuration_key or []] == ["true"]
    assert conversation.station.settings.boolean("LocalPreAuthorize")


def test_arrays_without_content_are_left_out(conversation: Conversation) -> None:
    """Only known keys: no unknownKey; only unknown ones: no configurationKey (CFG-1)."""
    assert get(conversation, "ResetRetries").unknown_key is None
    assert get(conversation, "Bogus").configuration_key is None


def test_as_many_keys_as_the_limit_says_are_answered_and_more_too(conversation: Conversation) -> None:
    """GetConfigurationMaxKeys is not below the number of keys, and larger requests are served all the same (CFG-2)."""
    limit = int((get(conversation, "GetConfigurationMaxKeys").configuration_key or [])[0].value or "0")
    everything = names(get(conversation))
    assert limit >= len(everything)
    asked = (everything * 4)[:limit]
    assert names(get(conversation, *asked)) == asked
    assert len(names(get(conversation, *everything * 4))) == len(everything) * 4


def test_the_authorization_key_is_never_shown(conversation: Conversation) -> None:
    """Not in the full list; asked for by name it has no readable value, before and after it was set (CFG-3, SEC-11)."""
    assert change(conversation, "AuthorizationKey", KEY) is ConfigurationStatus.Accepted
    assert "AuthorizationKey" not in names(get(conversation))
    (row,) = get(conversation, "AuthorizationKey").configuration_key or []
    assert (row.readonly, row.value) == (False, "")
    assert KEY not in str(conversation.replies)
    assert KEY not in str(conversation.station.status())


def test_home_assistants_list_of_everything_is_rejected_as_a_whole(conversation: Conversation) -> None:
    """A list with one item that cannot be measured changes nothing; it is never cut to what can be (MTR-10)."""
    before = get(conversation, "MeterValuesSampledData")
    assert change(conversation, "MeterValuesSampledData", HOME_ASSISTANT) is ConfigurationStatus.Rejected
    assert get(conversation, "MeterValuesSampledData") == before


def test_evcc_finds_out_one_by_one_and_then_sets_what_was_accepted(conversation: Conversation) -> None:
    """Single measurands are judged one by one, and the list of those accepted is read back verbatim (MTR-10)."""
    accepted = [name for name in EVCC
                if change(conversation, "MeterValuesSampledData", name) is ConfigurationStatus.Accepted]
    assert accepted == list(EVCC[:-1])
    wanted = ",".join(accepted)
    assert change(conversation, "MeterValuesSampledData", wanted) is ConfigurationStatus.Accepted
    (row,) = get(conversation, "MeterValuesSampledData").configuration_key or []
    assert row.value == wanted


def test_an_unchanged_value_is_accepted_and_nothing_is_written(conversation: Conversation) -> None:
    """Setting what is set already is no failure, and wears no flash memory (CFG-5)."""
    assert change(conversation, "ResetRetries", "3") is ConfigurationStatus.Accepted
    assert "ResetRetries" not in conversation.store.load().settings


@pytest.mark.parametrize("text", [KEY, OTHER_KEY])
def test_a_new_password_is_answered_first_and_then_used(talk: Talk, text: str) -> None:
    """AuthorizationKey: Accepted, then the connection is made anew with it, even if it is the one in use (CFG-9, SEC-10)."""
    conversation = talk(ocpp=f'AuthorizationKey = "{KEY}"')
    assert change(conversation, "AuthorizationKey", text) is ConfigurationStatus.Accepted
    reply, redial = conversation.orders
    assert isinstance(reply, commands.Reply)
    assert redial == commands.Redial(text, 0)


def test_a_bad_password_cuts_nothing_and_the_old_one_stays(talk: Talk) -> None:
    """A Rejected AuthorizationKey leaves the connection and the key alone (SEC-10, CFG-7)."""
    conversation = talk(ocpp=f'AuthorizationKey = "{KEY}"')
    assert change(conversation, "AuthorizationKey", "short") is ConfigurationStatus.Rejected
    assert orders(conversation, commands.Redial) == []
    assert conversation.station.settings.text("AuthorizationKey") == KEY


def test_security_profile_one_needs_a_password(conversation: Conversation) -> None:
    """To 1 without an AuthorizationKey: Rejected; with one: Accepted, and the connection is made anew (SEC-3)."""
    assert change(conversation, "SecurityProfile", "1") is ConfigurationStatus.Rejected
    change(conversation, "AuthorizationKey", KEY)
    conversation.forget()
    assert change(conversation, "SecurityProfile", "1") is ConfigurationStatus.Accepted
    assert orders(conversation, commands.Redial) == [commands.Redial(KEY, 1)]


@pytest.mark.parametrize("profile", ["0", "1", "2", "3"])
def test_the_security_profile_only_rises_and_only_with_its_certificates(talk: Talk, profile: str) -> None:
    """Never lowered over OCPP nor set again; 2 and 3 need certificates, which are not there (SEC-2, SEC-3)."""
    conversation = talk(ocpp=f'AuthorizationKey = "{KEY}"\nSecurityProfile = 1')
    assert change(conversation, "SecurityProfile", profile) is ConfigurationStatus.Rejected
    assert conversation.station.settings.integer("SecurityProfile") == 1
    assert orders(conversation, commands.Redial) == []


def test_a_new_heartbeat_interval_counts_from_now(conversation: Conversation) -> None:
    """HeartbeatInterval acts at once, without a restart (HB-2, CFG-5)."""
    assert change(conversation, "HeartbeatInterval", "10") is ConfigurationStatus.Accepted
    conversation.pass_time(9)
    assert not conversation.of(HeartbeatReq)
    conversation.pass_time(2)
    assert len(conversation.of(HeartbeatReq)) == 1


def test_a_new_ping_interval_reaches_the_connection_at_once(conversation: Conversation) -> None:
    """WebSocketPingInterval acts at once, and holds for the next connection too (WS-11)."""
    assert change(conversation, "WebSocketPingInterval", "7") is ConfigurationStatus.Accepted
    assert orders(conversation, commands.SetPingInterval) == [commands.SetPingInterval(7)]
    assert change(conversation, "WebSocketPingInterval", "-1") is ConfigurationStatus.Rejected
    assert len(orders(conversation, commands.SetPingInterval)) == 1
    conversation.forget()
    conversation.say(CsmsConnected())
    assert orders(conversation, commands.SetPingInterval) == [commands.SetPingInterval(7)]


def test_a_new_message_timeout_holds_for_the_next_call(conversation: Conversation) -> None:
    """MessageTimeout is how long an answer is waited for (RPC-6)."""
    assert change(conversation, "MessageTimeout", "12") is ConfigurationStatus.Accepted
    conversation.pass_time(301)
    (beat,) = [c for c in conversation.orders if isinstance(c, commands.SendCall) and isinstance(c.request, HeartbeatReq)]
    assert beat.timeout_s == 12.0


def test_configuration_works_while_the_registration_is_pending(talk: Talk) -> None:
    """An operator may configure everything before accepting the charge point (CFG-8, BOOT-12)."""
    conversation = talk(online=False)
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=START, interval=600)
    conversation.connect()
    assert change(conversation, "AuthorizationKey", KEY) is ConfigurationStatus.Accepted
    assert change(conversation, "ConnectionTimeOut", "77") is ConfigurationStatus.Accepted
    (row,) = get(conversation, "ConnectionTimeOut").configuration_key or []
    assert row.value == "77"


def test_the_boot_answer_sets_the_heartbeat_interval_for_all_to_see(talk: Talk) -> None:
    """`interval` of BootNotification.conf becomes the value of HeartbeatInterval (BOOT-2)."""
    conversation = talk(ocpp="HeartbeatInterval = 50")
    (row,) = get(conversation, "HeartbeatInterval").configuration_key or []
    assert row.value == "300"
    assert conversation.store.load().settings["HeartbeatInterval"] == "300"
