"""What a request points to, fetched from a store."""

from typing import Any

import pytest

from antiphon.core.items import InputText, Item, ItemReference, Message, Passed
from antiphon.core.ports import Conversation
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.runs import context
from antiphon.store.memory import MemoryStore
from tests.store.made import P, begun, ended, turn, user

pytestmark = pytest.mark.anyio


def asking(*items: Item, **fields: Any) -> Request:
    return Request(model="m", input=list(items), **fields)


async def refused(store: MemoryStore, request: Request) -> tuple[int, str | None, str | None]:
    async def both() -> None:
        await context.history(store, P, request)
        await context.resolve(store, P, request)

    with pytest.raises(Problem) as found:
        await both()
    return found.value.status, found.value.code, found.value.param


async def test_what_stands_before() -> None:
    store = MemoryStore()
    opening = begun("one")
    await store.open(opening)
    assert await refused(store, asking(previous_response_id=opening.response.id)) == (
        400,
        "invalid_value",
        "previous_response_id",
    )
    await store.close(P, 0, ended(opening, "two"), None)
    before = await context.history(store, P, asking(previous_response_id=opening.response.id))
    assert next(item.content for item in before if isinstance(item, Message)) == [InputText("one")]
    assert len(before) == 2
    assert await context.history(store, P, asking()) == []
    await store.create(P, Conversation(id="conv_1", created_at=1), [user("kept")])
    assert len(await context.history(store, P, asking(conversation="conv_1"))) == 1
    assert await refused(store, asking(conversation="conv_2")) == (404, None, "conversation")
    assert await refused(store, asking(previous_response_id="resp_2")) == (
        400,
        "previous_response_not_found",
        "previous_response_id",
    )


async def test_another_project_has_nothing() -> None:
    store = MemoryStore()
    name = await turn(store, "one")
    with pytest.raises(Problem, match="not found"):
        await context.history(store, "other", asking(previous_response_id=name))


async def test_what_a_running_response_was_made_from() -> None:
    store = MemoryStore()
    parent = await turn(store, "one", "two")
    child = begun("three", follows=parent)
    await store.open(child)
    before = await context.before(store, P, child.response.id, 1)
    await store.delete(P, parent)
    assert [type(item) for item in before] == [Message, Message]
    assert await context.before(store, P, child.response.id, 1) == before


async def test_references_are_resolved_within_the_thread_first() -> None:
    store = MemoryStore()
    parent = await turn(store, [user("of the thread", "msg_a")])
    await turn(store, [user("of the project", "msg_a")])
    request = asking(ItemReference(id="msg_a"), previous_response_id=parent)
    (item,) = await context.resolve(store, P, request)
    assert isinstance(item, Message) and item.content == [InputText("of the thread")]
    (item,) = await context.resolve(store, P, asking(ItemReference(id="msg_a")))
    assert isinstance(item, Message) and item.content == [InputText("of the project")]
    assert await refused(store, asking(user("x"), ItemReference(id="msg_b"))) == (404, None, "input[1].id")


async def test_what_only_a_connection_knows_comes_before_the_project() -> None:
    store = MemoryStore()
    await turn(store, [user("of the project", "msg_a")])
    local = [user("the first", "msg_a"), user("the second", "msg_a"), user("another", "msg_b")]
    request = asking(ItemReference(id="msg_a"), previous_response_id="resp_local")
    (item,) = await context.resolve(store, P, request, local)
    assert isinstance(item, Message) and item.content == [InputText("the second")]
    (item,) = await context.resolve(store, P, request, [])
    assert isinstance(item, Message) and item.content == [InputText("of the project")]


async def test_one_item_that_is_named_often_does_not_become_a_huge_input() -> None:
    store = MemoryStore()
    await turn(store, [user("x" * 2**20, "msg_a")])
    often = context.LARGEST // 2**20
    assert len(await context.resolve(store, P, asking(*[ItemReference(id="msg_a")] * (often - 1)))) == often - 1
    request = asking(*[ItemReference(id="msg_a")] * often)
    assert await refused(store, request) == (413, "request_too_large", f"input[{often - 1}].id")


def test_every_item_has_an_id_and_the_clients_own_stay() -> None:
    mine = user("a", "msg_mine")
    search = Passed({"type": "acme:oracle_call", "status": "completed"})
    named = context.with_ids([mine, Message(role="user"), search])
    assert named[0] is mine
    assert str(named[1].id).startswith("msg_") and str(named[2].id).startswith("item_")
    assert search.value == {"type": "acme:oracle_call", "status": "completed"}
