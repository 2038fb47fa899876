"""Keys, projects and usage in SQLite, for the server and for commands beside it.

Knows nothing of responses. What each call does stands in `sqlite_accounts`, `sqlite_ledger` and
`sqlite_holdings`.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from antiphon.core.accounts import Charge, Key, Project, Roll, Settlement, UsageQuery, UsageSum
from antiphon.store import sqlite_accounts as accounts
from antiphon.store import sqlite_holdings as holdings
from antiphon.store import sqlite_ledger as ledger
from antiphon.store.exported import Line, line
from antiphon.store.sqlite_folder import environmental, prepare, problem, reading
from antiphon.store.sqlite_writer import Writer

T = TypeVar("T")

READERS = 2
"""Threads that read: a long history does not hold up a short answer."""
AT_ONCE = 100
"""Rows that an export reads before it gives them out."""


class SqliteBooks:
    """Keeps accounts in the database of `folder`, whoever else works on it. `clock` gives unix seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._stamp = str(folder / accounts.STAMP)
        self._clock = clock
        self._writer = Writer(folder, clock)
        self._submit = self._writer.submit
        self._readers: ThreadPoolExecutor | None = None
        self._connections: list[sqlite3.Connection] = []
        self._own = threading.local()

    async def start(self) -> None:
        """Open the database beside whoever else works on it. Raises `StoreError`."""
        await asyncio.to_thread(prepare, self._folder)
        await self._open()

    async def _open(self) -> None:
        await self._writer.start()
        self._readers = ThreadPoolExecutor(READERS, "antiphon-reader", initializer=self._connect)

    async def stop(self) -> None:
        """Write what waits, and close."""
        readers, self._readers = self._readers, None
        if readers is not None:
            await asyncio.to_thread(readers.shutdown)
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        await self._writer.stop()

    # Roster

    def version(self) -> int:
        """Another number as soon as a key or a project was changed, by whatever process."""
        return accounts.version(self._stamp)

    async def roll(self) -> Roll:
        """All keys and projects."""
        return await self._read(accounts.roll)

    async def keep_project(self, project: Project) -> None:
        """Keep a project, new or changed."""
        await self._change(accounts.keep_project, project)

    async def keep_key(self, key: Key) -> None:
        """Keep a key, new or changed."""
        await self._change(accounts.keep_key, key)

    async def mark_keyed(self) -> None:
        """Remember that an admin key was configured."""
        await self._change(accounts.mark_keyed)

    async def used(self, key_id: str, at: int) -> None:
        """Remember when a key was used last."""
        await self._submit(accounts.used, key_id, at)

    # Ledger

    def charge(self, charge: Charge) -> Awaitable[None]:
        """Open a row."""
        return self._submit(ledger.charge, charge)

    def settle(self, project: str, settlement: Settlement) -> Awaitable[None]:
        """Close an open row."""
        return self._submit(ledger.settle, project, settlement)

    def uncharge(self, project: str, response_id: str) -> Awaitable[None]:
        """Take an open row away."""
        return self._submit(ledger.uncharge, project, response_id)

    async def settle_lost(self, before: float) -> int:
        """Close what no living run will close."""
        return await self._submit(ledger.settle_lost, before)

    async def usage(self, query: UsageQuery) -> list[UsageSum]:
        """The sums."""
        return await self._read(ledger.usage, query)

    # Holdings

    async def export(self, project: str) -> AsyncIterator[bytes]:
        """Every row of a project as a line of JSON, all of one moment."""
        loop = asyncio.get_running_loop()
        # Closed in this order: the thread has left the connection when that is closed.
        with contextlib.closing(reading(self._folder)) as connection, ThreadPoolExecutor(1, "antiphon-export") as pool:
            rows = holdings.lines(connection, project)
            while some := await loop.run_in_executor(pool, _told, connection, rows):
                for one in some:
                    yield one

    async def _change(self, call: Callable[..., T], *arguments: Any) -> T:
        """A change that every process on this machine has to see; those that hold what was read see it by the stamp."""
        result = await self._submit(call, *arguments)
        accounts.stamp(self._stamp)
        return result

    def _connect(self) -> None:
        self._own.connection = reading(self._folder)
        self._connections.append(self._own.connection)

    async def _read(self, look: Callable[..., T], *arguments: Any) -> T:
        assert self._readers is not None, "the store was not started"
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, look, arguments)

    def _look(self, look: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """One consistent look, on a reader's thread."""
        connection: sqlite3.Connection = self._own.connection
        with _explained():
            connection.execute("BEGIN")
            try:
                return look(connection, *arguments)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")


def _told(connection: sqlite3.Connection, rows: Iterator[Line]) -> list[bytes]:
    """The next lines of an export; none at its end. One transaction, so that all are of one moment."""
    with _explained():
        if not connection.in_transaction:
            connection.execute("BEGIN")
        return [line(row) for row in islice(rows, AT_ONCE)]


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """A disk that fails is told as a `Problem`."""
    try:
        yield
    except sqlite3.Error as fault:
        if environmental(fault):
            raise problem(fault) from fault
        raise
