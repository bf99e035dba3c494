"""The schema and its history: numbered files in `migrations/`, applied in order, each in one transaction.

A numbered file only adds (tables, columns, indexes), and a release brings one at most. So the release before can still use
the database after an update was taken back (faults-and-threats.md section 4, step 9); a schema from further ahead is refused,
and left as it is.
"""

import sqlite3
from importlib import resources

from controller.errors import StorageError
from controller.store.rows import TABLES

WITNESSED_FROM = 2
"""From this version on the table `migration` tells the version too: damage to the header does not pass for a newer schema."""
USABLE_AHEAD = 1


class SchemaTooNew(StorageError):
    """A newer program wrote this database; the message names both versions."""


def migrations() -> list[tuple[int, str]]:
    """Numbered schema changes, oldest first."""
    folder = resources.files("controller.store") / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [(int(entry.name.split("_")[0]), entry.read_text()) for entry in files]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date. Raises SchemaTooNew, and DatabaseError where version and tables do not belong together."""
    version = _version(connection)
    steps = migrations()
    if version > steps[-1][0] + USABLE_AHEAD:
        raise SchemaTooNew(f"schema version {version} was written by a newer program; this one knows {steps[-1][0]}. "
                           "Nothing was changed: install the newer program again, or give this one an empty directory")
    for number, script in steps:
        if number > version:
            witness = f"INSERT INTO migration VALUES ({number});" if number >= WITNESSED_FROM else ""  # noqa: S608 - our own number
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\n{witness}\nPRAGMA user_version={number};\nCOMMIT;")
    _find_columns(connection)


def _version(connection: sqlite3.Connection) -> int:
    """The version that header and tables agree on. Raises DatabaseError when they do not."""
    (told,) = connection.execute("PRAGMA user_version").fetchone()
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    names = {name for name in names if not name.startswith("sqlite_")}
    witness: int | None
    if "migration" in names:
        (witness,) = connection.execute("SELECT max(number) FROM migration").fetchone()
    else:
        witness = 1 if "outbox" in names else None if names else 0
    if told != witness:
        raise sqlite3.DatabaseError(f"version {told} in the header, {witness} by its tables")
    return int(told)


def _find_columns(connection: sqlite3.Connection) -> None:
    """Every table has the columns we use. Raises OperationalError."""
    for table in TABLES:
        connection.execute(f"SELECT {table.selected} FROM {table.name} LIMIT 0")  # noqa: S608 - our own table names
