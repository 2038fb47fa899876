"""A data folder, looked at from outside."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio

from antiphon.store.sqlite import SqliteStore
from antiphon.store.sqlite_folder import DATABASE

MARKER = "Quetzalcoatlus"


@asynccontextmanager
async def running(folder: Path, clock: Callable[[], float] = time.time) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(folder, clock)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


def files_with(folder: Path, marker: str = MARKER) -> list[str]:
    """The files of the folder in which a text stands."""
    return sorted(file.name for file in folder.rglob("*") if file.is_file() and marker.encode() in file.read_bytes())


async def gone(folder: Path, marker: str = MARKER) -> bool:
    """Whether a text leaves every file within some seconds."""
    for _ in range(100):
        if not files_with(folder, marker):
            return True
        await anyio.sleep(0.1)
    return False


def rows(folder: Path) -> dict[str, int]:
    """How many rows each table has; those without any are left out, and the default project is not counted."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608  # our own tables
    counts["project"] -= 1
    return {name: count for name, count in counts.items() if count}
