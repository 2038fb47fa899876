"""The writer: the one thread that changes the database, many calls in one commit (DESIGN §5).

Knows nothing of what the calls do.

It takes every call that waits, runs them in one transaction and tells the event loop once. What one turn of
the event loop submits is handed over together, so that the writer is woken once for all of it. When it
is idle a call is committed at once; under load commits grow by themselves. Where one call of a commit
fails, all are rolled back and each is run again in a transaction of its own, so that only the guilty one fails.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from antiphon.core.ports import StaleEpoch
from antiphon.core.problems import Problem
from antiphon.store import sqlite_folder
from antiphon.store.sqlite_threads import Writing

T = TypeVar("T")
Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]
Outcome: TypeAlias = tuple["asyncio.Future[Any]", Any, Exception | None]

LARGEST = 512
"""Calls with which a commit is full, so that the first of them does not wait for ever."""
PURGE_WAIT = 0.5
"""Seconds between two attempts to empty the write-ahead log of what was deleted."""
SCRUB_IDLE, SCRUB_WAIT, SCRUB_LARGEST = 60.0, 600.0, 64 * 1024 * 1024
"""The database is rebuilt after so many seconds without a call, at most so often, up to so many bytes.

SQLite overwrites what is deleted, but where pages were balanced a copy of a row can stay in a page's
free space: one deletion in some ten thousand, until the page is written again (docs/log.md).
"""


class Writer:
    """Runs calls in the order in which they were handed over.

    `start` and `stop` once each, on the event loop that also calls `submit`.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._calls: queue.SimpleQueue[list[Call] | None] = queue.SimpleQueue()
        self._rebuilds: queue.SimpleQueue[asyncio.Future[None]] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handed: list[Call] = []
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Open the database. Raises `StoreError`."""
        self._loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="antiphon-writer", daemon=True)
        self._thread.start()
        try:
            await ready
        except BaseException:
            self._thread = None
            raise

    async def stop(self) -> None:
        """Commit what waits, and close."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._hand_over()
            self._calls.put(None)
            await asyncio.to_thread(thread.join)

    def submit(self, call: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Have `call(writing, *arguments)` committed; the future gives what it returned, after the commit."""
        assert self._loop is not None, "the store was not started"
        future: asyncio.Future[T] = self._loop.create_future()
        if self._thread is None:
            future.set_exception(Problem(503, "store_unavailable", "The store has been closed."))
        else:
            if not self._handed:
                self._loop.call_soon(self._hand_over)
            self._handed.append((call, arguments, future))
        return future

    def _hand_over(self) -> None:
        handed, self._handed = self._handed, []
        for first in range(0, len(handed), LARGEST):
            self._calls.put(handed[first : first + LARGEST])

    async def rebuild(self) -> None:
        """Have the database written anew after the calls before, so that nothing deleted is left in it.

        Raises `Problem` 503 where that can't be done, for want of room for instance.
        """
        assert self._loop is not None, "the store was not started"
        future: asyncio.Future[None] = self._loop.create_future()
        self._rebuilds.put(future)
        await self.submit(_nothing)  # so that the writer looks
        await future

    def _run(self, ready: "asyncio.Future[None]") -> None:
        try:
            connection = sqlite_folder.writing(self._folder)
            writing = Writing(connection, self._clock)
        except Exception as fault:  # noqa: BLE001  # whatever it is, who waits for the start has to learn it
            self._settle([(ready, None, _plain(fault, self._folder / sqlite_folder.DATABASE))])
            return
        self._settle([(ready, None, None)])
        try:
            self._serve(writing)
        finally:
            if writing.purge:
                _purged(connection)
            connection.close()

    def _serve(self, writing: Writing) -> None:
        purged = scrubbed = 0.0
        scrub = False
        while True:
            patience = PURGE_WAIT if writing.purge else SCRUB_IDLE if scrub else None
            try:
                batch, ended = self._take(self._calls.get(timeout=patience))
            except queue.Empty:
                if scrub and not writing.purge and time.monotonic() > scrubbed + SCRUB_WAIT:
                    scrub, scrubbed = False, time.monotonic()
                    scrubbed_away(writing.connection, SCRUB_LARGEST)
            else:
                if batch:
                    self._settle(_commit(writing, batch))
                while not self._rebuilds.empty():
                    self._settle([_rebuilt(writing, self._rebuilds.get())])
                if ended:
                    return
            if writing.purge and time.monotonic() > purged + PURGE_WAIT:
                scrub, purged = True, time.monotonic()
                writing.purge = not _purged(writing.connection)

    def _take(self, first: list[Call] | None) -> tuple[list[Call], bool]:
        """All that waits, and whether nothing follows."""
        batch: list[Call] = []
        calls = first
        while calls is not None:
            batch += calls
            if len(batch) >= LARGEST or self._calls.empty():
                return batch, False
            calls = self._calls.get()
        return batch, True

    def _settle(self, outcomes: list[Outcome]) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_tell, outcomes)


def _commit(writing: Writing, batch: list[Call]) -> list[Outcome]:
    """Run calls in one transaction, or, where that fails, each in its own."""
    connection = writing.connection
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes: list[Outcome] = [(future, call(writing, *arguments), None) for call, arguments, future in batch]
        connection.execute("COMMIT")
    except Exception as fault:  # noqa: BLE001  # it goes to whoever waits for the call
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        writing.forget()
        if len(batch) == 1:
            return [(batch[0][2], None, _told(fault))]
        return [outcome for call in batch for outcome in _commit(writing, [call])]
    return outcomes


def _told(fault: Exception) -> Exception:
    """What whoever waits is told: refusals as they are, a disk that fails as a `Problem`."""
    if isinstance(fault, Problem | StaleEpoch) or not isinstance(fault, sqlite3.Error):
        return fault
    return sqlite_folder.problem(fault) if sqlite_folder.environmental(fault) else fault


def _plain(fault: Exception, path: Path) -> Exception:
    """Why the store cannot start."""
    return sqlite_folder.unusable(fault, path) if isinstance(fault, sqlite3.Error) else fault


def _purged(connection: sqlite3.Connection) -> bool:
    """Empty the write-ahead log; says whether it could: a reader may still look at what was."""
    try:
        busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error:
        return False
    return not busy


def scrubbed_away(connection: sqlite3.Connection, largest: int) -> bool:
    """Rebuild the database where it is at most so large, so that nothing deleted is left in any page; says whether."""
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    size: int = connection.execute("PRAGMA page_size").fetchone()[0]
    if pages * size > largest:
        return False
    try:
        connection.execute("VACUUM")
    except sqlite3.Error:
        return False
    return _purged(connection)


def _rebuilt(writing: Writing, future: "asyncio.Future[None]") -> Outcome:
    """Rebuild the database, however large; where a reader still looks, the log is emptied later."""
    try:
        writing.connection.execute("VACUUM")
    except sqlite3.Error as fault:
        return future, None, _told(fault)
    writing.purge = not _purged(writing.connection)
    return future, None, None


def _nothing(writing: Writing) -> None:
    """A call that changes nothing."""


def _tell(outcomes: list[Outcome]) -> None:
    for future, result, fault in outcomes:
        if future.done():
            continue
        if fault is None:
            future.set_result(result)
        else:
            future.set_exception(fault)
