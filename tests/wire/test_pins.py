"""The pin table that an installer wires by: complete, in the order of the header, and honest about what is in the way."""

import json

import pytest

from controller.__main__ import main
from drivers.pins import Pin, conflicts

CONFIGURATION = """
[charge_point]
identity = "CP1"
vendor = "Example"
model = "Pi"
[csms]
url = ""
[[connector]]
id = 1
contactor = {{ driver = "gpio", pin = {coil}, feedback_pin = 27 }}
pilot = {{ driver = "pwm" }}
proximity = {{ driver = "adc" }}
meter = {{ driver = "modbus", model = "sdm630", port = "/dev/evcp-meter" }}
emergency_stop = {{ driver = "gpio", pin = {stop} }}
[[reader]]
driver = "pn532"
interface = "i2c"
"""


@pytest.fixture
def configured(tmp_path):
    """Writes a configuration with these pins."""

    def write(coil=17, stop=16):
        file = tmp_path / "evcp.toml"
        file.write_text(CONFIGURATION.format(coil=coil, stop=stop))
        return str(file)

    return write


def test_every_line_of_every_device_is_in_the_table_in_header_order(configured, capsys):
    """An installer wires from top to bottom: GPIO, place on the header, direction, meaning."""
    assert main(["config", "pins", configured(), "--json"]) == 0
    pins = json.loads(capsys.readouterr().out)["pins"]
    assert [pin["header"] for pin in pins] == sorted(pin["header"] for pin in pins)
    assert {pin["gpio"]: pin["direction"] for pin in pins} == {
        2: "bus", 3: "bus", 17: "out", 27: "in", 10: "out", 9: "in", 11: "out", 8: "out", 12: "out", 16: "in"}


def test_a_bus_that_two_devices_share_stands_once(configured, capsys):
    """Pilot and proximity are read by one converter: its lines are wired once."""
    main(["config", "pins", configured()])
    assert capsys.readouterr().out.count("SPI SCLK") == 1


@pytest.mark.parametrize("action", ["check", "pins"])
def test_a_pin_that_two_devices_want_is_a_mistake_of_the_configuration(configured, capsys, action):
    """Two functions on one line would fight: that is told with file and line before anything is driven (F-CFG, F-GPIO)."""
    assert main(["config", action, configured(stop=17)]) == 4
    assert "evcp.toml:8: connector: GPIO17 is used twice: connector 1 contactor: contactor coil driver" in capsys.readouterr().out


def test_a_coil_on_a_pin_that_is_high_at_power_up_is_told(configured, capsys):
    """GPIO 0 to 8 are pulled up until the program starts: a relay there closes before anybody watches (hardware-drivers 3.2)."""
    assert main(["config", "pins", configured(coil=7)]) == 1
    assert "GPIO7 is pulled up until the program starts" in capsys.readouterr().out


def test_a_line_and_a_bus_on_one_pin_are_in_each_others_way():
    """A bus line may be shared by devices of the bus only."""
    pins = [Pin(8, "out", "SPI chip select 0 (converter)"), Pin(8, "in", "connector 1 tamper: contact to ground")]
    assert conflicts(pins) == ["GPIO8 is used twice: SPI chip select 0 (converter); connector 1 tamper: contact to ground"]


def test_a_configuration_that_is_wrong_has_no_table(configured, capsys):
    """Mistakes come first, as from `config check`, with exit 4."""
    assert main(["config", "pins", configured(coil=99)]) == 4
    assert "99 is no GPIO" in capsys.readouterr().out


def test_a_simulated_charge_point_uses_no_pins(tmp_path, capsys):
    """There is nothing to wire."""
    file = tmp_path / "evcp.toml"
    file.write_text('[charge_point]\nidentity = "CP1"\nvendor = "E"\nmodel = "P"\n[csms]\nurl = ""\n[[connector]]\nid = 1\n'
                    'contactor = { driver = "sim" }\npilot = { driver = "sim" }\nmeter = { driver = "sim" }\n')
    assert main(["config", "pins", str(file)]) == 0
    assert capsys.readouterr().out == "no pin of the header is used\n"
