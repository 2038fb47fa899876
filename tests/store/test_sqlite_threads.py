import random
from pathlib import Path

import pytest

from antiphon.core.ports import Conversation
from tests.store.folder import rows, running
from tests.store.made import Clock, P, begun, new, texts, turn, user

pytestmark = pytest.mark.anyio


async def test_an_item_is_stored_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        before = await store.history(P, await turn(store, "q", "a"))
        for _ in range(5):
            assert before is not None
            before = await store.history(P, await turn(store, before, []))
        assert before is not None
        assert rows(tmp_path)["item"] == 2
        await turn(store, [user("other", str(before[0].id))], [])
        assert rows(tmp_path)["item"] == 3


async def test_a_turn_adds_as_many_rows_however_long_the_chain_is(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        last, added = await turn(store), []
        for _ in range(100):
            before = sum(rows(tmp_path).values())
            last = await turn(store, follows=last)
            added.append(sum(rows(tmp_path).values()) - before)
    assert set(added) == {5}  # a response, two items, two entries


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_is_left_when_everything_was_deleted(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret
    async with running(tmp_path) as store:
        ids: list[str] = []
        conversations: list[str] = []
        for _ in range(60):
            kind = chance.random()
            if kind < 0.1:
                conversation = Conversation(id=new("conv"), created_at=1)
                await store.create(P, conversation, [user("start"), user("start")])
                conversations.append(conversation.id)
            elif kind < 0.4 and conversations:
                status = chance.choice(["completed", "failed"])
                ids.append(await turn(store, conversation=chance.choice(conversations), status=status))  # type: ignore[arg-type]  # both are statuses
            else:
                ids.append(await turn(store, follows=chance.choice([None, *ids])))
        while ids or conversations:
            if ids and chance.random() < 0.8:
                assert await store.delete(P, ids.pop(chance.randrange(len(ids))))
            elif conversations:
                assert await store.forget(P, conversations.pop())
            for id_ in ids:
                assert texts(await store.history(P, id_))[-2:] == ["hi", "hello"]
    assert rows(tmp_path) == {}


async def test_a_long_thread_goes_in_several_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.store.sqlite_threads.TRIMMED", 7)
    clock = Clock()
    async with running(tmp_path, clock) as store:
        root = await turn(store, [user(f"{n}") for n in range(20)], [])
        fork = await turn(store, [user(f"{n}") for n in range(20)], [], follows=await turn(store, follows=root))
        await turn(store, follows=root)
        conversation = Conversation(id=new("conv"), created_at=1)
        await store.create(P, conversation, [user(f"{n}") for n in range(30)])
        await store.forget(P, conversation.id)
        assert rows(tmp_path)["doomed"] == 1
        await store.delete(P, fork)
        while await store.sweep(int(clock.now), 0):
            pass
        assert "doomed" not in rows(tmp_path)
        assert rows(tmp_path)["item"] == 20 + 2 + 2


async def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    kept: list[tuple[str, str]] = []
    for round_ in range(4):
        async with running(tmp_path) as store:
            for n in range(3):
                follows = kept[0][0] if kept and n == 0 else None
                kept.append((await turn(store, f"{round_}.{n}", follows=follows), f"{round_}.{n}"))
                await store.open(begun("left", follows=kept[-1][0]))
            for id_, text in kept:
                assert texts(await store.history(P, id_))[-2:] == [text, "hello"]
