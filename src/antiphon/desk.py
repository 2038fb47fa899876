"""The desk: the accounts of a data folder, put together for commands that work beside a server, or without one.

Knows nothing of what is asked at it. Beside `app` it is the only file that names concrete classes.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from antiphon.access import keys, secret
from antiphon.access.keys import Draft, Made
from antiphon.core.accounts import Key
from antiphon.core.ports import StoreError
from antiphon.runs.ids import new_id
from antiphon.store import sqlite_folder
from antiphon.store.sqlite import SqliteStore
from antiphon.store.sqlite_books import SqliteBooks

__all__ = ["Desk", "Draft", "founded", "new_id", "opened", "purge"]


class Desk:
    """What is kept of keys, projects and usage (`books`), and the making of keys."""

    def __init__(self, data: Path, books: SqliteBooks) -> None:
        self._data = data
        self.books = books

    def made(self, draft: Draft) -> Made:
        """A new key, which has yet to be kept. Raises `StoreError` where the folder's secret can't be read."""
        return keys.made(self._secret(), draft, int(time.time()))

    def rotated(self, key: Key) -> tuple[Made, Key]:
        """Another key in the place of one, and that one revoked; both have yet to be kept. Raises as `made`."""
        return keys.rotated(self._secret(), key, int(time.time()))

    def revoked(self, key: Key) -> Key:
        """The key, revoked; it has yet to be kept."""
        return keys.revoked(key, int(time.time()))

    def _secret(self) -> bytes:
        try:
            return secret.derived(secret.kept_in(self._data), "keys")
        except OSError as fault:
            raise StoreError(f"The secret of {self._data} can't be used: {fault.strerror}.") from fault


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Desk]:
    """The desk of a data folder. Raises `StoreError` where nothing is kept, or where it can't be used."""
    if not sqlite_folder.exists(data):
        raise StoreError(f"There is no database in {data}.")
    async with founded(data) as desk:
        yield desk


@asynccontextmanager
async def founded(data: Path) -> AsyncIterator[Desk]:
    """The same, made where nothing is kept yet."""
    books = SqliteBooks(data)
    await books.start()
    try:
        yield Desk(data, books)
    finally:
        await books.stop()


async def purge(data: Path, project: str) -> int:
    """Forget a project for good; says how many rows. Raises `StoreError` where a server runs on the folder."""
    store = SqliteStore(data)
    await store.start()
    try:
        return await store.purge(project)
    finally:
        await store.stop()
