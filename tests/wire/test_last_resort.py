"""The last-resort program: standard library only, every line inactive and every pilot steady, whatever else is broken."""

import importlib.machinery
import importlib.util
import struct
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "systemd" / "evcp-safe-off"


@pytest.fixture(scope="module")
def last_resort():
    """The program as a module."""
    loader = importlib.machinery.SourceFileLoader("evcp_safe_off", str(PROGRAM))
    spec = importlib.util.spec_from_loader("evcp_safe_off", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_it_runs_without_site_packages_and_without_our_environment(tmp_path):
    """`python3 -I -S` has the standard library and nothing else: as the service manager starts it (F-SAFEKILL)."""
    file = tmp_path / "evcp.toml"
    file.write_text('[[connector]]\nid = 1\ncontactor = { driver = "gpio", pin = 17, active_low = true }\n'
                    'pilot = { driver = "pwm", channel = 1 }\n')
    ended = subprocess.run([sys.executable, "-I", "-S", str(PROGRAM), "--config", str(file), "--dry-run"],
                           capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 0
    assert ended.stdout == "inactive: [GPIO17 (active low)]; steady: [(None, 1, False)]\n"


def test_every_line_that_could_energise_something_is_named(last_resort):
    """Coils, keep-alive lines and phase switches of every connector; simulated ones have no line."""
    lines, pilots = last_resort.wanted({"connector": [
        {"contactor": {"driver": "gpio", "pin": 17, "keep_alive_pin": 22}, "phase_switch": {"driver": "gpio", "pin": 23},
         "pilot": {"driver": "pwm", "chip": 2, "inverted": True}},
        {"contactor": {"driver": "sim"}, "pilot": {"driver": "sim"}},
    ]})
    assert [line.pin for line in lines] == [17, 22, 23]
    assert pilots == [(2, 0, True)]


@pytest.mark.parametrize("active_low", [False, True])
def test_a_line_is_claimed_at_its_inactive_level(last_resort, active_low):
    """The kernel's request: one output line, its logical value 0, active low where the board is (struct gpio_v2_line_request)."""
    content = last_resort.request(last_resort.Line(17, active_low))
    flags, attributes = struct.unpack_from("=QI", content, 288)
    identifier, _padding, values, mask = struct.unpack_from("=IIQQ", content, 320)
    assert len(content) == 592
    assert struct.unpack_from("=I", content, 0) == (17,)
    assert flags == (1 << 3) | ((1 << 1) if active_low else 0)
    assert (attributes, identifier, values, mask) == (1, 2, 0, 1)
    assert struct.unpack_from("=I", content, 560) == (1,)


def test_a_line_that_the_dead_process_still_holds_is_tried_again(last_resort, tmp_path):
    """The kernel takes lines back a moment after a process has died."""
    chip = tmp_path / "gpiochip0"
    chip.touch()
    times = iter([0.0, 0.02, 0.04, 0.06])
    tries = []

    def ioctl(_descriptor, _code, content):
        tries.append(content)
        if len(tries) < 3:
            raise OSError(16, "Device or resource busy")
        return content

    last_resort.make_inactive(str(chip), last_resort.Line(17), ioctl=ioctl, clock=lambda: next(times), sleep=lambda _s: None)
    assert len(tries) == 3


def test_a_line_that_stays_busy_is_told_in_the_end(last_resort, tmp_path):
    """It does not wait for ever: the other lines need it too."""
    chip = tmp_path / "gpiochip0"
    chip.touch()
    times = iter([0.0, 0.5, 1.5])

    def ioctl(_descriptor, _code, _content):
        raise OSError(16, "Device or resource busy")

    with pytest.raises(OSError, match="busy"):
        last_resort.make_inactive(str(chip), last_resort.Line(17), ioctl=ioctl, clock=lambda: next(times), sleep=lambda _s: None)


@pytest.mark.parametrize(("inverted", "duty"), [(False, "1000000\n"), (True, "0\n")])
def test_an_exported_pilot_goes_to_steady_twelve_volts(last_resort, tmp_path, inverted, duty):
    """The kernel's PWM outlives every process; what it must not outlive with is an offer (hardware-drivers 3.4)."""
    folder = tmp_path / "pwmchip0" / "pwm0"
    folder.mkdir(parents=True)
    (folder / "period").write_text("1000000\n")
    (folder / "duty_cycle").write_text("266666\n")
    last_resort.steady(None, 0, inverted, root=str(tmp_path))
    assert (folder / "duty_cycle").read_text() == duty


def test_what_goes_wrong_is_told_and_nothing_else_is_left_undone(last_resort, tmp_path, capsys, monkeypatch):
    """One chip that is gone must not leave the other lines on."""
    done = []

    def make_inactive(_chip, line):
        if line.pin == 17:
            raise OSError("no such line")
        done.append(line.pin)

    monkeypatch.setattr(last_resort, "header_chip", lambda: "/dev/gpiochip0")
    monkeypatch.setattr(last_resort, "make_inactive", make_inactive)
    assert last_resort.main(["--pin", "17", "--pin", "23"]) == 1
    assert done == [23]
    assert "GPIO17: no such line" in capsys.readouterr().err


def test_a_configuration_that_cannot_be_read_is_told(last_resort, tmp_path, capsys):
    """Exit 1: the service manager's log says why nothing was switched off by it."""
    assert last_resort.main(["--config", str(tmp_path / "none.toml")]) == 1
    assert "none.toml" in capsys.readouterr().err
