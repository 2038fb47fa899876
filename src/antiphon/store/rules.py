"""Rules: what holds on every engine, in the same words.

Knows nothing of engines.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from antiphon.core.accounts import DEFAULT_PROJECT, Charge, Key, Project, Settlement
from antiphon.core.fold import Fold
from antiphon.core.items import Item
from antiphon.core.ports import Chunk
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.core.templates import Template
from antiphon.core.wire import decode_event

RECORD_LIFE = 86_400
"""Seconds for which an idempotency record is kept (protocol §6.2)."""
BATCH = 50
"""How many rows of a kind one sweep forgets at most, so that nobody waits long for it."""
JOINS = frozenset({"completed", "incomplete"})
"""The ends with which a response joins its conversation (protocol §1.1)."""


def newest_of_each(templates: Iterable[Template]) -> list[Template]:
    """Of versions in order the last of each prompt, the greatest id first."""
    return sorted({one.id: one for one in templates}.values(), key=lambda one: one.id, reverse=True)


def no_parent(response_id: str) -> Problem:
    """What is to be continued is not there (protocol §8.1)."""
    return Problem(
        400,
        "previous_response_not_found",
        f"Previous response with id '{response_id[:80]}' not found.",
        param="previous_response_id",
    )


def no_conversation(conversation_id: str) -> Problem:
    """The conversation is not there."""
    return Problem(404, None, f"Conversation with id '{conversation_id[:80]}' not found.", param="conversation")


def locked(conversation_id: str) -> Problem:
    """Another response of the conversation runs (protocol §1.1)."""
    return Problem(
        400,
        "conversation_locked",
        f"Another response is being made for conversation '{conversation_id[:80]}'; try again in a few seconds.",
        param="conversation",
        retry_after=2,
    )


def outward(item: Item) -> str:
    """The id under which an item is kept: every item was given one before it comes here."""
    assert isinstance(item.id, str), "an item came to the store without an id"
    return item.id


def told(response: Response, chunks: Sequence[Chunk]) -> Response:
    """The response that a log tells, `response` being what it was before the first event."""
    fold = Fold(response)
    for chunk in chunks:
        for line in chunk.data.split(b"\n"):
            fold.apply(decode_event(line))
    return fold.snapshot()


def fresh_default(now: float) -> Project:
    """The project of an open server, as it is at first."""
    return Project(id=DEFAULT_PROJECT, name=DEFAULT_PROJECT, created_at=int(now))


def without(key: Key, project: str) -> Key:
    """The key, when that project is not among those that it may choose any more."""
    return replace(key, projects=tuple(other for other in key.projects if other != project))


def settled_late(charge: Charge, response: Response | None, ended_at: float | None) -> Settlement:
    """How a row is closed whose run died: by its response's usage, else by what was reserved.

    `response` is None where nothing is kept of it (any more). What was read from a cache is not priced apart.
    """
    status, usage = ("lost", None) if response is None else (response.status, response.usage)
    seconds = 0.0 if ended_at is None else max(0.0, ended_at - charge.opened_at)
    if usage is None or not usage.total_tokens:  # a response that ends well says zeros where nobody counted
        return Settlement(
            response_id=charge.response_id,
            status=status,
            input_tokens=charge.input_tokens,
            output_tokens=charge.output_tokens,
            estimated=True,
            cost=charge.cost,
            seconds=seconds,
        )
    cost = _share(charge.input_cost, usage.input_tokens, charge.input_tokens)
    cost += _share(charge.cost - charge.input_cost, usage.output_tokens, charge.output_tokens)
    return Settlement(
        response_id=charge.response_id,
        status=status,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.input_tokens_details.cached_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.output_tokens_details.reasoning_tokens,
        estimated=usage.estimated is True,
        cost=cost,
        seconds=seconds,
    )


def _share(cost: float, used: int, reserved: int) -> float:
    return cost * used / reserved if reserved else 0.0
