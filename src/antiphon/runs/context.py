"""Context: what a request points to, fetched and checked (protocol §8.1, §2.1).

Knows nothing of models: it gives the items that stand before the input, and the input with
its references resolved and its ids given.
"""

from msgspec.structs import replace

from antiphon.core.items import ID_PREFIX, Item, ItemReference, Passed, item_type
from antiphon.core.pairing import check_pairs
from antiphon.core.ports import Store
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.wire import pack
from antiphon.runs.ids import new_id

LARGEST = 64 * 1024 * 1024
"""Bytes of what the item references of one request bring."""


async def history(store: Store, project: str, request: Request) -> list[Item]:
    """The items before the request's own input. Raises `Problem` for what is not there, or not done."""
    if request.previous_response_id is not None:
        return await _after(store, project, request.previous_response_id)
    if request.conversation is not None:
        turns = await store.turns(project, request.conversation)
        if turns is None:
            raise Problem(
                404, None, f"Conversation with id '{request.conversation[:80]}' not found.", param="conversation"
            )
        return turns
    return []


async def before(store: Store, project: str, response_id: str, own: int) -> list[Item]:
    """The items before the input of a response that is being made; `own` is how many items its input has.

    What it was made from stays, though what it follows be deleted or grow meanwhile.
    """
    made_from = await store.history(project, response_id) or []
    return made_from[: len(made_from) - own]


async def resolve(store: Store, project: str, request: Request, local: list[Item] | None = None) -> list[Item]:
    """The request's input with references replaced by the items that they stand for.

    `local` is what stands before the input where only a connection knows it (`Run.local`). Raises `Problem` 404 for
    a reference to nothing, 413 where they bring more than `LARGEST` bytes: one item may be named any number of times.
    """
    within = request.previous_response_id if local is None else None
    if not any(isinstance(item, ItemReference) for item in request.input):
        return request.input
    known: dict[str, Item | None] = {item.id: item for item in local or [] if isinstance(item.id, str)}
    sizes: dict[str, int] = {}
    found: list[Item] = []
    left = LARGEST
    for place, item in enumerate(request.input):
        if not isinstance(item, ItemReference):
            found.append(item)
            continue
        if item.id not in known:
            known[item.id] = await store.item(project, item.id, within)
        meant = known[item.id]
        if meant is None:
            raise Problem(404, None, f"Item with id '{item.id[:80]}' not found.", param=f"input[{place}].id")
        if item.id not in sizes:
            sizes[item.id] = len(pack(meant))
        left -= sizes[item.id]
        if left < 0:
            message = f"The items that are referred to have more than {LARGEST} bytes together, the most that is taken."
            raise Problem(413, "request_too_large", message, param=f"input[{place}].id")
        found.append(meant)
    return found


def with_ids(items: list[Item]) -> list[Item]:
    """The items, each with an id: the client's own, or a new one."""
    return [item if isinstance(item.id, str) else _named(item) for item in items]


def check(request: Request, before: list[Item]) -> None:
    """See that calls and outputs are paired. Raises `Problem` 400."""
    check_pairs([*before, *request.input])


async def _after(store: Store, project: str, response_id: str) -> list[Item]:
    parent = await store.get(project, response_id)
    if parent is None:
        raise Problem(
            400,
            "previous_response_not_found",
            f"Previous response with id '{response_id[:80]}' not found.",
            param="previous_response_id",
        )
    if parent.status not in ("completed", "incomplete"):
        raise Problem(
            400,
            "invalid_value",
            f"The previous response is {parent.status}; only a completed or incomplete one can be continued.",
            param="previous_response_id",
        )
    return await store.history(project, response_id) or []


def _named(item: Item) -> Item:
    prefix = ID_PREFIX.get(item_type(item), "item")
    if isinstance(item, Passed):
        return Passed({**item.value, "id": new_id(prefix)})
    return replace(item, id=new_id(prefix))
