"""The systemd units: what they start exists, and they restart, watch and confine as the contract says."""

import argparse
import configparser
import importlib
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.guard.decide import OPEN_UNDER_LOAD_AFTER_S
from controller.guard.process import PRIORITY
from tests.house.sources import ROOT

UNITS = ("evcp-guard.service", "evcp-controller.service")


def unit(name: str) -> configparser.ConfigParser:
    """A unit file; keys that may be repeated are not used in ours."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment]  # keys keep their capitals
    parser.read(ROOT / "systemd" / name)
    return parser


@pytest.mark.parametrize("name", UNITS)
def test_the_units_start_a_verb_that_evcp_has(name):
    """`ExecStart` is parsed as the program would parse it."""
    program, verb, *arguments = unit(name)["Service"]["ExecStart"].split()
    assert Path(program).name == "evcp"
    parser = argparse.ArgumentParser()
    importlib.import_module(f"controller.cli.{verb}").add_arguments(parser)
    parser.parse_args(arguments)


@pytest.mark.parametrize("name", UNITS)
def test_the_units_restart_always_but_not_with_an_invalid_configuration(name):
    """Whatever ends the process, it comes back; only exit code 4 needs a person first (F-CFG)."""
    service = unit(name)["Service"]
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "4"
    assert unit(name)["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("name", UNITS)
def test_the_units_leave_time_for_a_controlled_stop(name):
    """A car that does not let go is given its 6 s before anybody is killed: exit within 8 s."""
    assert float(unit(name)["Service"]["TimeoutStopSec"]) >= OPEN_UNDER_LOAD_AFTER_S + 2


@pytest.mark.parametrize("name", UNITS)
def test_the_units_run_unprivileged_and_confined(name):
    """Own user, no new privileges, a file system that is read-only but for what the daemon owns (T-SECRETS, T-SERVICE)."""
    service = unit(name)["Service"]
    assert service["User"] == "evcp"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["ProtectHome"] == "yes"


def test_the_guard_may_have_what_real_time_needs():
    """Priority and locked memory are permitted to the guard, and to it alone."""
    guard, controller = (unit(name)["Service"] for name in UNITS)
    assert int(guard["LimitRTPRIO"]) >= PRIORITY
    assert guard["LimitMEMLOCK"] == "infinity"
    assert "LimitRTPRIO" not in controller


def test_the_guard_leaves_the_lines_safe_however_it_ends():
    """`ExecStopPost` runs after a crash and after SIGKILL too, when the kernel has left the contactor as it was."""
    interpreter, *words = unit("evcp-guard.service")["Service"]["ExecStopPost"].split()
    program, *arguments = [word for word in words if word not in ("-I", "-S")]
    assert interpreter.startswith("+"), "it may need more than the guard's own user has"
    assert (ROOT / "systemd" / Path(program).name).exists()
    assert arguments == ["--config", "/etc/evcp/evcp.toml"]
    assert "ExecStopPost" not in unit("evcp-controller.service")["Service"]


def test_the_guard_has_no_network_at_all():
    """It speaks over its Unix socket and nothing else."""
    assert unit("evcp-guard.service")["Service"]["RestrictAddressFamilies"] == "AF_UNIX"


def test_the_guard_is_watched_more_closely_than_the_controller():
    """A guard that hangs under load is killed within 2 s, and the last resort opens its contactors (F-SAFEKILL)."""
    service = unit("evcp-guard.service")["Service"]
    assert service["Type"] == "notify"
    assert service["WatchdogSec"] == "2"


def test_the_controller_is_watched_by_the_service_manager():
    """It says when it is ready, and a loop that hangs for ten seconds is restarted."""
    service = unit("evcp-controller.service")["Service"]
    assert service["Type"] == "notify"
    assert service["WatchdogSec"] == "10"


@pytest.mark.parametrize("name", UNITS)
def test_systemd_itself_finds_nothing_wrong_with_the_units(name, tmp_path):
    """`systemd-analyze verify`, with a program in place of the one that only an installation has."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine")
    for other in UNITS:
        text = (ROOT / "systemd" / other).read_text()
        (tmp_path / other).write_text(text.replace(unit(other)["Service"]["ExecStart"].split()[0], "/bin/true"))
    done = subprocess.run([analyze, "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
    assert not complaints, complaints
