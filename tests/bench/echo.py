"""The baseline of round trips, a process of its own: dials, and answers every frame with so many bytes.

`python -m tests.bench.echo URL SIZE FOLLOWS [DIRECTORY]`; where a CALL follows the answer, so many bytes follow it here: the other
side takes as long to read two frames whoever sends them. With a directory every answer follows a durable commit of one row there,
made beside the loop: a disk that stalls must not stop what else the loop does, in the daemon as here.
"""

import asyncio
import sqlite3
import sys

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

FOLLOWING = "[2,"
"""How a frame begins that is no answer."""


async def echo(url: str, size: int, follows: int, directory: str | None) -> None:
    """Until the other side hangs up."""
    answer, following = "x" * size, FOLLOWING.ljust(follows, "x")
    database = _database(directory) if directory is not None else None
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], compression=None, ping_interval=None, proxy=None,
                       user_agent_header=None) as connection:
        async for text in connection:
            if database is not None:
                await asyncio.to_thread(_commit, database, str(text))
            await connection.send(answer)
            if follows:
                await connection.send(following)


def _database(directory: str) -> sqlite3.Connection:
    """With the durability of the daemon's own: write-ahead log, every commit synced, early checkpoints."""
    database = sqlite3.connect(f"{directory}/echo.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("PRAGMA wal_autocheckpoint=64")
    database.execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    return database


def _commit(database: sqlite3.Connection, text: str) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT OR REPLACE INTO setting VALUES ('last', ?)", (text,))
    database.execute("COMMIT")


if __name__ == "__main__":
    asyncio.run(echo(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None))
