"""Where the daemon writes, and what becomes of it where it cannot (`contract.md` sections 1, 3, F-RO)."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.daemon import Daemon, Site, configuration
from tests.process.independent_csms import CentralSystem

EAGER = {"request_after_s": 0.05, "current_a": 16}


def unusable_storage(site: Site, csms: CentralSystem) -> Path:
    """A configuration whose storage directory would lie below a regular file: even root cannot make that."""
    obstacle = site.folder / "obstacle"
    obstacle.write_text("in the way")
    site.write(configuration(url=csms.url).replace('directory = "state"', 'directory = "obstacle/state"'))
    return obstacle


def test_a_storage_directory_that_cannot_be_made_leaves_a_daemon_that_says_so(site, csms):
    """It runs, every connector is Faulted with InternalError, status and log name the cause, nothing charges (F-RO)."""
    obstacle = unusable_storage(site, csms)
    daemon = site.start()
    row = daemon.until_status("Faulted")
    assert row["error_code"] == "InternalError"
    assert any(str(obstacle) in warning for warning in daemon.status()["warnings"])
    assert str(obstacle) in daemon.log
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    daemon.until_world(ev="B")
    assert csms.received("StartTransaction") == []
    assert (daemon.world()["pwm_duty"], daemon.world()["contactor"]) == (1.0, False)
    csms.until_status("Faulted")
    assert csms.complaints == []
    assert daemon.end() == 0


def test_it_recovers_by_itself_when_the_storage_directory_can_be_made(site, csms):
    """No restart by hand: Available within seconds, and what is stored then survives (F-RO)."""
    obstacle = unusable_storage(site, csms)
    daemon = site.start()
    daemon.until_status("Faulted")
    obstacle.unlink()
    csms.until_status("Available", within_s=12)
    daemon.wait_until_ready()
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    assert daemon.process.poll() is None


@pytest.fixture
def full_disk(site: Site) -> Iterator[Path]:
    """The storage directory on a file system of its own with not a byte free; the path of what fills it."""
    site.state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", str(site.state)], check=False,
                             capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a file system is not permitted here")
    filler = site.state / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    yield filler
    subprocess.run(["umount", "-l", str(site.state)], check=True)


def test_a_full_disk_leaves_a_daemon_that_says_so_and_recovers(site, csms, full_disk):
    """Faulted with InternalError while nothing can be stored; Available without a restart by hand when space is back (F-FULL)."""
    site.write(configuration(url=csms.url))
    daemon = site.start()
    row = daemon.until_status("Faulted")
    assert row["error_code"] == "InternalError"
    assert any("stored" in warning for warning in daemon.status()["warnings"])
    full_disk.unlink()
    csms.until_status("Available", within_s=15)
    daemon.wait_until_ready()
    charge_once(daemon, csms)
    assert csms.complaints == []


def charge_once(daemon: Daemon, csms: CentralSystem) -> None:
    """One whole session."""
    daemon.sim("plug", connector=1, ev=EAGER)
    daemon.sim("swipe", id_tag="04A1B2C3")
    csms.until_status("Charging")
    daemon.sim("unplug", connector=1)
    csms.until_status("Available")


def test_everything_that_is_written_lies_under_the_storage_directory(site, csms):
    """After a session and an end: only the state directory is new, and its files are for the owner alone (T-SECRETS)."""
    site.write(configuration(url=csms.url))
    before = set(site.folder.rglob("*"))
    daemon = site.start("run", "--split")
    charge_once(daemon, csms)
    opened = {name for pid in [daemon.process.pid, *daemon.children()] for name in regular_files_open_for_writing(pid)}
    assert daemon.end() == 0
    new = {path for path in set(site.folder.rglob("*")) - before if path != daemon.log_file}
    assert {path for path in new if site.state not in path.parents} <= {site.state, site.control}
    assert {name for name in opened if Path(name) != daemon.log_file and site.state not in Path(name).parents} == set()
    assert {oct(path.stat().st_mode & 0o077) for path in new if site.state in path.parents or path == site.state} == {"0o0"}


def regular_files_open_for_writing(pid: int) -> set[str]:
    """Paths of regular files that the process may write to, read from /proc."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = str(entry.readlink())
            flags = int(Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text().split("flags:")[1].split()[0], 8)
        except OSError:
            continue
        if flags & (os.O_WRONLY | os.O_RDWR) and name.startswith("/") and os.path.isfile(name):
            found.add(name)
    return found


def test_ten_instances_run_side_by_side(sites, csms):
    """Each with its own folder and identity, all on one machine, all charging (`contract.md` section 1)."""
    for number, site in enumerate(sites):
        site.write(configuration(url=csms.url, identity=f"CP-{number}"))
    daemons = [site.start(ready=False) for site in sites]
    for daemon in daemons:
        daemon.wait_until_ready()
        daemon.sim("plug", connector=1, ev=EAGER)
        daemon.sim("swipe", id_tag="04A1B2C3")
    for number in range(10):
        csms.until_status("Charging", identity=f"CP-{number}", within_s=15)
    assert len({f[1] for _, f in csms.frames if f[0] == 2}) == len([f for _, f in csms.frames if f[0] == 2])
    assert csms.complaints == []
