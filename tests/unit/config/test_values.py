"""What every key of the file means: defaults, ranges, units and paths (contract.md section 2)."""

from pathlib import Path

import pytest

from controller import __version__
from controller.config import model
from controller.config.schema import CONNECTOR, READER, SITE_METER, TABLES, TEMPERATURE
from tests.unit.config.files import SMALLEST, WHOLE, File

DEFAULTS: dict[str, dict[str, object]] = {
    "charge_point": {"serial_number": "", "charge_box_serial_number": "", "firmware_version": __version__, "iccid": "",
                     "imsi": "", "meter_type": "", "meter_serial_number": ""},
    "csms": {"message_timeout_s": 30, "boot_retry_s": 60, "reconnect_min_s": 1, "reconnect_max_s": 300,
             "boot_on_reconnect": False, "compat": False, "certificates_directory": "/var/lib/evcp/certificates",
             "check_hostname": True},
    "site": {"supply_limit_a": 32, "phases": 3, "nominal_voltage_v": 230, "meter": ()},
    "storage": {"directory": "/var/lib/evcp", "keep_days": 90},
    "charging": {"after_power_loss": "stop", "before_accepted": False, "free_id_tag": "", "on_meter_loss": "stop"},
    "guard": {"socket": "/run/evcp/guard.sock", "offer_valid_s": 10},
    "control": {"socket": "/run/evcp/control.sock", "http": ""},
    "log": {"level": "info"},
    "smart_charging": {"composite_default_limit_a": 0, "report_start_schedule": False},
    "firmware": {"require_signed": False, "private_servers": True},
    "simulation": {"energy_scale": 1.0, "install_s": 2.0, "reboot_after_update": True, "install_ok": True},
}
"""Copied by hand from contract.md: the value that is shown there is the default. `keep_days` is our own (T-PRIVACY)."""


@pytest.mark.parametrize(("table", "key", "value"), [(t, k, v) for t, keys in DEFAULTS.items() for k, v in keys.items()],
                         ids=lambda part: str(part))
def test_what_is_absent_has_the_default_that_the_contract_shows(tmp_path, table, key, value):
    """A file with only what is required (contract.md section 2)."""
    assert getattr(getattr(File(tmp_path).load(), table), key) == value


def test_a_connector_has_the_defaults_that_the_contract_shows(tmp_path):
    """Three phases at 32 A through a socket outlet without a lock."""
    (connector,) = File(tmp_path).load().connector
    sim = {"driver": "sim"}
    assert connector == model.Connector(1, 32.0, 3, "socket", False, sim, sim, {"driver": "none"}, sim, 0,
                                        measured=connector.measured)
    assert connector.devices() == {"contactor": sim, "pilot": sim, "lock": {"driver": "none"}, "meter": sim}


def test_nobody_reads_cards_where_no_reader_is_written(tmp_path):
    """Without [[reader]] no reader; with one it serves connector 1 unless it says otherwise."""
    assert File(tmp_path).load().reader == ()
    (reader,) = File(tmp_path, SMALLEST + '[[reader]]\ndriver = "sim"\n').load().reader
    assert reader == model.Reader({"driver": "sim"}, (1,))


def test_the_example_of_the_contract_is_valid(tmp_path):
    """Word for word but for `keep_days`, which is our own, and it says what the defaults say."""
    whole = File(tmp_path, WHOLE).load()
    for table in set(DEFAULTS) - {"charge_point", "site"}:
        assert getattr(whole, table) == getattr(File(tmp_path).load(), table)
    assert whole.charge_point.firmware_version == "1.4.2"
    assert whole.ocpp == {"HeartbeatInterval": "300", "MeterValueSampleInterval": "60"}
    assert whole.site.meter == (model.SiteMeter({"driver": "sim"}, 63.0, 6.0),)


def test_the_example_names_every_key_there_is():
    """A key that the program takes and the example lacks is a key that no test has seen."""
    rows = {name: {row.name for row in rows} for name, rows in TABLES.items()}
    written: dict[str, set[str]] = {}
    for line in WHOLE.splitlines():
        if line.startswith("["):
            keys = written.setdefault(line.strip("[]"), set())
        elif line:
            keys.add(line.split(" =")[0])
    assert {name: written[name] for name in rows} == rows
    optional = {row.name for row in CONNECTOR if row.default is None}
    assert written["connector"] >= {row.name for row in CONNECTOR} - optional
    assert written["site.meter"] == {"driver"} | {row.name for row in SITE_METER}
    assert written["reader"] == {"driver"} | {row.name for row in READER}
    assert all(row.name in WHOLE for row in TEMPERATURE)


RANGES = [
    ("csms", "message_timeout_s", 1, 300), ("csms", "boot_retry_s", 1, 86_400),
    ("csms", "reconnect_max_s", 1, 86_400), ("site", "supply_limit_a", 6, 1000), ("site", "nominal_voltage_v", 100, 250),
    ("storage", "keep_days", 1, 36_500), ("guard", "offer_valid_s", 2, 60), ("smart_charging", "composite_default_limit_a", 0, 1000),
    ("simulation", "energy_scale", 0, 100_000), ("simulation", "install_s", 0, 3600),
    ("connector", "max_current_a", 6, 80), ("site.meter", "fuse_a", 6, 1000), ("site.meter", "fallback_a", 0, 1000),
]


@pytest.mark.parametrize(("table", "key", "lowest", "highest"), RANGES, ids=lambda part: str(part))
def test_a_number_is_taken_within_its_range_only(tmp_path, table, key, lowest, highest):
    """Both ends as int and as float; beyond them, NaN and infinity are told with what is allowed (F-CFG)."""
    for value in (lowest, highest, float(lowest), float(highest)):
        assert File(tmp_path, WHOLE).set(table, key, str(value)).problems() == []
    beyond = {"nan", "inf", "-inf", "-1", str(highest * 1.01 + 1)} | ({str(lowest * 0.9)} if lowest else set())
    for value in beyond:
        file = File(tmp_path, WHOLE).set(table, key, value)
        (problem,) = file.problems()
        assert problem.startswith(f"{file.line(f'{key} =')}: {table}.{key}: ")
        assert "; allowed: " in problem


@pytest.mark.parametrize(("table", "key", "wrong"), [
    ("csms", "message_timeout_s", '"30"'), ("csms", "boot_retry_s", "true"), ("csms", "url", "9000"),
    ("csms", "compat", '"false"'), ("csms", "check_hostname", "1"), ("csms", "certificates_directory", "[]"),
    ("charge_point", "identity", "42"), ("charge_point", "vendor", "1979-05-27"), ("site", "phases", '"3"'),
    ("site", "phases", "2"), ("site", "phases", "true"), ("storage", "directory", '""'), ("guard", "socket", "{}"),
    ("charging", "after_power_loss", '"Stop"'), ("charging", "on_meter_loss", "[]"), ("log", "level", '"verbose"'),
    ("control", "http", "8080"), ("control", "http", '"8080"'), ("control", "http", '"localhost:99999"'),
    ("control", "http", '":80"'), ("control", "http", '"host:²"'), ("connector", "id", '"1"'), ("connector", "id", "1.5"),
    ("connector", "priority", "0.5"), ("connector", "wake_up", "true"), ("connector", "cable", '"tether"'), ("connector", "contactor", '"sim"'),
    ("connector", "contactor", "{}"), ("connector", "meter", "{ driver = 7 }"), ("reader", "connectors", "1"),
    ("reader", "connectors", "[]"), ("reader", "connectors", "[1, 1]"), ("reader", "connectors", "[true]"),
    ("reader", "connectors", f"[0x{'F' * 5000}]"), ("connector", "id", f"0x{'F' * 5000}"),
    ("storage", "directory", r'"a\u0000b"'),
], ids=lambda part: str(part)[:24])
def test_a_value_of_the_wrong_kind_is_told_at_its_line(tmp_path, table, key, wrong):
    """One mistake, one line: where, what, and what is allowed (F-CFG)."""
    file = File(tmp_path, WHOLE).set(table, key, wrong)
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line(f'{key} =')}: {table}.{key}: ")
    assert len(problem) < 400


@pytest.mark.parametrize(("table", "key", "longest"), [
    ("charge_point", "vendor", 20), ("charge_point", "model", 20), ("charge_point", "serial_number", 25), ("charge_point", "charge_box_serial_number", 25),
    ("charge_point", "firmware_version", 50), ("charge_point", "iccid", 20), ("charge_point", "imsi", 20),
    ("charge_point", "meter_type", 25), ("charge_point", "meter_serial_number", 25), ("charging", "free_id_tag", 20),
], ids=lambda part: str(part))
def test_text_is_as_long_as_ocpp_allows_and_no_longer(tmp_path, table, key, longest):
    """CiString lengths of BootNotification and idTag; printable ASCII only."""
    assert File(tmp_path, WHOLE).set(table, key, f'"{"x" * longest}"').problems() == []
    for wrong in ("x" * (longest + 1), "grün", r"a\tb"):
        (problem,) = File(tmp_path, WHOLE).set(table, key, f'"{wrong}"').problems()
        assert f"{table}.{key}: " in problem


def test_an_identity_may_have_any_printable_character(tmp_path):
    """It goes percent-encoded into the URL, also where it is not ASCII (WS-2); control characters are a mistake."""
    for fine in ("x" * 255, "Bahnhof Süd / 1?#%", "充電器 7"):
        assert File(tmp_path, WHOLE).set("charge_point", "identity", f'"{fine}"').load().charge_point.identity == fine
    for wrong in ("x" * 256, r"a\tb", r"a\nb", r"a\u0000b"):
        (problem,) = File(tmp_path, WHOLE).set("charge_point", "identity", f'"{wrong}"').problems()
        assert "charge_point.identity: " in problem


@pytest.mark.parametrize("key", ["identity", "vendor", "model"])
def test_what_is_required_may_not_be_empty(tmp_path, key):
    """BootNotification needs vendor and model, the URL needs the identity."""
    (problem,) = File(tmp_path).set("charge_point", key, '""').problems()
    assert f"charge_point.{key}" in problem


@pytest.mark.parametrize("url", ["", "ws://cs.example/ocpp", "wss://cs.example:8443/a/b", "ws://[::1]:9000/ocpp", "ws://h"])
def test_an_endpoint_is_a_websocket_url_or_nothing(tmp_path, url):
    """Nothing: no central system."""
    assert File(tmp_path).set("csms", "url", f'"{url}"').load().csms.url == url


@pytest.mark.parametrize("url", [
    "http://cs.example/ocpp", "cs.example", "ws://", "ws:///ocpp", "ws://cs.example:0/", "ws://cs.example:99999/",
    "ws://cs.example/ocpp?x=1", "ws://cs.example/ocpp#top", "ws://u:secret@cs.example/", "ws://cs example/", "ws://[::1/", " ws://h",
])
def test_what_is_no_endpoint_is_refused_without_telling_a_password(tmp_path, url):
    """The line says what is allowed; user data in it is not repeated (T-SECRETS)."""
    (problem,) = File(tmp_path).set("csms", "url", f'"{url}"').problems()
    assert "csms.url: " in problem
    assert "allowed: a ws:// or wss:// URL" in problem
    assert "secret" not in problem


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path):
    """Wherever the daemon was started; certificates count from the storage directory."""
    file = File(tmp_path).set("storage", "directory", '"../state"').set("guard", "socket", '"run/guard.sock"')
    file.set("control", "socket", '"control.sock"')
    configuration = file.load()
    assert Path(configuration.storage.directory) == tmp_path.parent / "state"
    assert Path(configuration.guard.socket) == tmp_path / "run" / "guard.sock"
    assert Path(configuration.control.socket) == tmp_path / "control.sock"
    assert Path(configuration.csms.certificates_directory) == tmp_path.parent / "state" / "certificates"
    assert File(tmp_path).set("csms", "certificates_directory", '"/etc/evcp/ca"').load().csms.certificates_directory == "/etc/evcp/ca"


def test_the_pause_before_dialling_cannot_shrink(tmp_path):
    """reconnect_max_s below reconnect_min_s is a mistake of its own."""
    file = File(tmp_path, WHOLE).set("csms", "reconnect_min_s", "400")
    assert file.problems() == [f"{file.line('reconnect_max_s')}: csms.reconnect_max_s: is below reconnect_min_s; allowed: at least that"]


@pytest.mark.parametrize(("max_current_a", "supply_limit_a", "ceiling_a"), [(32, 16, 16), (16, 32, 16), (20.5, 20.5, 20.5)])
def test_the_ceiling_of_a_connector_is_the_lower_of_wiring_and_supply(tmp_path, max_current_a, supply_limit_a, ceiling_a):
    """Nothing that arrives over OCPP raises it (T-OVERPWR)."""
    file = File(tmp_path, WHOLE).set("connector", "max_current_a", str(max_current_a))
    assert file.set("site", "supply_limit_a", str(supply_limit_a)).load().ceiling_a(1) == ceiling_a


def test_heat_limits_stand_in_the_sensors_table(tmp_path):
    """They have defaults one by one, and are no options of the driver (contract.md section 2)."""
    file = File(tmp_path).set("connector", "temperature", '{ driver = "sim", derate_from_c = 50.5, stop_c = 85 }')
    (connector,) = file.load().connector
    assert connector.temperature_limits == model.TemperatureLimits(50.5, 75.0, 85.0)
    assert connector.temperature == {"driver": "sim"}
    (plain,) = File(tmp_path).set("connector", "temperature", '{ driver = "sim" }').load().connector
    assert plain.temperature_limits == model.TemperatureLimits(60.0, 75.0, 80.0)


@pytest.mark.parametrize(("limits", "key"), [
    ("derate_from_c = 75", "derate_to_c"), ("stop_c = 70", "stop_c"), ("derate_from_c = -1", "derate_from_c"),
    ("stop_c = 121", "stop_c"), ('derate_to_c = "75"', "derate_to_c"), ("stop_at_c = 80", "stop_at_c"),
])
def test_heat_limits_that_make_no_sense_are_refused(tmp_path, limits, key):
    """Each lies above the one before; none can be switched off by a high number."""
    file = File(tmp_path).set("connector", "temperature", f'{{ driver = "sim", {limits} }}')
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line('temperature')}: connector.temperature.{key}: ")


def test_only_drivers_of_the_simulation_make_a_simulated_world(tmp_path):
    """All simulated: one loop will do; some: there is a world; `none` is neither."""
    configuration = File(tmp_path).load()
    assert configuration.all_sim
    assert configuration.any_sim
    file = File(tmp_path).set("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/evcp-meter" }')
    assert not file.load().all_sim
    assert file.load().any_sim
