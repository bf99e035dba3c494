"""What every store promises: the same records in, the same durable state out."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import records as r
from controller.faults import FaultKind
from controller.store.memory import MemoryStore
from controller.store.sqlite import SqliteStore
from controller.store.store import Store
from tests.unit.store import rows as make


@pytest.fixture(params=["memory", "sqlite", "sqlite reopened"])
def commit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., r.Durable]]:
    """Commits records and tells what a start would then find; one kind is closed and opened after every commit."""
    stores: list[Store] = []

    def opened() -> Store:
        fresh = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path))
        stores.append(fresh)
        return fresh

    current = opened()

    def run(*records: r.Record) -> r.Durable:
        nonlocal current
        current.commit(records)
        if request.param == "sqlite reopened":
            current.close()
            current = opened()
        return current.load()

    yield run
    for store in stores:
        store.close()


class TestEveryStore:
    def test_knows_nothing_at_first(self, commit):
        """A fresh store holds what a charge point out of the box holds."""
        assert commit() == r.Durable()

    def test_gives_back_one_of_everything(self, commit):
        """Each record is found again in its place, content untouched."""
        durable = commit(*make.one_of_each)
        assert durable == r.Durable(
            settings={"HeartbeatInterval": "300"}, notes={"boot": "1"}, availability=(r.Availability(1, False, True),),
            transactions=(make.transaction(),), transaction_data={"t1": ('{"timestamp":"2026-03-01T12:00:00Z"}',)},
            outbox=(make.message(attempts=1),), cache=(make.entry(),), local_list=(make.listed(),),
            tags=(make.tag(),), reservations=(make.reservation(),), latches=((1, FaultKind.CONTACTOR_WELDED),))

    def test_sends_the_oldest_message_first(self, commit):
        """The queue keeps its order through updates, a fresh id after a CALLERROR included (rule 4 of faults-and-threats)."""
        commit(*(r.Enqueue(make.message(f"m{number}")) for number in (3, 1, 2)))
        durable = commit(r.UpdateQueued("m3", make.message("m9", attempts=2)))
        assert [message.message_id for message in durable.outbox] == ["m9", "m1", "m2"]

    def test_a_message_that_is_queued_twice_is_owed_once(self, commit):
        """Whoever was told that a commit failed tries it anew; it may have been stored all the same (F-FSYNC)."""
        commit(r.Enqueue(make.message("m1")), r.Enqueue(make.message("m2")))
        durable = commit(r.Enqueue(make.message("m1")))
        assert [message.message_id for message in durable.outbox] == ["m1", "m2"]

    def test_a_sample_that_is_stored_twice_is_one_sample(self, commit):
        """The same element with the same timestamp is not gathered twice for StopTransaction (F-FSYNC)."""
        commit(r.PutTransaction(make.transaction()), r.AddTransactionData("t1", "{}"))
        assert commit(r.AddTransactionData("t1", "{}")).transaction_data == {"t1": ("{}",)}

    @pytest.mark.parametrize("values", [('{"b":1}', '{"c":1}'), ()], ids=["dated", "none is left"])
    def test_gathered_samples_are_replaced_as_a_whole(self, commit, values):
        """When the date becomes known every sample gets its own, in the same order, and the old ones are gone (F-1970)."""
        commit(r.PutTransaction(make.transaction()), r.AddTransactionData("t1", "{}"), r.AddTransactionData("t1", '{"a":1}'))
        durable = commit(r.PutTransactionData("t1", values))
        assert durable.transaction_data == ({"t1": values} if values else {})

    def test_an_answered_message_is_owed_no_more(self, commit):
        """The answer and the transaction that learns from it enter in one commit (rule 3 of faults-and-threats)."""
        commit(r.PutTransaction(make.transaction()), r.Enqueue(make.message()))
        durable = commit(r.Dequeue("m1"), r.PutTransaction(make.transaction(transaction_id=77)))
        assert durable.outbox == ()
        assert durable.transactions[0].transaction_id == 77

    def test_an_ended_transaction_stays_while_a_message_needs_it(self, commit):
        """The transactionId of a waiting StopTransaction comes from the transaction, so both are found after a restart."""
        ended = make.transaction(ended=make.STAMP, meter_stop_wh=2000)
        durable = commit(r.PutTransaction(ended), r.Enqueue(make.message(action="StopTransaction")))
        assert durable.transactions == (ended,)
        assert commit(r.Dequeue("m1")).transactions == ()

    def test_an_ended_transaction_needs_its_samples_no_more(self, commit):
        """They are inside its StopTransaction, which waits in the queue."""
        commit(r.PutTransaction(make.transaction()), r.AddTransactionData("t1", "{}"))
        durable = commit(r.PutTransaction(make.transaction(ended=make.STAMP)), r.Enqueue(make.message(action="StopTransaction")))
        assert durable.transaction_data == {}

    def test_a_message_given_up_leaves_the_queue(self, commit):
        """A dead letter never blocks the messages behind it (F-TXREJ)."""
        durable = commit(r.Enqueue(make.message("m1")), r.Enqueue(make.message("m2")), r.Bury("m1", "refused three times"))
        assert [message.message_id for message in durable.outbox] == ["m2"]

    def test_forgets_what_it_is_told_to_forget(self, commit):
        """Notes, cache entries, cards, reservations and latches go; others stay."""
        commit(*make.one_of_each, r.PutCacheEntry(make.entry("BB")), r.PutLatch(2, FaultKind.CONTACTOR_WELDED),
               r.PutTag(make.tag("BB")), r.PutReservation(make.reservation(8)))
        durable = commit(r.PutNote("boot", None), r.DropCacheEntry("BB"), r.DropLatch(1, FaultKind.CONTACTOR_WELDED),
                         r.DropTag("BB"), r.DropReservation(8), r.DropReservation(9))
        assert durable.reservations == (make.reservation(),)
        assert durable.tags == (make.tag(),)
        assert durable.notes == {}
        assert durable.cache == (make.entry(),)
        assert durable.latches == ((2, FaultKind.CONTACTOR_WELDED),)
        assert commit(r.ClearCache()).cache == ()

    def test_a_full_update_of_the_list_leaves_nothing_of_the_old_one(self, commit):
        """However the entries come, they are found by tag; none given means an empty list (LIST-4)."""
        commit(r.ReplaceLocalList((make.listed("BB"), make.listed("AA"))))
        assert commit(r.ReplaceLocalList((make.listed("CC"), make.listed("AA", "Blocked")))).local_list == (
            make.listed("AA", "Blocked"), make.listed("CC"))
        assert commit(r.ReplaceLocalList(())).local_list == ()

    def test_a_differential_update_of_the_list_touches_what_it_names(self, commit):
        """New and changed entries, and dropped ones, known or not (LIST-5)."""
        commit(r.ReplaceLocalList((make.listed("AA"), make.listed("BB"), make.listed("CC"))))
        durable = commit(r.AmendLocalList((make.listed("DD"), make.listed("BB", "Blocked")), ("CC", "never there")))
        assert durable.local_list == (make.listed("AA"), make.listed("BB", "Blocked"), make.listed("DD"))

    def test_keeps_one_reservation_of_an_id(self, commit):
        """A second one of the same id takes the place of the first, whatever the connector; ids may be negative (RES-1)."""
        commit(r.PutReservation(make.reservation(7, 1)), r.PutReservation(make.reservation(-3, 0)))
        durable = commit(r.PutReservation(make.reservation(7, 2)))
        assert durable.reservations == (make.reservation(-3, 0), make.reservation(7, 2))

    @pytest.mark.parametrize("place", range(3), ids=["first", "middle", "last"])
    def test_a_commit_is_all_or_nothing(self, commit, place):
        """One record that cannot be stored, wherever it stands, and none of its commit is."""
        before = commit(*make.one_of_each)
        records: list[r.Record] = [r.PutSetting("a", "1"), r.Dequeue("m1")]
        records.insert(place, "no record at all")  # type: ignore[arg-type]  # that is the point
        with pytest.raises(AssertionError):
            commit(*records)
        assert commit() == before


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.lists(make.records, max_size=6), max_size=6))
def test_memory_and_disk_agree_on_every_history(history):
    """Any sequence of commits leaves the same durable state in both, the file opened anew after every commit."""
    with tempfile.TemporaryDirectory(dir=make.MEMORY) as directory:
        memory = MemoryStore()
        for records in history:
            memory.commit(records)
            disk = SqliteStore(directory)
            disk.commit(records)
            disk.close()
            disk = SqliteStore(directory)
            assert disk.load() == memory.load()
            assert disk.recovered is None
            disk.close()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(make.records, max_size=8), st.lists(make.records, max_size=8))
def test_a_commit_that_is_repeated_changes_nothing(before, records):
    """The last commit again, as after a COMMIT whose failure was only reported, leaves what it left the first time (F-FSYNC)."""
    store = MemoryStore()
    store.commit(before)
    store.commit(records)
    once = store.load()
    store.commit(records)
    assert {message.message_id for message in store.load().outbox} == {message.message_id for message in once.outbox}
    assert store.load().transactions == once.transactions
