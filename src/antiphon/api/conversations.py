"""`/conversations` and their items (protocol §1, rows 9 to 16).

Knows nothing of runs: a response that belongs to a conversation is the runner's business.
"""

from antiphon.api.exchange import JSON_TYPE, Exchange
from antiphon.api.house import House
from antiphon.api.idempotent import once
from antiphon.api.paging import Query, envelope, listed
from antiphon.contract import conversations as bodies
from antiphon.core.items import JSON, Item, ItemReference
from antiphon.core.ports import Conversation
from antiphon.core.problems import Problem
from antiphon.core.redaction import redacted_items
from antiphon.core.wire import encode
from antiphon.runs.context import with_ids
from antiphon.runs.ids import new_id, now


async def create(house: House, exchange: Exchange) -> None:
    """`POST /conversations`; the body may be empty."""
    raw = await exchange.body(house.max_body)

    async def work() -> bytes:
        body = bodies.create(raw)
        items = await _kept(house, exchange, body.items)
        conversation = Conversation(id=new_id("conv"), created_at=now(), metadata=body.metadata)
        await house.store.create(exchange.project, conversation, items)
        return encode(conversation)

    await once(house, exchange, raw, work)


async def retrieve(house: House, exchange: Exchange, conversation_id: str) -> None:
    """`GET /conversations/{id}`."""
    await _answer(exchange, await _conversation(house, exchange, conversation_id))


async def update(house: House, exchange: Exchange, conversation_id: str) -> None:
    """`POST /conversations/{id}`: other metadata."""
    body = bodies.update(await exchange.body(house.max_body))
    conversation = await _conversation(house, exchange, conversation_id)
    conversation.metadata = body.metadata
    if not await house.store.update(exchange.project, conversation):
        raise _missing(conversation_id)
    await _answer(exchange, conversation)


async def delete(house: House, exchange: Exchange, conversation_id: str) -> None:
    """`DELETE /conversations/{id}`."""
    if not await house.store.forget(exchange.project, conversation_id):
        raise _missing(conversation_id)
    await _answer(exchange, {"id": conversation_id, "object": "conversation.deleted", "deleted": True})


async def add_items(house: House, exchange: Exchange, conversation_id: str) -> None:
    """`POST /conversations/{id}/items`: gives the items that were added."""
    Query(exchange.scope["query_string"]).include()
    raw = await exchange.body(house.max_body)

    async def work() -> bytes:
        items = await _kept(house, exchange, bodies.add(raw).items)
        if not await house.store.add(exchange.project, conversation_id, items):
            raise _missing(conversation_id)
        return encode(listed(items, exchange.contract))

    await once(house, exchange, raw, work)


async def list_items(house: House, exchange: Exchange, conversation_id: str) -> None:
    """`GET /conversations/{id}/items`."""
    query = Query(exchange.scope["query_string"])
    query.include()
    page = await house.store.items(exchange.project, conversation_id, query.page())
    if page is None:
        raise _missing(conversation_id)
    await _answer(exchange, envelope(page, exchange.contract))


async def one_item(house: House, exchange: Exchange, conversation_id: str, item_id: str) -> None:
    """`GET /conversations/{id}/items/{item_id}`."""
    Query(exchange.scope["query_string"]).include()
    turns = await house.store.turns(exchange.project, conversation_id)
    if turns is None:
        raise _missing(conversation_id)
    found = next((item for item in reversed(turns) if item.id == item_id), None)
    if found is None:
        raise _no_item(item_id)
    (told,) = exchange.contract.items([found])
    await _answer(exchange, told)


async def delete_item(house: House, exchange: Exchange, conversation_id: str, item_id: str) -> None:
    """`DELETE /conversations/{id}/items/{item_id}`: gives the conversation."""
    conversation = await _conversation(house, exchange, conversation_id)
    if not await house.store.remove(exchange.project, conversation_id, item_id):
        raise _no_item(item_id)
    await _answer(exchange, conversation)


async def _kept(house: House, exchange: Exchange, items: list[Item]) -> list[Item]:
    """The items as a conversation keeps them: references resolved, each with an id."""
    found: list[Item] = []
    for place, item in enumerate(items):
        if not isinstance(item, ItemReference):
            found.append(item)
            continue
        known = await house.store.item(exchange.project, item.id, None)
        if known is None:
            raise Problem(404, None, f"Item with id '{item.id[:80]}' not found.", param=f"items[{place}].id")
        found.append(known)
    house.prompting.compacting.check(exchange.project, found, "items")
    return with_ids(redacted_items(found))


async def _conversation(house: House, exchange: Exchange, conversation_id: str) -> Conversation:
    conversation = await house.store.conversation(exchange.project, conversation_id)
    if conversation is None:
        raise _missing(conversation_id)
    return conversation


async def _answer(exchange: Exchange, value: JSON) -> None:
    await exchange.answer(200, [JSON_TYPE], encode(value))


def _missing(conversation_id: str) -> Problem:
    return Problem(404, None, f"Conversation with id '{conversation_id[:80]}' not found.")


def _no_item(item_id: str) -> Problem:
    return Problem(404, None, f"Item with id '{item_id[:80]}' not found.")
