"""One daemon per storage directory (contract.md section 1)."""

import os
import subprocess
import sys

import pytest

from controller.errors import AlreadyRunning, StorageError
from controller.store.lock import DirectoryLock

HOLDS = """
import sys, time
from controller.store.lock import DirectoryLock
DirectoryLock(sys.argv[1], "/etc/evcp/one.toml").acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_daemon_is_refused_and_told_who_holds_the_directory(tmp_path):
    """Its message names process and configuration of the first."""
    first = DirectoryLock(str(tmp_path), "/etc/evcp/one.toml")
    first.acquire()
    with pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}, configuration /etc/evcp/one.toml"):
        DirectoryLock(str(tmp_path), "/etc/evcp/two.toml").acquire()
    first.release()


def test_a_released_directory_is_free(tmp_path):
    """And the next holder's name stands in the place of the longer one before."""
    first = DirectoryLock(str(tmp_path), "/a/very/long/path/to/the/configuration/of/the/first.toml")
    first.acquire()
    first.release()
    second = DirectoryLock(str(tmp_path), "/two.toml")
    second.acquire()
    assert (tmp_path / "evcp.lock").read_text() == f"pid {os.getpid()}, configuration /two.toml"
    second.release()


def test_the_lock_dies_with_its_holder(tmp_path):
    """SIGKILL leaves the file but not the lock (F-KILL)."""
    child = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    lock = DirectoryLock(str(tmp_path), "/two.toml")
    with pytest.raises(AlreadyRunning, match=f"pid {child.pid}"):
        lock.acquire()
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()
    lock.acquire()
    lock.release()


def test_other_directories_are_free(tmp_path):
    """Ten instances can run side by side on one machine."""
    locks = [DirectoryLock(str(tmp_path / str(number)), "/one.toml") for number in range(10)]
    for lock in locks:
        lock.acquire()
    for lock in locks:
        lock.release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    """The caller decides what to do without it; the message says which and why."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/state cannot be used: Not a directory"):
        DirectoryLock(str(tmp_path / "file" / "state"), "/one.toml").acquire()
