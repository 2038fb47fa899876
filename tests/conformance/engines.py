"""The engines that keep things, each named once: every test of this folder runs over each of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from antiphon.core.ports import Store
from antiphon.store.memory import MemoryStore
from antiphon.store.sqlite import SqliteStore

Engine = Callable[[Path, Callable[[], float]], Store]

ENGINES: dict[str, Engine] = {
    "memory": lambda _, clock: MemoryStore(clock=clock),
    "sqlite": SqliteStore,
}


@asynccontextmanager
async def started(name: str, folder: Path, clock: Callable[[], float]) -> AsyncIterator[Store]:
    """An engine that runs, with an empty memory."""
    store = ENGINES[name](folder, clock)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()
