import asyncio
from pathlib import Path

import pytest

from antiphon.core.ports import StoreError
from antiphon.store.memory import MemoryStore
from tests.store.made import P, begun, turn

pytestmark = pytest.mark.anyio


async def test_past_its_capacity_the_oldest_that_has_ended_goes() -> None:
    store = MemoryStore(capacity=3)
    running = begun()
    await store.open(running)
    first, second, third = [await turn(store) for _ in range(3)]
    assert await store.get(P, running.response.id) is not None
    assert await store.get(P, first) is None
    assert await store.get(P, second) is not None and await store.get(P, third) is not None


async def test_a_project_that_fills_it_loses_its_own_and_no_others() -> None:
    store = MemoryStore(capacity=10)
    kept = [await turn(store, project="quiet") for _ in range(3)]
    flood = [await turn(store, project="loud") for _ in range(20)]
    assert all([await store.get("quiet", name) is not None for name in kept])
    assert [await store.get("loud", name) is not None for name in flood] == [False] * 13 + [True] * 7


async def test_a_write_is_done_when_it_is_called() -> None:
    store = MemoryStore()
    opening = begun()
    waiting = store.open(opening)
    assert await store.get(P, opening.response.id) is not None
    await waiting


async def test_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--ephemeral"):
        await MemoryStore().backup(str(tmp_path / "copy"))
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
