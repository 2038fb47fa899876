"""The data folder of the SQLite store: its lock, its database file, its version, and what can be wrong with them.

Knows nothing of what the tables mean.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from antiphon.core.ports import StoreError
from antiphon.core.problems import Problem
from antiphon.store.sql import migrations

DATABASE = "antiphon.db"
LOCK = "antiphon.lock"
APPLICATION = 0x416E7470
"""The mark of our databases in SQLite's header: "Antp"."""
PATIENCE = 5.0
"""Seconds for which a connection waits for another program that holds the database."""
RETRY_AFTER = 5.0
"""Seconds after which a client may try again when the store could not be used."""

_WRONG = {
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_IOERR: "the disk can't be read or written (it may be full); look at the disk",
    sqlite3.SQLITE_READONLY: "it may not be written; look at the folder's owner and permissions",
    sqlite3.SQLITE_PERM: "it may not be opened; look at the folder's owner and permissions",
    sqlite3.SQLITE_AUTH: "it may not be opened; look at the folder's owner and permissions",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened; look at the folder's owner and permissions",
    sqlite3.SQLITE_BUSY: "another program has locked it; end that program",
    sqlite3.SQLITE_LOCKED: "another program has locked it; end that program",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put a backup in its place, or move it away to begin anew",
    sqlite3.SQLITE_NOTADB: "it is not an Antiphon database; put a backup in its place, or move it away to begin anew",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
}


class Lock:
    """Keeps a second server out of a folder, for as long as this process holds it, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Makes the folder where there is none. Raises `StoreError`."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as fault:
            raise StoreError(f"The data folder {folder} can't be used: {fault.strerror}.") from fault
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            os.close(self._file)
            raise StoreError(
                f"Another server uses the data folder {folder}; stop it, or choose another folder with --data."
            ) from fault

    def release(self) -> None:
        """Let others in."""
        os.close(self._file)


def prepare(folder: Path) -> None:
    """Make the database where there is none, and bring an old one up to date. Raises `StoreError`.

    Only that needs the lock: a server of an older version may not have its tables changed while it runs.
    """
    path = folder / DATABASE
    if path.exists():
        with _explained(path), contextlib.closing(reading(folder)) as connection:
            _refuse_foreign(connection, path)
            if connection.execute("PRAGMA user_version").fetchone()[0] == len(migrations()):
                return
    lock = Lock(folder)
    try:
        writing(folder).close()
    finally:
        lock.release()


def exists(folder: Path) -> bool:
    """Whether anything is kept there."""
    return (folder / DATABASE).exists()


def writing(folder: Path) -> sqlite3.Connection:
    """The connection that writes, its database brought up to date. Raises `StoreError`."""
    path = folder / DATABASE
    with _explained(path):
        _make_private(path)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, cached_statements=256)
        try:
            _refuse_foreign(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose the last moments, a killed process nothing: docs/log.md has the price of FULL.
            connection.execute("PRAGMA synchronous = NORMAL")
            # What is deleted is overwritten, not just unlinked.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA cache_size = -16000")
            # The log is copied into the database every 16 MB: a page that many commits change is copied once.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def reading(folder: Path) -> sqlite3.Connection:
    """A connection that only reads, for any thread, one at a time."""
    uri = (folder / DATABASE).absolute().as_uri() + "?mode=ro"
    return sqlite3.connect(
        uri, uri=True, timeout=PATIENCE, isolation_level=None, cached_statements=128, check_same_thread=False
    )


def copy(folder: Path, target: Path) -> None:
    """Write a consistent copy of a folder's database to a file, whether or not a server runs on it.

    The file appears whole or not at all; one that was there is replaced. Raises `StoreError`.
    """
    if not exists(folder):
        raise StoreError(f"There is no database in {folder}.")
    if target.resolve().parent == folder.resolve() and target.name.startswith(DATABASE):
        raise StoreError(f"{target} belongs to the database itself; give the copy another name.")
    part = target.with_name(target.name + ".part")
    with _explained(target):
        part.unlink(missing_ok=True)
        _make_private(part)
        try:
            with contextlib.closing(reading(folder)) as source, contextlib.closing(sqlite3.connect(part)) as copied:
                source.backup(copied)
                # A copy stands alone: without this it would ask for a log beside it.
                copied.execute("PRAGMA journal_mode = DELETE")
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def problem(fault: sqlite3.Error) -> Problem:
    """What a request is told while the store can't be used."""
    why = _WRONG.get(_code(fault), "the database does not answer")
    return Problem(503, "store_unavailable", f"The store can't be used: {why}.", retry_after=RETRY_AFTER)


def unusable(fault: sqlite3.Error, path: Path) -> StoreError:
    """Why the store can't start."""
    return StoreError(f"The database {path} can't be used: {_WRONG.get(_code(fault), str(fault))}.")


def environmental(fault: sqlite3.Error) -> bool:
    """Whether a fault comes from the disk or the file, and not from this program."""
    return _code(fault) in _WRONG


def _code(fault: sqlite3.Error) -> int:
    return int(getattr(fault, "sqlite_errorcode", 0)) & 0xFF


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as fault:
        raise unusable(fault, path) from fault
    except OSError as fault:
        raise StoreError(f"The database {path} can't be used: {fault.strerror}.") from fault


def _make_private(path: Path) -> None:
    """Create the file, where there is none, for its owner only: it holds what people said.

    One that is there is not opened: to close it would end the locks that this process holds on it (POSIX).
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if mark != APPLICATION and (mark or version or tables):
        raise StoreError(f"The file {path} is another program's database; move it away, or choose another --data.")
    if version > len(migrations()):
        raise StoreError(
            f"The database {path} was written by a newer Antiphon (version {version} of its tables; this one knows "
            f"{len(migrations())}); install that one, or put a backup in its place."
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Run what is missing, each in a transaction; the last statement shows at start whether one can write."""
    scripts = migrations()
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(scripts[version:], start=version + 1):
        _transact(connection, f"{script}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {number};")
    _transact(connection, "INSERT INTO doomed (thread) VALUES (0);\nDELETE FROM doomed WHERE thread = 0;")


def _transact(connection: sqlite3.Connection, script: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
