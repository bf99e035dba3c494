"""What must be set on a Raspberry Pi is looked for at every start, and told with its remedy when it is missing."""

import pytest

from drivers.raspberry import advice

GPIO = {"contactor": "gpio", "pilot": "pwm"}


@pytest.fixture
def machine(tmp_path):
    """A Pi on which everything is set."""
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "boot/firmware/config.txt": "dtparam=audio=off\ndtparam=strict_gpiod\n",
        "dev/watchdog0": "", "etc/systemd/system.conf": "[Manager]\nRuntimeWatchdogSec=10\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_pi_that_is_set_right_gets_no_advice(machine):
    """Silence means that the layers are there (F-SAFEKILL)."""
    assert advice(GPIO, machine) == []


@pytest.mark.parametrize(("missing", "remedy"), [
    ("boot/firmware/config.txt", "dtparam=strict_gpiod"), ("dev/watchdog0", "dtparam=watchdog=on"),
    ("etc/systemd/system.conf", "RuntimeWatchdogSec=10"),
])
def test_each_missing_setting_is_told_with_its_remedy(machine, missing, remedy):
    """An installer reads one sentence and knows the line to add (hardware-drivers 3.4)."""
    (machine / missing).unlink()
    (sentence,) = advice(GPIO, machine)
    assert remedy in sentence


@pytest.mark.parametrize(("value", "fine"), [("N", True), ("Y", False)])
def test_the_kernels_own_parameter_beats_the_file(machine, value, fine):
    """config.txt says what the next boot does; the running kernel says what is (hardware-drivers 3.4)."""
    parameter = machine / "sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs"
    parameter.parent.mkdir(parents=True)
    parameter.write_text(f"{value}\n")
    assert (advice(GPIO, machine) == []) is fine


def test_a_watchdog_that_is_switched_off_is_told(machine):
    """The last value in the file counts, and 0 is off."""
    (machine / "etc/systemd/system.conf").write_text("RuntimeWatchdogSec=10\nRuntimeWatchdogSec=0\n")
    assert any("RuntimeWatchdogSec" in sentence for sentence in advice(GPIO, machine))


@pytest.mark.parametrize(("model", "devices"), [("ThinkPad\0", GPIO), ("Raspberry Pi 5\0", {"contactor": "sim"})])
def test_there_is_no_advice_where_no_line_is_driven(machine, model, devices):
    """A PC with a simulation has nothing to set."""
    (machine / "proc/device-tree/model").write_text(model)
    (machine / "boot/firmware/config.txt").unlink()
    assert advice(devices, machine) == []
