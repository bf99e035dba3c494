"""The values themselves: where they come from, and what is said of values that are allowed but unwise."""

from pathlib import Path

import pytest

from controller.station.keys import keys_for
from controller.station.settings import Settings
from tests.unit.station.conversation import configuration


def settings(folder: Path, **values: str) -> Settings:
    """The settings of a plain charge point with these first values."""
    return Settings(keys_for(configuration(folder)), values, {})


def test_stored_values_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    """Later ChangeConfiguration wins over the table `[ocpp]`, and that over the default (CFG-7)."""
    keys = keys_for(configuration(tmp_path))
    first = {"ResetRetries": "5", "ConnectionTimeOut": "60"}
    found = Settings(keys, first, {"ResetRetries": "7"})
    assert (found.integer("ResetRetries"), found.integer("ConnectionTimeOut")) == (7, 60)
    assert found.integer("HeartbeatInterval") == 300


def test_a_key_that_is_not_there_reads_as_empty_and_a_list_as_its_items(tmp_path: Path) -> None:
    """Features may ask for a key whose profile is absent; blanks around the items of a list do not matter (CFG-4)."""
    found = settings(tmp_path, StopTxnSampledData="Voltage , Current.Import")
    assert found.text("MaxChargingProfilesInstalled") == ""
    assert found.csl("StopTxnSampledData") == ["Voltage", "Current.Import"]
    assert found.csl("StopTxnAlignedData") == []


@pytest.mark.parametrize(("ping", "attempts", "interval", "said"), [
    ("60", "3", "60", ""),
    ("0", "3", "60", "WebSocketPingInterval is 0"),
    ("180", "3", "60", "not below TransactionMessageAttempts"),
    ("179", "3", "60", ""),
    ("60", "3", "0", ""),
], ids=["defaults", "no pings", "too rare", "just often enough", "retries at once"])
def test_a_dead_link_must_be_noticed_before_billing_is_given_up(tmp_path: Path, ping: str, attempts: str, interval: str,
                                                               said: str) -> None:
    """The status page warns where pings are rarer than attempts x retry interval (WS-12)."""
    found = settings(tmp_path, WebSocketPingInterval=ping, TransactionMessageAttempts=attempts,
                     TransactionMessageRetryInterval=interval)
    warnings = found.warnings()
    assert len(warnings) == bool(said)
    assert said in "".join(warnings)
