"""Rules: what holds on every engine, in the same words.

Knows nothing of engines.
"""

from collections.abc import Sequence

from antiphon.core.fold import Fold
from antiphon.core.items import Item
from antiphon.core.ports import Chunk
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.core.wire import decode_event

RECORD_LIFE = 86_400
"""Seconds for which an idempotency record is kept (protocol §6.2)."""
BATCH = 50
"""How many rows of a kind one sweep forgets at most, so that nobody waits long for it."""
JOINS = frozenset({"completed", "incomplete"})
"""The ends with which a response joins its conversation (protocol §1.1)."""


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
