"""A configuration that cannot be used: every mistake is told, at its line, with what is allowed (F-CFG)."""

import pytest

from controller.config import load
from controller.errors import ConfigurationError
from tests.unit.config.files import SMALLEST, WHOLE, File

REQUIRED = [("charge_point", "identity"), ("charge_point", "vendor"), ("charge_point", "model"), ("csms", "url"),
            ("connector", "id"), ("connector", "contactor"), ("connector", "pilot"), ("connector", "meter")]


@pytest.mark.parametrize(("table", "key"), REQUIRED, ids=lambda part: part)
def test_what_is_missing_is_told_at_the_line_of_its_table(tmp_path, table, key):
    """There is no line of its own to point at."""
    file = File(tmp_path).without(f"{key} =")
    header = f"[[{table}]]" if table == "connector" else f"[{table}]"
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line(header)}: {table}.{key}: is missing; allowed: ")


def test_a_missing_table_is_told_at_line_1(tmp_path):
    """Where not even its table is, the first line has to do."""
    found = File(tmp_path, SMALLEST.split("[csms]", maxsplit=1)[0]).problems()
    assert [problem.split(" is missing")[0] for problem in found] == ["1: csms.url:", "1: connector:"]


def test_an_empty_file_lacks_everything_required(tmp_path):
    """One line for each key, and one for the connectors."""
    found = File(tmp_path, "").problems()
    assert [problem.split(":")[0] for problem in found] == ["1"] * 5
    assert [problem.split(": ")[1] for problem in found] == [
        "charge_point.identity", "charge_point.vendor", "charge_point.model", "csms.url", "connector"]


@pytest.mark.parametrize(("table", "key", "hint"), [
    ("charge_point", "identiy", 'did you mean "identity"?'), ("csms", "message_timeout", 'did you mean "message_timeout_s"?'),
    ("connector", "max_current", 'did you mean "max_current_a"?'), ("site.meter", "fuse", None), ("log", "colour", "allowed: level"),
    ("reader", "connector", None), ("site", "meters", 'did you mean "meter"?'), ("ocpp", "HeartBeatIntervall", None),
], ids=lambda part: str(part))
def test_an_unknown_key_is_told_with_the_nearest_name(tmp_path, table, key, hint):
    """Or, where nothing is near, with all there are."""
    file = File(tmp_path, WHOLE).set(table, key, "1")
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line(f'{key} =')}: {table}.{key}: ")
    assert hint is None or hint in problem


@pytest.mark.parametrize(("table", "hint"), [("chargepoint", 'did you mean "charge_point"?'), ("connectors", 'did you mean "connector"?'),
                                             ("bananas", "allowed: charge_point, charging, ")])
def test_an_unknown_table_is_told(tmp_path, table, hint):
    """At the line of its header."""
    file = File(tmp_path, f"{WHOLE}\n[{table}]\nid = 1\n")
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line(f'[{table}]')}: {table}: unknown table")
    assert hint in problem


def test_every_mistake_is_told_in_the_order_of_the_file(tmp_path):
    """Not only the first; those of [ocpp] and of drivers too (contract.md section 1)."""
    file = File(tmp_path, WHOLE).set("csms", "compat", "1").set("ocpp", "HeartbeatInterval", "0").set("log", "level", '"all"')
    file.set("connector", "meter", '{ driver = "modbus", model = "sdm63O", port = "/dev/x" }').set("reader", "driver", '"pn523"')
    file.without("vendor")
    found = file.problems()
    assert [problem.split(": ")[:2] for problem in found] == [
        [str(file.line("[charge_point]")), "charge_point.vendor"], [str(file.line("compat")), "csms.compat"],
        [str(file.line("HeartbeatInterval")), "ocpp.HeartbeatInterval"], [str(file.line("level")), "log.level"],
        [str(file.line("meter =")), "connector.meter.model"], [str(file.line("driver", 2)), "reader.driver"]]


def test_a_mistake_in_one_connector_raises_none_elsewhere(tmp_path):
    """Reader, phase rotation and the second connector judge by what is meant, not by what is left."""
    second = WHOLE[WHOLE.index("[[connector]]"):WHOLE.index("[[reader]]")].replace("id = 1", "id = 2").replace('"socket"', '"sokcet"')
    file = File(tmp_path, WHOLE + second).set("reader", "connectors", "[1, 2]")
    file.set("ocpp", "ConnectorPhaseRotation", '"0.RST,1.RST,2.RST"')
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line('cable', 2)}: connector.cable: ")


@pytest.mark.parametrize(("ids", "wrong"), [((2,), [2]), ((1, 1), [1]), ((1, 3), [3]), ((2, 1), [2, 1]), ((0,), None), ((-1,), None)])
def test_connectors_are_numbered_without_gaps(tmp_path, ids, wrong):
    """1, 2, ... in the order of the file."""
    blocks = SMALLEST.split("[[connector]]")
    text = blocks[0] + "".join("[[connector]]" + blocks[1].replace("id = 1", f"id = {number}") for number in ids)
    found = File(tmp_path, text).problems()
    assert all(": connector.id: " in problem for problem in found)
    if wrong is not None:
        assert [problem.split(": ")[2].split(" ")[0] for problem in found] == [str(number) for number in wrong]
    assert found


def test_a_reader_serves_connectors_that_are_there(tmp_path):
    """A card there could never mean anything."""
    file = File(tmp_path, WHOLE).set("reader", "connectors", "[1, 2]")
    assert file.problems() == [f"{file.line('connectors')}: reader.connectors: 2 is no connector; allowed: [1]"]


def test_a_tethered_cable_has_no_lock(tmp_path):
    """A bolt would hold nothing; UnlockConnector would promise it."""
    file = File(tmp_path, WHOLE).set("connector", "cable", '"tethered"')
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line('lock')}: connector.lock: a tethered cable has no lock")
    assert file.set("connector", "lock", '{ driver = "none" }').problems() == []


def test_there_is_one_grid_meter_at_most(tmp_path):
    """The second is told, at its line."""
    file = File(tmp_path, WHOLE + '\n[[site.meter]]\ndriver = "sim"\n')
    (problem,) = file.problems()
    assert problem.startswith(f"{file.line('[[site.meter]]', 2)}: site.meter: is a second grid meter")


@pytest.mark.parametrize(("table", "key", "value", "name"), [
    ("connector", "meter", '{ driver = "modbus" }', "connector.meter"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630" }', "connector.meter"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "" }', "connector.meter.port"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/x", address = 0 }', "connector.meter.address"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/x", address = 248 }', "connector.meter.address"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/x", address = "1" }', "connector.meter.address"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/x", parity = "X" }', "connector.meter.parity"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/x", baud_rate = 1 }', "connector.meter.baud_rate"),
    ("connector", "meter", '{ driver = "modbus", model = "sdm630", port = "/dev/x", baud = 1 }', "connector.meter.baud"),
    ("connector", "pilot", '{ driver = "sin" }', "connector.pilot.driver"),
    ("connector", "lock", '{ driver = "sim", pulse = 1 }', "connector.lock.pulse"),
    ("connector", "buzzer", '{ driver = "bell" }', "connector.buzzer.driver"),
    ("reader", "driver", '""', "reader.driver"), ("reader", "driver", "1", "reader.driver"), ("site.meter", "driver", '"simm"', "site.meter.driver"),
], ids=lambda part: str(part)[:70])
def test_a_driver_checks_its_own_options(tmp_path, table, key, value, name):
    """Without touching hardware; the key at fault is named."""
    file = File(tmp_path, WHOLE).set(table, key, value)
    (problem,) = file.problems()
    header = 0 if table == "connector" else file.line(f"[[{table}]]")
    line = next(n for n, text in enumerate(file.text.splitlines(), 1) if n > header and text.startswith(f"{key} ="))
    assert problem.startswith(f"{line}: {name}: ")


def test_a_whole_number_of_a_driver_may_be_written_with_a_point(tmp_path):
    """A number may be written as int or float (contract.md section 2), in a driver's options too."""
    meter = '{ driver = "modbus", model = "sdm630", port = "/dev/x", address = 2.0, baud_rate = 9600.0 }'
    assert File(tmp_path).set("connector", "meter", meter).problems() == []


def test_load_raises_all_of_it(tmp_path):
    """What `run` prints before exit 4 is what `config check` prints."""
    file = File(tmp_path, "")
    found = file.problems()
    with pytest.raises(ConfigurationError) as raised:
        load(file.path)
    assert str(raised.value).splitlines() == raised.value.problems
    assert [problem.removeprefix(f"{file.path}:") for problem in raised.value.problems] == found


def test_the_guard_passes_the_ocpp_table_over(tmp_path):
    """It neither needs the keys nor loads what judges them."""
    file = File(tmp_path, WHOLE).set("ocpp", "HeartbeatInterval", "0")
    assert len(file.problems()) == 1
    assert load(file.path, with_ocpp=False).ocpp == {}
