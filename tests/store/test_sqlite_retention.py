from pathlib import Path

import pytest

from antiphon.core.ports import Chunk, Record
from tests.store.folder import MARKER, gone, rows, running
from tests.store.made import Clock, P, begun, ended, texts, turn

pytestmark = pytest.mark.anyio


async def test_a_log_past_its_time_leaves_every_file(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as store:
        opening = begun("q")
        await store.open(opening)
        await store.append(P, opening.response.id, 0, Chunk(0, 0, MARKER.encode()))
        await store.close(P, 0, ended(opening, "a"), None)
        assert await store.sweep(int(clock.now), int(clock.now) + 1) == 1
        assert await gone(tmp_path)
        assert texts(await store.history(P, opening.response.id)) == ["q", "a"]


async def test_a_record_past_its_time_leaves_every_file(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as store:
        await store.reserve(P, "s", "k", Record(b"f", int(clock.now), body=MARKER.encode()))
        clock.now += 86_400
        assert await store.sweep(int(clock.now), 0) == 1
        assert await gone(tmp_path)
    assert rows(tmp_path) == {}


async def test_an_expired_parent_goes_when_its_last_child_does(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as store:
        parent = await turn(store, "q", "a", expires_at=int(clock.now) + 1)
        child = await turn(store, "q1", "a1", follows=parent, expires_at=int(clock.now) + 9)
        clock.now += 2
        assert await store.sweep(int(clock.now), 0) == 1
        assert texts(await store.history(P, child)) == ["q", "a", "q1", "a1"]
        clock.now += 9
        assert await store.sweep(int(clock.now), 0) == 1
    assert rows(tmp_path) == {}
