"""What must be set on a Raspberry Pi is looked for at every start, and told with its remedy when it is missing."""

from types import SimpleNamespace

import pytest

from controller.app import App
from controller.config import load
from controller.guard import process
from controller.shell.system_clock import SystemClock
from controller.store.memory import MemoryStore
from drivers import raspberry
from drivers.raspberry import advice

GPIO = ["sim", "gpio"]


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


@pytest.mark.parametrize(("model", "contactors"), [("ThinkPad\0", GPIO), ("Raspberry Pi 5\0", ["sim"])])
def test_there_is_no_advice_where_no_line_is_driven(machine, model, contactors):
    """A PC with a simulation has nothing to set."""
    (machine / "proc/device-tree/model").write_text(model)
    (machine / "boot/firmware/config.txt").unlink()
    assert advice(contactors, machine) == []


@pytest.fixture
def gpio_station(tmp_path):
    """A configuration that drives a contactor by a line; nothing of it is used."""
    file = tmp_path / "evcp.toml"
    file.write_text('[charge_point]\nidentity = "CP1"\nvendor = "Example"\nmodel = "Pi"\n[csms]\nurl = ""\n[[connector]]\nid = 1\n'
                    'contactor = { driver = "gpio", pin = 17 }\npilot = { driver = "pwm" }\nmeter = { driver = "sim" }\n')
    return load(file)


def test_the_status_warns_of_what_is_not_set(gpio_station, monkeypatch):
    """Looked at once, at the start, for those who never read a log (hardware-drivers 3.4)."""
    looks = []

    def look(contactors):
        looks.append(contactors)
        return ["set this"]

    monkeypatch.setattr(raspberry, "advice", look)
    app = App(gpio_station, MemoryStore(), SystemClock(), mode="controller")
    warnings = [app.status()["warnings"] for _ in range(3)]
    assert looks == [["gpio"]]
    assert all(told[-1] == "set this" and "security profile 0" in told[0] for told in warnings)


def test_the_guard_says_at_its_start_what_is_not_set(gpio_station, monkeypatch, capfd):
    """Before the first cycle, to the service manager's log (F-SAFEKILL)."""
    said = []
    for part in ("build_world", "build_guard", "listen", "SocketGuardEnd"):
        monkeypatch.setattr(process, part, lambda *_arguments, **_named: None)
    monkeypatch.setattr("controller.guard.process.gc", SimpleNamespace(collect=int, freeze=int, disable=int))
    monkeypatch.setattr(process, "advice", lambda contactors: [f"set this for {contactors}"])
    monkeypatch.setattr(process, "become_real_time", lambda: ["no real-time priority"])
    monkeypatch.setattr(process.Process, "run", lambda _self: said.append(capfd.readouterr().err))
    process.run(gpio_station)
    assert said == ["guard: no real-time priority\nguard: set this for ['gpio']\n"]
