"""Which ends of a start are counted, and what becomes of the state after ten (B6)."""

from pathlib import Path

import pytest

from controller import records as r
from controller.errors import StorageError
from controller.faults import FaultKind
from controller.shell import failed_starts
from controller.shell.failed_starts import TOO_MANY, FailedStarts
from controller.station.boot import ACCEPTED_NOTE
from controller.station.set_aside import SET_ASIDE_NOTE
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make

FULL = [*make.one_of_each, r.PutNote(ACCEPTED_NOTE, "yes"), r.Enqueue(make.message("m2")), r.Enqueue(make.message("m3")),
        r.Bury("m3", "refused")]


@pytest.fixture
def starts(tmp_path: Path) -> FailedStarts:
    return FailedStarts(str(tmp_path))


def fail(starts: FailedStarts, times: int = 1, error: BaseException | None = None) -> None:
    """So many starts end so."""
    for _ in range(times):
        with pytest.raises(BaseException), starts.watched():  # noqa: B017 - whatever it is
            raise error or ValueError("poison")


def found(starts: FailedStarts, tmp_path: Path) -> r.Durable:
    """What the next start finds."""
    store = SqliteStore(str(tmp_path))
    try:
        starts.set_aside(store)
        return store.load()
    finally:
        store.close()


@pytest.fixture
def full(tmp_path: Path) -> None:
    """A state with something of everything."""
    store = SqliteStore(str(tmp_path))
    store.commit(FULL)
    store.close()


@pytest.mark.usefixtures("full")
def test_nine_failed_starts_change_nothing(starts, tmp_path):
    """The tenth may succeed."""
    fail(starts, TOO_MANY - 1)
    assert found(starts, tmp_path).availability
    assert not list(tmp_path.glob("*.damaged*"))


@pytest.mark.usefixtures("full")
def test_after_ten_what_counts_is_kept_and_the_rest_set_aside(starts, tmp_path):
    """Debts in their order, the sessions they tell of, history, keys, latched faults and what lets it charge; nothing else."""
    fail(starts, TOO_MANY)
    durable = found(starts, tmp_path)
    assert [message.message_id for message in durable.outbox] == ["m1", "m2"]
    assert durable.transactions == (make.transaction(),)
    assert durable.settings == {"HeartbeatInterval": "300"}
    assert durable.latches == ((1, FaultKind.CONTACTOR_WELDED),)
    assert set(durable.notes) == {ACCEPTED_NOTE, SET_ASIDE_NOTE}
    assert (durable.availability, durable.cache, durable.transaction_data) == ((), (), {})
    aside = tmp_path / "evcp.db.damaged-1"
    assert aside.exists()
    assert durable.notes[SET_ASIDE_NOTE] == f"10 starts in a row ended by ValueError('poison'); the state before is kept as {aside}"


@pytest.mark.usefixtures("full")
def test_a_state_is_set_aside_only_once(starts, tmp_path):
    """The count begins anew: the next failure does not set the state aside again."""
    fail(starts, TOO_MANY)
    found(starts, tmp_path)
    fail(starts)
    found(starts, tmp_path)
    assert not (tmp_path / "evcp.db.damaged-2").exists()


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("between", ["well", "long"])
def test_a_start_that_lived_breaks_the_row(starts, tmp_path, monkeypatch, between):
    """Ended in order, or lived for an hour: the state can be lived with."""
    fail(starts, TOO_MANY - 1)
    if between == "well":
        with starts.watched():
            pass
        fail(starts)
    else:
        monkeypatch.setattr(failed_starts, "LIVED_S", 0.0)
        fail(starts)
        monkeypatch.undo()
    fail(starts, TOO_MANY - 2)
    assert found(starts, tmp_path).availability


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_what_somebody_ends_neither_counts_nor_breaks_the_row(starts, tmp_path, end):
    """A kill says nothing about the state; SIGKILL does not even get here."""
    fail(starts, TOO_MANY - 1)
    fail(starts, 20, end)
    assert found(starts, tmp_path).availability
    fail(starts)
    assert not found(starts, tmp_path).availability


def test_the_reason_is_the_exception_within_the_group(starts, tmp_path):
    """Tasks end in groups; what helps is what is inside."""
    SqliteStore(str(tmp_path)).load()
    fail(starts, TOO_MANY, ExceptionGroup("tasks", [ExceptionGroup("more", [KeyError("x" * 1000)])]))
    why = found(starts, tmp_path).notes[SET_ASIDE_NOTE]
    assert "KeyError('xxx" in why
    assert len(why) < 500


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("content", [b"", b"many\n", b"\xff\xfe", b"-10\nx"])
def test_a_count_that_cannot_be_read_counts_nothing(starts, tmp_path, content):
    """Torn by a power cut: begin at nothing, and go on counting."""
    (tmp_path / "failed-starts").write_bytes(content)
    assert found(starts, tmp_path).availability
    fail(starts, TOO_MANY)
    assert not found(starts, tmp_path).availability


def test_without_any_state_there_is_nothing_to_set_aside(starts, tmp_path):
    """The directory was emptied meanwhile: begin as out of the box, without a report."""
    fail(starts, TOO_MANY)
    assert found(starts, tmp_path) == r.Durable()
    assert not (tmp_path / "failed-starts").exists()


def test_a_directory_that_cannot_be_written_ends_nothing(tmp_path, caplog):
    """The exception of the start is what is told; that it could not be counted is told too (F-RO)."""
    (tmp_path / "obstacle").write_text("in the way")
    starts = FailedStarts(str(tmp_path / "obstacle" / "state"))
    with pytest.raises(ValueError, match="poison"), starts.watched():
        raise ValueError("poison")
    assert "cannot be counted" in caplog.text


@pytest.mark.usefixtures("full")
def test_a_disk_that_refuses_leaves_everything_as_it_was(starts, tmp_path, monkeypatch):
    """Not set aside is better than half set aside; the next start tries again (F-FULL)."""
    fail(starts, TOO_MANY)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("controller.store.salvage.os.replace", refuse)
        with pytest.raises(StorageError, match="No space left"):
            found(starts, tmp_path)
    assert not found(starts, tmp_path).availability
