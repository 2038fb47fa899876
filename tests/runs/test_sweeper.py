"""The sweeper: what has expired goes, batch by batch, and a fault of the store is told."""

import asyncio
from typing import Any

import pytest

from antiphon.core.signals import Note, Signal
from antiphon.runs import sweeper as room
from antiphon.runs.ids import now
from antiphon.runs.sweeper import Sweeper
from antiphon.store.memory import MemoryStore
from antiphon.store.rules import BATCH
from tests.asgi import until
from tests.store.made import P, begun, ended
from tests.stores import full

pytestmark = pytest.mark.anyio


async def kept(store: MemoryStore, expires_at: int | None) -> str:
    opening = begun(expires_at=expires_at)
    await store.open(opening)
    await store.close(P, 0, ended(opening), None)
    return opening.response.id


async def test_all_that_has_expired_goes_in_batches_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE", 0.0)
    store, signals = MemoryStore(), []  # type: tuple[MemoryStore, list[Signal]]
    for _ in range(BATCH * 2 + 1):
        await kept(store, now() - 1)
    stays = [await kept(store, None), await kept(store, now() + 1000)]
    sweeper = Sweeper(store, signals.append, 3600)
    assert await sweeper.sweep() == BATCH * 2 + 1
    assert await sweeper.sweep() == 0
    assert all([await store.get(P, name) for name in stays])


async def test_it_looks_until_it_is_stopped_and_survives_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "EVERY", 0.01)

    class Unwell(MemoryStore):
        looks = 0

        async def sweep(self, now: int, log_before: int) -> int:
            self.looks += 1
            if self.looks == 1:
                raise full()
            return await super().sweep(now, log_before)

    store = Unwell()
    signals: list[Signal] = []
    name = await kept(store, now() - 1)
    sweeper = Sweeper(store, signals.append, 3600)
    sweeper.start()
    await until(lambda: (P, name) not in store._rows)  # noqa: SLF001  it is hidden from all others already
    await sweeper.stop()
    assert [signal.fields for signal in signals if isinstance(signal, Note)] == [{"why": "The disk is full."}]
    looks: Any = store.looks
    await asyncio.sleep(0.03)
    assert store.looks == looks
    await Sweeper(store, signals.append, 1).stop()
