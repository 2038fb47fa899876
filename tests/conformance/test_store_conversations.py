import pytest
from msgspec.structs import replace

from antiphon.core.ports import Conversation, PageQuery, Store
from antiphon.core.problems import Problem
from antiphon.core.response import Status
from tests.store.made import P, begun, ended, new, talk, texts, turn, user

pytestmark = pytest.mark.anyio


# Conversations


async def test_a_conversation_is_made_changed_and_forgotten(store: Store) -> None:
    name = await talk(store, "one", "two")
    found = await store.conversation(P, name)
    assert found == Conversation(id=name, created_at=1_000_000, metadata={"topic": "ducks"})
    assert await store.update(P, replace(found, metadata={"topic": "geese"})) is True
    found = await store.conversation(P, name)
    assert found is not None and found.metadata == {"topic": "geese"}
    assert texts(await store.turns(P, name)) == ["one", "two"]
    assert await store.forget(P, name) is True
    assert await store.conversation(P, name) is None
    assert await store.turns(P, name) is None
    assert await store.items(P, name, PageQuery()) is None
    assert await store.add(P, name, [user("x")]) is False
    assert await store.remove(P, name, "msg_x") is False
    assert await store.update(P, found) is False
    assert await store.forget(P, name) is False


async def test_a_response_joins_its_conversation_when_it_is_done(store: Store) -> None:
    name = await talk(store, "start")
    opening = begun("q", conversation=name)
    await store.open(opening)
    assert texts(await store.turns(P, name)) == ["start"]
    assert texts(await store.history(P, opening.response.id)) == ["start", "q"]
    await store.close(P, 0, ended(opening, "a"), None)
    assert texts(await store.turns(P, name)) == ["start", "q", "a"]
    assert texts(await store.history(P, opening.response.id)) == ["start", "q", "a"]
    cut = await turn(store, "q2", "cut", status="incomplete", conversation=name)
    assert texts(await store.turns(P, name)) == ["start", "q", "a", "q2", "cut"]
    assert texts(await store.history(P, cut)) == ["start", "q", "a", "q2", "cut"]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_what_failed_joins_nothing(store: Store, status: Status) -> None:
    name = await talk(store, "start")
    failed = await turn(store, "q", "half", status=status, conversation=name)
    after = await turn(store, "q2", "a2", conversation=name)
    assert texts(await store.turns(P, name)) == ["start", "q2", "a2"]
    assert texts(await store.history(P, failed)) == ["start", "q", "half"]
    assert texts(await store.history(P, after)) == ["start", "q2", "a2"]


async def test_one_response_at_a_time(store: Store) -> None:
    name = await talk(store)
    first = begun(conversation=name)
    await store.open(first)
    with pytest.raises(Problem) as refusal:
        await store.open(begun(conversation=name))
    assert (refusal.value.status, refusal.value.code) == (400, "conversation_locked")
    await store.close(P, 0, ended(first), None)
    await turn(store, conversation=name)
    with pytest.raises(Problem) as refusal:
        await store.open(begun(conversation="conv_unknown"))
    assert refusal.value.status == 404


async def test_items_are_added_in_the_order_of_their_positions(store: Store) -> None:
    name = await talk(store, "start")
    opening = begun("q", conversation=name)
    await store.open(opening)
    assert await store.add(P, name, [user("meanwhile"), user("too")]) is True
    assert texts(await store.history(P, opening.response.id)) == ["start", "q"]
    await store.close(P, 0, ended(opening, "a"), None)
    assert texts(await store.turns(P, name)) == ["start", "q", "a", "meanwhile", "too"]
    assert texts(await store.history(P, opening.response.id)) == ["start", "q", "a"]


async def test_an_item_taken_out_is_still_seen_by_those_that_saw_it(store: Store) -> None:
    item = user("secret")
    assert isinstance(item.id, str)
    conversation = Conversation(id=new("conv"), created_at=1_000_000)
    await store.create(P, conversation, [user("start"), item, item])
    saw = await turn(store, "q", "a", conversation=conversation.id)
    assert await store.remove(P, conversation.id, item.id) is True
    assert await store.remove(P, conversation.id, item.id) is False
    later = await turn(store, "q2", "a2", conversation=conversation.id)
    assert texts(await store.turns(P, conversation.id)) == ["start", "q", "a", "q2", "a2"]
    assert texts(await store.history(P, saw)) == ["start", "secret", "secret", "q", "a"]
    assert texts(await store.history(P, later)) == ["start", "q", "a", "q2", "a2"]
    await store.delete(P, saw)
    assert await store.item(P, item.id, None) is None


async def test_an_item_taken_out_stays_out_whatever_is_deleted(store: Store) -> None:
    name = await talk(store, "start")
    first = await turn(store, "q1", "a1", conversation=name)
    second = await turn(store, "q2", "a2", status="failed", conversation=name)
    page = await store.items(P, name, PageQuery(order="asc"))
    assert page is not None
    start = page.items[0].id
    assert isinstance(start, str)
    await store.remove(P, name, start)
    await store.delete(P, second)
    third = await turn(store, "q3", "a3", conversation=name)
    assert texts(await store.history(P, first)) == ["start", "q1", "a1"]
    assert texts(await store.history(P, third)) == ["q1", "a1", "q3", "a3"]


async def test_a_conversation_and_its_responses_hold_on_their_own(store: Store) -> None:
    name = await talk(store, "start")
    first = await turn(store, "q1", "a1", conversation=name)
    second = await turn(store, "q2", "a2", conversation=name)
    aside = await turn(store, "qs", "as", follows=first)
    await store.delete(P, first)
    assert texts(await store.turns(P, name)) == ["start", "q1", "a1", "q2", "a2"]
    assert texts(await store.history(P, aside)) == ["start", "q1", "a1", "qs", "as"]
    await store.forget(P, name)
    assert texts(await store.history(P, second)) == ["start", "q1", "a1", "q2", "a2"]
    await store.delete(P, second)
    assert texts(await store.history(P, aside)) == ["start", "q1", "a1", "qs", "as"]


async def test_a_conversation_forgotten_under_a_run(store: Store) -> None:
    name = await talk(store, "start")
    opening = begun("q", conversation=name)
    await store.open(opening)
    await store.forget(P, name)
    await store.close(P, 0, ended(opening, "a"), None)
    assert texts(await store.history(P, opening.response.id)) == ["start", "q", "a"]


async def test_pages_of_a_conversation(store: Store) -> None:
    name = await talk(store, *"abcde")
    page = await store.items(P, name, PageQuery(limit=2, order="asc"))
    assert page is not None and texts(page.items) == ["a", "b"] and page.more
    after = page.items[-1].id
    assert isinstance(after, str)
    page = await store.items(P, name, PageQuery(limit=3, order="asc", after=after))
    assert page is not None and texts(page.items) == ["c", "d", "e"] and not page.more
    page = await store.items(P, await talk(store), PageQuery())
    assert page is not None and page.items == [] and not page.more
