import asyncio

import pytest
from msgspec.structs import replace

from antiphon.core.items import Passed
from antiphon.core.ports import Chunk, PageQuery, StaleEpoch, Store
from antiphon.core.problems import Problem
from antiphon.core.response import Status
from tests.store.made import Clock, P, assistant, beginning, begun, chunk, ended, new, texts, told, turn, user

pytestmark = pytest.mark.anyio


# Responses: what is kept is found again, as it was


async def test_a_response_is_found_as_it_was_closed(store: Store) -> None:
    opening = begun()
    end = ended(opening, [assistant("one"), Passed({"type": "web_search_call", "id": new("ws"), "x": {"y": None}})])
    await store.open(opening)
    assert await store.get(P, opening.response.id) == opening.response
    await store.close(P, 0, end, None)
    assert await store.get(P, opening.response.id) == end
    assert await store.get(P, "resp_unknown") is None


async def test_what_is_kept_is_a_value_of_its_own(store: Store) -> None:
    message = user("before")
    opening = begun([message])
    await store.open(opening)
    message.content = []
    found = await store.history(P, opening.response.id)
    assert texts(found) == ["before"]
    assert found is not None
    found.clear()
    assert texts(await store.history(P, opening.response.id)) == ["before"]


async def test_a_running_response_tells_what_its_log_tells(store: Store) -> None:
    opening = begun(background=True)
    response = opening.response
    await store.open(opening)
    await store.append(P, response.id, 0, chunk(0, *beginning(response)))
    found = await store.get(P, response.id)
    assert found is not None and found.status == "in_progress" and found.output == []
    await store.append(P, response.id, 0, chunk(2, *told(2, "first")))
    found = await store.get(P, response.id)
    assert found is not None and texts(found.output) == ["first"]


async def test_the_log_is_the_same_bytes_in_order(store: Store) -> None:
    opening = begun()
    name = opening.response.id
    await store.open(opening)
    chunks = [Chunk(0, 1, b"a\nb"), Chunk(2, 2, "\u2028\x00é".encode()), Chunk(3, 9, b"last")]
    await store.append(P, name, 0, chunks[0])
    await store.append(P, name, 0, chunks[1])
    await store.close(P, 0, ended(opening), chunks[2])
    assert await store.log(P, name) == chunks
    assert await store.log(P, "resp_unknown") == []
    assert await store.log(P, await turn(store)) == []


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", "cancelled"])
async def test_nothing_is_written_after_the_end(store: Store, status: Status) -> None:
    opening = begun()
    await store.open(opening)
    await store.close(P, 0, ended(opening, status=status), None)
    with pytest.raises(StaleEpoch):
        await store.append(P, opening.response.id, 0, Chunk(0, 0, b"x"))
    with pytest.raises(StaleEpoch):
        await store.close(P, 0, ended(opening, "other"), None)
    found = await store.get(P, opening.response.id)
    assert found is not None and found.status == status and texts(found.output) == ["hello"]


async def test_writes_stand_in_the_order_of_the_calls(store: Store) -> None:
    opening = begun()
    name = opening.response.id
    writes = [store.open(opening)]
    writes += [store.append(P, name, 0, Chunk(n, n, b"%d" % n)) for n in range(50)]
    writes.append(store.close(P, 0, ended(opening), Chunk(50, 50, b"end")))
    await asyncio.gather(*writes)
    assert [chunk.first for chunk in await store.log(P, name)] == list(range(51))


async def test_a_refused_write_leaves_its_neighbours_alone(store: Store) -> None:
    good = [begun() for _ in range(3)]
    writes = [store.open(good[0]), store.open(begun(follows="resp_unknown")), store.open(good[1])]
    writes += [store.append(P, "resp_unknown", 0, Chunk(0, 0, b"x")), store.open(good[2])]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Problem, type(None), StaleEpoch, type(None)]
    for opening in good:
        assert await store.get(P, opening.response.id) is not None


# Threads: chains, forks, and what is inherited


async def test_a_chain_is_read_from_its_beginning(store: Store) -> None:
    last: str | None = None
    for n in range(4):
        last = await turn(store, f"q{n}", f"a{n}", follows=last)
    assert last is not None
    assert texts(await store.history(P, last)) == ["q0", "a0", "q1", "a1", "q2", "a2", "q3", "a3"]
    assert await store.history(P, "resp_unknown") is None


async def test_branches_do_not_see_one_another(store: Store) -> None:
    root = await turn(store, "q", "a")
    first = await turn(store, "q1", "a1", follows=root)
    second = await turn(store, "q2", "a2", follows=root)
    third = await turn(store, "q3", "a3", follows=second)
    fourth = await turn(store, "q4", "a4", follows=second)
    assert texts(await store.history(P, root)) == ["q", "a"]
    assert texts(await store.history(P, first)) == ["q", "a", "q1", "a1"]
    assert texts(await store.history(P, third)) == ["q", "a", "q2", "a2", "q3", "a3"]
    assert texts(await store.history(P, fourth)) == ["q", "a", "q2", "a2", "q4", "a4"]


async def test_a_run_that_goes_on_knows_what_it_was_made_from(store: Store) -> None:
    root = await turn(store, "q", "a")
    opening = begun("next", follows=root)
    await store.open(opening)
    await store.delete(P, root)
    assert texts(await store.history(P, opening.response.id)) == ["q", "a", "next"]


async def test_what_it_continues_must_be_there(store: Store) -> None:
    gone = await turn(store)
    await store.delete(P, gone)
    for follows in ("resp_unknown", gone, await turn(store, project="other")):
        with pytest.raises(Problem) as refusal:
            await store.open(begun(follows=follows))
        assert (refusal.value.status, refusal.value.code) == (400, "previous_response_not_found")


async def test_input_items_are_those_inherited_and_its_own(store: Store) -> None:
    root = await turn(store, "q", "a")
    child = await turn(store, "q1", "a1", follows=root)
    page = await store.inputs(P, child, PageQuery(order="asc"))
    assert page is not None and texts(page.items) == ["q", "a", "q1"] and not page.more
    page = await store.inputs(P, child, PageQuery(limit=2))
    assert page is not None and texts(page.items) == ["q1", "a"] and page.more
    after = page.items[-1].id
    assert isinstance(after, str)
    page = await store.inputs(P, child, PageQuery(limit=2, after=after))
    assert page is not None and texts(page.items) == ["q"] and not page.more
    assert await store.inputs(P, "resp_unknown", PageQuery()) is None
    with pytest.raises(Problem) as refusal:
        await store.inputs(P, child, PageQuery(after="msg_unknown"))
    assert (refusal.value.status, refusal.value.param) == (400, "after")


async def test_our_items_come_back_again_and_again(store: Store) -> None:
    root = await turn(store, "q", "a")
    for _ in range(3):
        before = await store.history(P, root)
        assert before is not None
        root = await turn(store, [*before, user("next")], "a", follows=root)
    found = await store.history(P, root)
    assert found is not None
    assert len(found) == 2 + 4 + 8 + 16
    page = await store.inputs(P, root, PageQuery(limit=100, order="asc"))
    assert page is not None
    ids = [item.id for item in page.items]
    assert len(ids) == len(set(ids))


async def test_paging_walks_over_every_id_once(store: Store) -> None:
    root = await turn(store, "q", "a")
    before = await store.history(P, root)
    assert before is not None
    child = await turn(store, [*before, *(user(f"{n}") for n in range(7))], follows=root)
    for order in ("asc", "desc"):
        seen: list[object] = []
        query = PageQuery(limit=3, order=order)
        while (page := await store.inputs(P, child, query)) is not None:
            seen += [item.id for item in page.items]
            if not page.more:
                break
            query = replace(query, after=seen[-1])
        assert len(seen) == len(set(seen)) == 9


# Items by id


async def test_an_id_means_the_newest_of_the_thread_then_of_the_project(store: Store) -> None:
    old = user("old")
    first = await turn(store, [old])
    assert isinstance(old.id, str)
    second = await turn(store, [user("new", old.id)])
    elsewhere = await turn(store, "other")
    for within, text in ((first, "old"), (second, "new"), (elsewhere, "new"), (None, "new"), ("resp_unknown", "new")):
        found = await store.item(P, old.id, within)
        assert found is not None and texts([found]) == [text]
    assert await store.item(P, "msg_unknown", first) is None


async def test_an_item_goes_with_the_last_that_reaches_it(store: Store) -> None:
    item = user("shared")
    assert isinstance(item.id, str)
    first, second = await turn(store, [item]), await turn(store, [item])
    await store.delete(P, first)
    assert await store.item(P, item.id, None) is not None
    await store.delete(P, second)
    assert await store.item(P, item.id, None) is None


# Deletion


async def test_a_deleted_response_does_not_exist(store: Store) -> None:
    opening = begun()
    name = opening.response.id
    await store.open(opening)
    await store.close(P, 0, ended(opening), Chunk(0, 0, b"x"))
    assert await store.delete(P, name) is True
    assert await store.get(P, name) is None
    assert await store.history(P, name) is None
    assert await store.inputs(P, name, PageQuery()) is None
    assert await store.log(P, name) == []
    assert await store.delete(P, name) is False


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_those_that_continue_a_deleted_one_keep_what_they_reach(store: Store, which: int) -> None:
    chain = [await turn(store, "q0", "a0")]
    for n in (1, 2):
        chain.append(await turn(store, f"q{n}", f"a{n}", follows=chain[-1]))
    branch = await turn(store, "qb", "ab", follows=chain[1])
    await store.delete(P, chain.pop(which))
    assert texts(await store.history(P, branch)) == ["q0", "a0", "q1", "a1", "qb", "ab"]
    whole = ["q0", "a0", "q1", "a1", "q2", "a2"]
    assert texts(await store.history(P, chain[-1])) == (whole if which < 2 else whole[:4])


async def test_a_chain_goes_on_where_its_tip_was_deleted(store: Store) -> None:
    root = await turn(store, "q", "a")
    child = await turn(store, "gone", "gone", follows=root)
    await store.delete(P, child)
    other = await turn(store, "q1", "a1", follows=root)
    assert texts(await store.history(P, other)) == ["q", "a", "q1", "a1"]


async def test_a_turn_without_items_keeps_its_place_for_those_that_branched_from_it(store: Store) -> None:
    root = await turn(store, "q", "a")
    empty = await turn(store, [], [], follows=root)
    child = await turn(store, "q1", "a1", follows=empty)
    branch = await turn(store, "q2", "a2", follows=empty)
    for gone in (empty, child):
        await store.delete(P, gone)
    await turn(store, "other", "other", follows=root)
    assert texts(await store.history(P, branch)) == ["q", "a", "q2", "a2"]


async def test_a_run_that_was_deleted_writes_no_more(store: Store) -> None:
    opening = begun()
    await store.open(opening)
    await store.delete(P, opening.response.id)
    with pytest.raises(StaleEpoch):
        await store.close(P, 0, ended(opening), None)
    assert await store.get(P, opening.response.id) is None


# Retention


async def test_what_has_expired_does_not_exist_swept_or_not(store: Store, clock: Clock) -> None:
    name = await turn(store, expires_at=int(clock.now) + 10)
    kept = await turn(store)
    clock.now += 9
    assert await store.get(P, name) is not None
    clock.now += 1
    assert await store.get(P, name) is None
    with pytest.raises(Problem):
        await store.open(begun(follows=name))
    assert await store.sweep(int(clock.now), 0) == 1
    assert await store.sweep(int(clock.now), 0) == 0
    assert await store.get(P, kept) is not None


async def test_a_run_does_not_expire_while_it_runs(store: Store, clock: Clock) -> None:
    opening = begun(expires_at=int(clock.now) + 10)
    await store.open(opening)
    clock.now += 20
    await store.sweep(int(clock.now), 0)
    assert await store.get(P, opening.response.id) is not None
    await store.close(P, 0, ended(opening), None)
    assert await store.get(P, opening.response.id) is None


async def test_a_log_goes_before_its_response(store: Store, clock: Clock) -> None:
    opening = begun()
    name = opening.response.id
    await store.open(opening)
    await store.close(P, 0, ended(opening), Chunk(0, 0, b"x"))
    assert await store.sweep(int(clock.now), int(clock.now)) == 0
    assert await store.log(P, name)
    assert await store.sweep(int(clock.now), int(clock.now) + 1) == 1
    assert await store.log(P, name) == []
    assert texts(await store.history(P, name)) == ["hi", "hello"]


async def test_many_that_expired_go_in_batches(store: Store, clock: Clock) -> None:
    await asyncio.gather(*(turn(store, expires_at=int(clock.now) + 1) for _ in range(120)))
    clock.now += 5
    batches = []
    while gone := await store.sweep(int(clock.now), 0):
        batches.append(gone)
    assert sum(batches) == 120
    assert max(batches) <= 50
