"""A new password or security profile is on trial until it has brought a connection; the former one is not thrown away before."""

import pytest

from controller.commands import Redial
from controller.ocpp.messages.core import ChangeConfigurationConf, ChangeConfigurationReq, HeartbeatReq
from controller.ocpp.types import ConfigurationStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

OLD, NEW = "0" * 32, "1" * 32


@pytest.fixture
def secured(talk: Talk) -> Conversation:
    """A charge point with a password, on line."""
    return talk(ocpp=f'AuthorizationKey = "{OLD}"')


def change(conversation: Conversation, name: str = "AuthorizationKey", value: str = NEW) -> None:
    """The central system sets new credentials; the connection is cut, as `Redial` does."""
    conf = conversation.call(ChangeConfigurationReq(key=name, value=value))
    assert conf == ChangeConfigurationConf(status=ConfigurationStatus.Accepted)
    conversation.disconnect()


def redials(conversation: Conversation) -> list[Redial]:
    """With what the connection was made anew."""
    return [order for order in conversation.orders if isinstance(order, Redial)]


def key(conversation: Conversation) -> str:
    """The password in use."""
    return conversation.station.settings.text("AuthorizationKey")


def test_a_password_that_is_let_in_stays(secured: Conversation) -> None:
    """Connected and answered with the new one: the former one is forgotten (SEC-12)."""
    change(secured)
    secured.pass_time(20)
    secured.connect()
    secured.plug_in()
    secured.pass_time(2000)
    assert redials(secured) == [Redial(NEW, 0)]
    assert key(secured) == NEW
    assert OLD not in str(secured.store.load())


def test_a_connection_on_which_nothing_is_said_counts_too(secured: Conversation) -> None:
    """A quiet central system keeps the connection open: that is acceptance (SEC-12)."""
    secured.call(ChangeConfigurationReq(key="HeartbeatInterval", value="86400"))
    change(secured)
    secured.connect()
    secured.pass_time(1000)
    assert secured.of(HeartbeatReq) == []
    assert redials(secured) == [Redial(NEW, 0)]
    assert OLD not in str(secured.store.load())


def test_a_password_that_is_not_let_in_gives_way_to_the_former_one(secured: Conversation) -> None:
    """Reachable again within ten minutes, without anybody on site (F-SWITCH, SEC-4)."""
    change(secured)
    secured.pass_time(600)
    assert redials(secured) == [Redial(NEW, 0), Redial(OLD, 0)]
    secured.connect()
    secured.plug_in()
    secured.forget()
    secured.pass_time(2000)
    assert redials(secured) == []
    assert key(secured) == OLD
    assert NEW not in str(secured.store.load())


def test_the_two_take_turns_until_one_is_let_in(secured: Conversation) -> None:
    """A network that was down for long must not leave us with the password the central system has given up (F-SWITCH)."""
    change(secured)
    secured.pass_time(1000)
    assert [order.authorization_key for order in redials(secured)] == [NEW, OLD, NEW]
    assert key(secured) == NEW
    secured.connect()
    secured.plug_in()
    secured.forget()
    secured.pass_time(2000)
    assert redials(secured) == []


def test_the_trial_goes_on_after_a_power_cut(secured: Conversation) -> None:
    """The former password is stored until the new one was let in (F-SWITCH)."""
    change(secured)
    secured.restart(power_cut=True)
    assert key(secured) == NEW
    secured.pass_time(250)
    assert key(secured) == OLD
    secured.restart()
    assert key(secured) == OLD


def test_two_changes_in_a_row_fall_back_to_what_worked(secured: Conversation) -> None:
    """Password and profile set one after the other: together on trial, together given up (SEC-4)."""
    secured.call(ChangeConfigurationReq(key="AuthorizationKey", value=NEW))
    change(secured, "SecurityProfile", "1")
    secured.pass_time(250)
    assert redials(secured) == [Redial(NEW, 0), Redial(NEW, 1), Redial(OLD, 0)]
    assert secured.station.settings.integer("SecurityProfile") == 0


def test_an_answer_on_the_old_connection_proves_nothing(secured: Conversation) -> None:
    """What the central system says before the connection was cut was said to the former password (SEC-12)."""
    secured.call(ChangeConfigurationReq(key="AuthorizationKey", value=NEW))
    secured.plug_in()
    secured.disconnect()
    secured.pass_time(250)
    assert redials(secured)[-1] == Redial(OLD, 0)


def test_the_same_password_again_is_no_trial(secured: Conversation) -> None:
    """Nothing changed, so nothing has to prove itself."""
    change(secured, value=OLD)
    secured.pass_time(1000)
    assert redials(secured) == [Redial(OLD, 0)]
