"""A real process is killed while it commits: what it acknowledged is there, and nothing by halves (F-KILL, F-POWER)."""

import signal
import subprocess
import sys

import pytest

from controller.store.sqlite import SqliteStore

COMMITS = """
import sys
from controller import records as r
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make
store, first = SqliteStore(sys.argv[1]), int(sys.argv[2])
store.load()
for number in range(first, first + 100_000):
    store.commit([r.PutNote("last", str(number)), r.Enqueue(make.message(f"m{number}")), r.Dequeue(f"m{number - 3}"),
                  r.PutTransaction(make.transaction(meter_stop_wh=number))])
    print(number, flush=True)
"""


@pytest.mark.parametrize("after_commits", [1, 7, 40])
def test_no_acknowledged_commit_is_lost_and_none_is_torn(tmp_path, after_commits):
    """SIGKILL in the middle of a loop of commits, twice on the same file (F-KILL: 0 integrity errors)."""
    acknowledged = 0
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", COMMITS, str(tmp_path), str(acknowledged + 1)],
                                 stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(after_commits):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        acknowledged = int((child.stdout.read().split() or [str(acknowledged + after_commits)])[-1])
        child.wait()
        child.stdout.close()
        store = SqliteStore(str(tmp_path))
        durable = store.load()
        store.close()
        last = int(durable.notes["last"])
        assert last in (acknowledged, acknowledged + 1)
        assert [message.message_id for message in durable.outbox] == [f"m{n}" for n in range(max(1, last - 2), last + 1)]
        assert durable.transactions[0].meter_stop_wh == last
        assert store.recovered is None
        acknowledged = last
