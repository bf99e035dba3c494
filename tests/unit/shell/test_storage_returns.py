"""The daemon began without a storage, and the storage comes back: an orderly end, then a new start (contract section 3)."""

import os
import signal
import threading

import pytest

from controller import app as daemon
from controller.config import load
from tests.rig.charge_point import configuration_text


@pytest.fixture
def story(tmp_path, monkeypatch):
    """What the process did, in order; its storage cannot be made because a file is in the way."""
    told = []
    shut_down = daemon.App._shut_down

    async def noted(self):
        await shut_down(self)
        told.append(f"shut down, contactor {'closed' if self._world.outlet(1).closed else 'open'}")

    monkeypatch.setattr(daemon.App, "_shut_down", noted)
    monkeypatch.setattr(os, "execv", lambda *_: told.append("start anew"))
    monkeypatch.setattr(daemon, "STORAGE_RETRY_S", 0.05)
    (tmp_path / "evcp.toml").write_text(configuration_text(url=""))
    (tmp_path / "state").write_text("in the way")
    mask = os.umask(0o022)
    yield told
    os.umask(mask)


def run(tmp_path, *, after_s=0.3):
    """The daemon, to its end; meanwhile somebody clears the way."""
    configuration = load(tmp_path / "evcp.toml")
    clearing = threading.Timer(after_s, (tmp_path / "state").unlink)
    clearing.start()
    try:
        return daemon.run_daemon(configuration, mode="together")
    finally:
        clearing.join()


def test_what_runs_is_shut_down_before_the_new_start(tmp_path, story):
    """No guard is left without its parent, no contactor closed: first the end in the right order, then the new start (F-RO)."""
    run(tmp_path)
    assert story == ["shut down, contactor open", "start anew"]


def test_who_was_told_to_end_does_not_start_anew(tmp_path, story, monkeypatch):
    """SIGTERM wins, even if it comes while the daemon is already on its way to a new start (F-STOP)."""
    shut_down = daemon.App._shut_down

    async def interrupted(self):
        os.kill(os.getpid(), signal.SIGTERM)
        await shut_down(self)

    monkeypatch.setattr(daemon.App, "_shut_down", interrupted)
    assert run(tmp_path) == 0
    assert story == ["shut down, contactor open"]


def test_a_guard_that_cannot_be_built_leaves_nothing_half_begun(tmp_path, story, monkeypatch):
    """Its error is the only thing that is heard, no coroutine that nobody awaited (contract section 1)."""
    def broken(*_args, **_more):
        raise RuntimeError("no such pin")

    monkeypatch.setattr(daemon, "build_guard", broken)
    with pytest.raises(RuntimeError, match="no such pin"):
        run(tmp_path)
    assert story == []
