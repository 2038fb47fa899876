import asyncio

import pytest
from msgspec.structs import replace

from antiphon.core.ports import Chunk, PageQuery, Record, StaleEpoch, Store
from antiphon.core.problems import Problem
from tests.store.made import Clock, P, beginning, begun, chunk, ended, talk, texts, turn, user

pytestmark = pytest.mark.anyio


# The queue


async def test_runs_are_claimed_in_order_and_held_for_a_time(store: Store) -> None:
    runs = [begun(f"{n}", background=True, request=b"{}") for n in range(3)]
    for run in runs:
        await store.open(run)
    await store.open(begun())
    first = await store.claim(100.0, 130.0, None)
    assert first is not None
    assert (first.response, first.inputs, first.request) == (runs[0].response, runs[0].inputs, b"{}")
    assert (first.epoch, first.chunks, first.project) == (1, [], P)
    second = await store.claim(101.0, 131.0, None)
    assert second is not None and second.response.id == runs[1].response.id
    again = await store.claim(130.5, 160.0, None)
    assert again is not None and again.response.id == runs[0].response.id and again.epoch == 2
    one = await store.claim(130.6, 160.0, runs[2].response.id)
    assert one is not None and one.response.id == runs[2].response.id
    assert await store.claim(130.7, 160.0, None) is None
    assert await store.claim(130.7, 160.0, runs[0].response.id) is None
    assert await store.claim(1e9, 2e9, "resp_unknown") is None


async def test_whoever_was_replaced_cannot_write(store: Store) -> None:
    opening = begun(background=True)
    name = opening.response.id
    await store.open(opening)
    await store.claim(100.0, 130.0, None)
    await store.append(P, name, 1, Chunk(0, 0, b"x"))
    taken = await store.claim(200.0, 230.0, None)
    assert taken is not None and taken.epoch == 2 and taken.chunks == [Chunk(0, 0, b"x")]
    for write in (
        store.append(P, name, 1, Chunk(1, 1, b"y")),
        store.close(P, 1, ended(opening), None),
        store.renew(P, name, 1, 300.0),
        store.release(P, name, 1),
    ):
        with pytest.raises(StaleEpoch):
            await write
    await store.close(P, 2, ended(opening), Chunk(1, 1, b"z"))
    assert await store.log(P, name) == [Chunk(0, 0, b"x"), Chunk(1, 1, b"z")]
    assert await store.claim(1e9, 2e9, None) is None


async def test_a_lease_is_renewed_and_given_back(store: Store) -> None:
    opening = begun(background=True)
    name = opening.response.id
    await store.open(opening)
    await store.claim(100.0, 130.0, None)
    await store.renew(P, name, 1, 500.0)
    assert await store.claim(400.0, 600.0, None) is None
    await store.release(P, name, 1)
    claim = await store.claim(400.0, 600.0, None)
    assert claim is not None and claim.epoch == 2


async def test_foreground_runs_that_were_left_are_told(store: Store) -> None:
    root = await turn(store, "q", "a")
    opening = begun("left", follows=root)
    await store.open(opening)
    await store.append(P, opening.response.id, 0, Chunk(0, 0, b"x"))
    await store.open(begun(background=True))
    [left] = await store.interrupted()
    assert (left.response.id, left.follows, left.chunks) == (opening.response.id, root, [Chunk(0, 0, b"x")])
    await store.close(P, left.epoch, ended(opening, [], "failed"), None)
    assert await store.interrupted() == []


# Idempotency records


async def test_a_record_is_reserved_once(store: Store, clock: Clock) -> None:
    record = Record(b"f", int(clock.now))
    results = await asyncio.gather(*(store.reserve(P, "POST /v1/responses", "k", record) for _ in range(8)))
    assert results.count(None) == 1
    assert results.count(record) == 7
    led = replace(record, response_id="resp_1", body=b"{}")
    await store.fulfil(P, "POST /v1/responses", "k", led)
    assert await store.reserve(P, "POST /v1/responses", "k", record) == led
    assert await store.reserve(P, "POST /v1/conversations", "k", record) is None
    assert await store.reserve("other", "POST /v1/responses", "k", record) is None
    await store.withdraw(P, "POST /v1/responses", "k")
    assert await store.reserve(P, "POST /v1/responses", "k", record) is None


async def test_a_record_lasts_a_day(store: Store, clock: Clock) -> None:
    record = Record(b"f", int(clock.now))
    await store.reserve(P, "s", "k", record)
    await store.reserve(P, "s", "l", record)
    clock.now += 86_399
    assert await store.reserve(P, "s", "k", record) == record
    clock.now += 1
    newer = Record(b"g", int(clock.now))
    assert await store.reserve(P, "s", "k", newer) is None
    assert await store.sweep(int(clock.now), 0) == 1
    assert await store.reserve(P, "s", "k", record) == newer


# Projects


async def test_what_belongs_to_another_project_does_not_exist(store: Store) -> None:
    item = user("mine")
    assert isinstance(item.id, str)
    opening = begun([item], background=True)
    name, conversation = opening.response.id, await talk(store, "start")
    await store.open(opening)
    await store.append(P, name, 0, chunk(0, *beginning(opening.response)))
    assert await store.get("other", name) is None
    assert await store.history("other", name) is None
    assert await store.inputs("other", name, PageQuery()) is None
    assert await store.log("other", name) == []
    assert await store.item("other", item.id, None) is None
    assert await store.item("other", item.id, name) is None
    assert await store.delete("other", name) is False
    for write in (store.append("other", name, 0, Chunk(2, 2, b"x")), store.close("other", 0, ended(opening), None)):
        with pytest.raises(StaleEpoch):
            await write
    assert await store.conversation("other", conversation) is None
    assert await store.turns("other", conversation) is None
    assert await store.items("other", conversation, PageQuery()) is None
    assert await store.add("other", conversation, [user("x")]) is False
    assert await store.remove("other", conversation, item.id) is False
    assert await store.forget("other", conversation) is False
    with pytest.raises(Problem):
        await store.open(begun(project="other", follows=name))
    with pytest.raises(Problem):
        await store.open(begun(project="other", conversation=conversation))
    assert texts(await store.turns(P, conversation)) == ["start"]
    assert len(await store.log(P, name)) == 1
