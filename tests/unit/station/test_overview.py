"""What the status page shows of the station: the binding fields of `GET /api/v1/status`, and the warnings."""

import msgspec
import pytest

from controller.events import GuardLost, ReaderFailed, StorageFailed, StorageFound
from controller.faults import FaultKind
from controller.ocpp.messages.core import (
    BootNotificationConf,
    BootNotificationReq,
    ChangeConfigurationReq,
    StartTransactionReq,
)
from controller.ocpp.types import RegistrationStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation
from tests.unit.station.reserving import reserve

BINDING = {"id", "status", "error_code", "transaction_id", "id_tag", "offered_a", "power_w", "energy_wh"}
KEY = "00112233445566778899AABBCCDDEEFF"


def connector(conversation: Conversation, connector_id: int = 1) -> dict[str, object]:
    """One connector as the status page shows it."""
    rows = conversation.station.status()["connectors"]
    assert isinstance(rows, list)
    return dict(rows[connector_id - 1])


def shown(conversation: Conversation, *names: str) -> tuple[object, ...]:
    """Some fields of connector 1."""
    row = connector(conversation)
    return tuple(row[name] for name in names)


def warnings(conversation: Conversation) -> list[str]:
    """What the status page warns of."""
    found = conversation.station.status()["warnings"]
    assert isinstance(found, list)
    return found


def charge(conversation: Conversation) -> None:
    """A car charges."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()


def test_the_binding_fields_are_there_and_are_json(talk: Talk) -> None:
    """The station's part of the status object, one row per connector in their order (contract section 3, STAT-1)."""
    conversation = talk(connectors=3)
    status = conversation.station.status()
    assert {"registration", "queue_length", "connectors", "warnings"} <= set(status)
    assert [connector(conversation, number)["id"] for number in (1, 2, 3)] == [1, 2, 3]
    assert set(connector(conversation)) >= BINDING
    assert msgspec.json.decode(msgspec.json.encode(status)) == status


def test_what_is_reserved_is_shown_soonest_end_first(talk: Talk) -> None:
    """For whom, which connector, until when; nothing is shown of one that has ended (RES-8)."""
    conversation = talk(connectors=2)
    reserve(conversation, 0, "TAG1", 1, parent="FAMILY")
    reserve(conversation, 2, "TAG2", 2, for_s=60)
    rows = conversation.station.status()["reservations"]
    assert isinstance(rows, list)
    assert [(row["reservation_id"], row["connector_id"], row["id_tag"], row["parent_id_tag"]) for row in rows] == [
        (2, 2, "TAG2", None), (1, 0, "TAG1", "FAMILY")]
    assert rows[0]["expiry_date"].startswith("2026-03-01T12:01:0")
    conversation.pass_time(61)
    assert len(conversation.station.status()["reservations"]) == 1  # type: ignore[arg-type]  # the list above


def test_an_idle_connector_shows_null_where_there_is_nothing(conversation: Conversation) -> None:
    """Null where there is none, 0 without an offer, the register always."""
    assert shown(conversation, "status", "error_code", "transaction_id", "id_tag", "offered_a", "power_w", "energy_wh") == (
        "Available", "NoError", None, None, 0.0, 0.0, 1000.0)


def test_a_charging_connector_shows_what_flows_and_has_flowed(conversation: Conversation) -> None:
    """The transaction, what is offered by the pilot, what flows, and what has flowed."""
    conversation.next_transaction_id = 0
    charge(conversation)
    conversation.pass_time(3600)
    assert shown(conversation, "status", "transaction_id", "id_tag", "offered_a", "power_w") == (
        "Charging", 0, "TAG1", 32.0, 11040.0)
    assert connector(conversation)["energy_wh"] == pytest.approx(12_040)
    assert connector(conversation)["session_wh"] == pytest.approx(11_040)
    conversation.change(offered_a=13.0)
    assert connector(conversation)["offered_a"] == 13.0


def test_a_transaction_whose_start_is_not_answered_has_no_id_yet(conversation: Conversation) -> None:
    """transaction_id is null, id_tag is known, and the message is counted as owed (contract section 3)."""
    conversation.answers[StartTransactionReq] = None
    charge(conversation)
    assert shown(conversation, "transaction_id", "id_tag") == (None, "TAG1")
    assert conversation.station.status()["queue_length"] == 1


def test_the_queue_counts_what_is_not_answered_for_good(talk: Talk) -> None:
    """Offline the messages of a transaction add up, and are gone when they are delivered (QUE-2)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 10")
    conversation.disconnect()
    charge(conversation)
    conversation.pass_time(25)
    conversation.card()
    assert conversation.station.status()["queue_length"] == 4
    conversation.connect()
    assert conversation.station.status()["queue_length"] == 0


def test_a_fault_shows_with_its_kind_and_its_sentence(conversation: Conversation) -> None:
    """error_code is the ChargePointErrorCode, `fault` the kind, `info` the sentence."""
    conversation.change(faults=frozenset({FaultKind.TEMPERATURE}))
    assert shown(conversation, "status", "error_code", "fault", "info") == (
        "Faulted", "HighTemperature", "temperature", "The enclosure is too hot.")


def test_the_present_status_is_shown_whatever_was_told(talk: Talk) -> None:
    """MinimumStatusDuration delays the message, not the page (STAT-4)."""
    conversation = talk(ocpp="MinimumStatusDuration = 600")
    conversation.plug_in()
    assert shown(conversation, "status", "plugged") == ("Preparing", True)


@pytest.mark.parametrize("status", list(RegistrationStatus), ids=str)
def test_the_registration_is_shown_as_it_was_answered(talk: Talk, status: RegistrationStatus) -> None:
    """Accepted, Pending, Rejected; null before any answer (contract section 3)."""
    conversation = talk(online=False)
    assert conversation.station.status()["registration"] is None
    conversation.answers[BootNotificationReq] = BootNotificationConf(status=status, current_time=START, interval=600)
    conversation.connect()
    assert conversation.station.status()["registration"] == str(status)


def test_a_guard_that_is_gone_leaves_no_old_numbers(conversation: Conversation) -> None:
    """Nothing is known of pilot and contactor then, and nothing is offered."""
    charge(conversation)
    conversation.say(GuardLost())
    conversation.station.connectors[0].report = None  # the double has reported once more when the offer was withdrawn
    assert shown(conversation, "status", "offered_a", "pilot", "contactor") == ("Faulted", 0.0, None, None)


# -- warnings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "warned"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_security_profile_below_two_is_warned_of(talk: Talk, profile: int, warned: bool) -> None:
    """An unencrypted connection is named in the status (T-MITM)."""
    conversation = talk(online=False, ocpp=f'AuthorizationKey = "{KEY}"\nSecurityProfile = {profile}')
    assert any(f"security profile {profile}" in warning for warning in warnings(conversation)) is warned


def test_the_password_is_in_no_warning(talk: Talk) -> None:
    """The status shows no secrets (SEC-11)."""
    conversation = talk(ocpp=f'AuthorizationKey = "{KEY}"')
    assert KEY not in str(conversation.station.status())


def test_a_disk_that_takes_nothing_is_named_with_its_cause(conversation: Conversation) -> None:
    """Status names the cause while it lasts (F-FULL, F-RO)."""
    conversation.say(StorageFailed("No space left on device"))
    assert any("No space left on device" in warning for warning in warnings(conversation))
    conversation.say(StorageFound())
    assert not any("No space left on device" in warning for warning in warnings(conversation))


def test_a_dead_reader_is_warned_of(conversation: Conversation) -> None:
    """It shows on connector 0, which has no row of its own (F-RFID)."""
    conversation.say(ReaderFailed(0, "no answer"))
    assert any("ReaderFailure" in warning for warning in warnings(conversation))


def test_pings_that_are_switched_off_are_warned_of(conversation: Conversation) -> None:
    """A change of the keys shows at once (WS-12)."""
    before = warnings(conversation)
    conversation.call(ChangeConfigurationReq(key="WebSocketPingInterval", value="0"))
    assert len(warnings(conversation)) == len(before) + 1
