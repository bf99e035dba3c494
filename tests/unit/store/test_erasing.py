"""What is over may be forgotten, and nothing else (T-PRIVACY): the same in every store."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from controller import records as r
from controller.store.history import History, Wish
from controller.store.memory import MemoryStore
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make

Kept = Callable[..., tuple[set[str], set[str]]]


def stamp(days: float, *, trusted: bool = True) -> r.Stamp:
    """So many days after noon."""
    return msgspec.structs.replace(make.STAMP, utc=make.NOON + timedelta(days=days), trusted=trusted)


def session(local_id: str, ended: float | None = 0, settled: float | None = None, **changes: object) -> r.PutTransaction:
    """A session that ended and was settled so many days after noon."""
    return r.PutTransaction(make.transaction(local_id, ended=None if ended is None else stamp(ended),
                                             settled=None if settled is None else stamp(settled), **changes))


def letter(message_id: str, local_id: str = "gone", days: float = 0, *, trusted: bool = True, payload: str = "{}") -> list[r.Record]:
    """A message that was given up so many days after noon."""
    return [r.Enqueue(make.message(message_id, local_id, payload=payload)),
            r.Bury(message_id, "refused", stamp(days, trusted=trusted))]


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """Commits records; tells which sessions and which dead letters are there then."""
    memory, sqlite = MemoryStore(), SqliteStore(str(tmp_path))

    def commit(*records: r.Record) -> tuple[set[str], set[str]]:
        if request.param == "memory":
            memory.commit(records)
            return set(memory._rows.transactions), {message.message_id for message, _ in memory.dead_letters}
        sqlite.commit(records)
        history = History(str(tmp_path))
        return ({row.transaction.local_id for row in history.sessions(Wish(1000))},
                {dead.message.message_id for dead in history.dead_letters(1000)[0]})

    yield commit
    sqlite.close()


def test_what_was_settled_before_goes_and_the_rest_stays(kept):
    """The day of the acknowledgement counts, not that of the session."""
    kept(session("old", 0, 1), session("late", 0, 20), *letter("m1", days=1), *letter("m2", days=20))
    assert kept(r.Erase(100, settled_before=make.NOON + timedelta(days=10))) == ({"late"}, {"m2"})


@pytest.mark.parametrize("what", [r.Erase(100, settled_before=make.NOON + timedelta(days=99)),
                                  r.Erase(100, ended_before=make.NOON + timedelta(days=99)), r.Erase(100, id_tag="04A1B2C3")],
                         ids=["settled", "ended", "tag"])
def test_what_runs_or_is_owed_is_never_erased(kept, what):
    """Whoever asks: energy that was not billed yet is not forgotten (rule 4 of the faults)."""
    kept(session("runs", None), session("owed", 0, 1), r.Enqueue(make.message("m1", "owed")), session("over", 0, 1))
    assert kept(what) == ({"runs", "owed"}, set())


def test_what_ended_before_goes_whenever_it_was_settled(kept):
    """A person names the day of the session; a dead letter is as old as what it tells of."""
    kept(session("a", 0, 50), session("b", 5, 50), *letter("m1", days=50))
    assert kept(r.Erase(100, ended_before=make.NOON + timedelta(days=3))) == ({"b"}, set())


def test_everything_of_a_card_goes(kept):
    """Its sessions, their dead letters, and those that name it; in any case. Another card's stay."""
    kept(session("mine"), session("other", id_tag="04FF"), *letter("m1", "mine"), *letter("m2", payload='{"idTag":"04a1B2C3"}'),
         *letter("m3", "other"), *letter("m4", payload="no JSON at all"))
    assert kept(r.Erase(100, id_tag="04a1b2c3")) == ({"other"}, {"m3", "m4"})


def test_one_step_erases_no_more_than_it_may_the_oldest_first(kept):
    """A commit stays short, and a wrong date costs little."""
    kept(*(session(f"t{day}", day, 1) for day in range(5)))
    assert kept(r.Erase(2, settled_before=make.NOON + timedelta(days=10)))[0] == {"t2", "t3", "t4"}


def test_what_has_no_date_to_count_from_is_given_one(kept):
    """Settled while nobody knew the date, or by an older program: kept as long as anything else from now on (F-1970)."""
    kept(session("older"), session("new", 0, 29), *letter("m1", trusted=False), session("runs", None),
         r.PutTransaction(make.transaction("unsure", ended=stamp(0), settled=stamp(-9999, trusted=False))))
    cutoff = make.NOON + timedelta(days=30)
    assert kept(r.Erase(100, settled_before=make.NOON)) == ({"older", "new", "runs", "unsure"}, {"m1"})
    kept(r.DateSettled(stamp(31), 100))
    assert kept(r.Erase(100, settled_before=cutoff)) == ({"older", "runs", "unsure"}, {"m1"})
    assert kept(r.Erase(100, settled_before=cutoff + timedelta(days=2))) == ({"runs"}, set())


def test_dating_is_bounded_too(kept):
    """Thousands of rows that an older program left are dated over some days."""
    kept(session("a"), session("b"), session("c"), r.DateSettled(stamp(0), 2))
    assert len(kept(r.Erase(100, settled_before=make.NOON + timedelta(days=1)))[0]) == 1


def test_a_row_that_was_dated_is_still_sound(tmp_path):
    """Its CRC fits what it holds now: the next start does not take it for damage (F-DBCORRUPT)."""
    store = SqliteStore(str(tmp_path))
    store.commit([session("a"), *letter("m1", trusted=False)])
    store.commit([r.DateSettled(stamp(3), 100)])
    store.close()
    again = SqliteStore(str(tmp_path))
    again.load()
    assert again.recovered is None
    found = History(str(tmp_path))
    assert [row.transaction.settled for row in found.sessions(Wish(9))] == [stamp(3)]
    assert [dead.message.buried for dead in found.dead_letters(9)[0]] == [stamp(3)]
    again.close()
